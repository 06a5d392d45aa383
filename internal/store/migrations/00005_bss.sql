-- +goose Up
CREATE TABLE bss_hosts (
    key    __KEY__ PRIMARY KEY,
    rev    BIGINT NOT NULL,
    doc    TEXT NOT NULL,
    kernel __KEY__ NOT NULL,
    initrd __KEY__ NOT NULL
);
CREATE INDEX bss_hosts_kernel ON bss_hosts (kernel, key);
CREATE INDEX bss_hosts_initrd ON bss_hosts (initrd, key);

CREATE TABLE bss_images (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE bss_endpoint_history (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
