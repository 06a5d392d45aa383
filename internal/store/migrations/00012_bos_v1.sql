-- +goose Up
CREATE TABLE bos_v1_sessions (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    complete __KEY__ NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX bos_v1_sessions_complete ON bos_v1_sessions (complete, key);

CREATE TABLE bos_v1_boot_sets (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    session __KEY__ NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX bos_v1_boot_sets_session ON bos_v1_boot_sets (session, key);
