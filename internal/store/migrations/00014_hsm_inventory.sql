-- +goose Up
CREATE TABLE hsm_hardware (
    key              __KEY__ PRIMARY KEY,
    rev              BIGINT NOT NULL,
    doc              TEXT NOT NULL,
    type             __KEY__ NOT NULL,
    fruid            __KEY__ NOT NULL,
    redfish_endpoint __KEY__ NOT NULL
);
CREATE INDEX hsm_hardware_type ON hsm_hardware (type, key);
CREATE INDEX hsm_hardware_fruid ON hsm_hardware (fruid, key);
CREATE INDEX hsm_hardware_redfish_endpoint ON hsm_hardware (redfish_endpoint, key);

CREATE TABLE hsm_loose_frus (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
CREATE TABLE hsm_hardware_history (
    key   __KEY__ PRIMARY KEY,
    rev   BIGINT NOT NULL,
    doc   TEXT NOT NULL,
    fruid __KEY__ NOT NULL
);
CREATE INDEX hsm_hardware_history_fruid ON hsm_hardware_history (fruid, key);

CREATE TABLE hsm_service_endpoints (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE hsm_node_maps (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL,
    nid __KEY__ NOT NULL
);
CREATE UNIQUE INDEX hsm_node_maps_nid ON hsm_node_maps (nid);
CREATE TABLE hsm_power_maps (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE hsm_subscriptions (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
CREATE TABLE hsm_notifications (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
