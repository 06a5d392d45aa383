-- +goose Up
CREATE TABLE cfs_components (
    key            __KEY__ PRIMARY KEY,
    rev            BIGINT NOT NULL,
    doc            TEXT NOT NULL,
    desired_config __KEY__ NOT NULL,
    enabled        __KEY__ NOT NULL,
    status         __KEY__ NOT NULL
);
CREATE INDEX cfs_components_desired_config ON cfs_components (desired_config, key);
CREATE INDEX cfs_components_status ON cfs_components (status, enabled, key);

CREATE TABLE cfs_configurations (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE cfs_sources (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE cfs_secrets (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE cfs_sessions (
    key    __KEY__ PRIMARY KEY,
    rev    BIGINT NOT NULL,
    doc    TEXT NOT NULL,
    status __KEY__ NOT NULL
);
CREATE INDEX cfs_sessions_status ON cfs_sessions (status, key);

CREATE TABLE cfs_runs (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE cfs_options (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE cfs_batches (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
