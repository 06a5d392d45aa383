-- +goose Up
CREATE TABLE tapms_tenants (
    key  __KEY__ PRIMARY KEY,
    rev  BIGINT NOT NULL,
    doc  TEXT NOT NULL,
    uuid __KEY__ NOT NULL
);
CREATE INDEX tapms_tenants_uuid ON tapms_tenants (uuid, key);
