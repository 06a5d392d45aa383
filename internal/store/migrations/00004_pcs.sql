-- +goose Up
CREATE TABLE pcs_status (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
CREATE TABLE pcs_transitions (
    key    __KEY__ PRIMARY KEY,
    rev    BIGINT NOT NULL,
    doc    TEXT NOT NULL,
    status __KEY__ NOT NULL
);
CREATE INDEX pcs_transitions_status ON pcs_transitions (status, key);
CREATE TABLE pcs_tasks (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
