-- +goose Up
CREATE TABLE hsm_components (
    key  __KEY__ PRIMARY KEY,
    rev  BIGINT NOT NULL,
    doc  TEXT NOT NULL,
    type __KEY__ NOT NULL,
    nid  __KEY__ NOT NULL
);
CREATE INDEX hsm_components_type ON hsm_components (type, key);
CREATE INDEX hsm_components_nid ON hsm_components (nid, key);

CREATE TABLE hsm_reservations (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE hsm_groups (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
CREATE TABLE hsm_partitions (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
CREATE TABLE hsm_members (
    key       __KEY__ PRIMARY KEY,
    rev       BIGINT NOT NULL,
    doc       TEXT NOT NULL,
    component __KEY__ NOT NULL
);
CREATE INDEX hsm_members_component ON hsm_members (component, key);

CREATE TABLE hsm_redfish_endpoints (
    key    __KEY__ PRIMARY KEY,
    rev    BIGINT NOT NULL,
    doc    TEXT NOT NULL,
    status __KEY__ NOT NULL
);
CREATE INDEX hsm_redfish_endpoints_status ON hsm_redfish_endpoints (status, key);
CREATE TABLE hsm_credentials (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE hsm_component_endpoints (
    key              __KEY__ PRIMARY KEY,
    rev              BIGINT NOT NULL,
    doc              TEXT NOT NULL,
    type             __KEY__ NOT NULL,
    redfish_endpoint __KEY__ NOT NULL
);
CREATE INDEX hsm_component_endpoints_type ON hsm_component_endpoints (type, key);
CREATE INDEX hsm_component_endpoints_redfish_endpoint ON hsm_component_endpoints (redfish_endpoint, key);

CREATE TABLE hsm_ethernet_interfaces (
    key       __KEY__ PRIMARY KEY,
    rev       BIGINT NOT NULL,
    doc       TEXT NOT NULL,
    component __KEY__ NOT NULL
);
CREATE INDEX hsm_ethernet_interfaces_component ON hsm_ethernet_interfaces (component, key);
