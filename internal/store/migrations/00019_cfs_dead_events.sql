-- +goose Up
CREATE TABLE cfs_dead_events (
    key     __KEY__ PRIMARY KEY,
    rev     BIGINT NOT NULL,
    doc     TEXT NOT NULL,
    session __KEY__ NOT NULL
);
CREATE INDEX cfs_dead_events_session ON cfs_dead_events (session, key);
