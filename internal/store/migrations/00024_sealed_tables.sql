-- +goose Up
CREATE TABLE sealed_tables (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
