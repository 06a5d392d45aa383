-- +goose Up
CREATE TABLE pcs_power_caps (
    key    __KEY__ PRIMARY KEY,
    rev    BIGINT NOT NULL,
    doc    TEXT NOT NULL,
    status __KEY__ NOT NULL
);
CREATE INDEX pcs_power_caps_status ON pcs_power_caps (status, key);
CREATE TABLE pcs_power_cap_components (
    key  __KEY__ PRIMARY KEY,
    rev  BIGINT NOT NULL,
    doc  TEXT NOT NULL,
    task __KEY__ NOT NULL
);
CREATE INDEX pcs_power_cap_components_task ON pcs_power_cap_components (task, key);
