-- +goose Up
CREATE TABLE vcs_repositories (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
