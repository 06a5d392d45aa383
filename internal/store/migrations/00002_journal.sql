-- +goose Up
CREATE TABLE journal (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
