-- +goose Up
CREATE TABLE auth_tokens (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
