-- +goose Up
CREATE TABLE bss_kept_images (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
