-- +goose Up
CREATE TABLE ims_jobs (
    key  __KEY__ PRIMARY KEY,
    rev  BIGINT NOT NULL,
    doc  TEXT NOT NULL,
    open __KEY__ NOT NULL
);
CREATE INDEX ims_jobs_open ON ims_jobs (open, key);

CREATE TABLE ims_remote_build_nodes (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
