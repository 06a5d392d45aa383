-- +goose Up
CREATE TABLE bos_components (
    key            __KEY__ PRIMARY KEY,
    rev            BIGINT NOT NULL,
    doc            TEXT NOT NULL,
    enabled        __KEY__ NOT NULL,
    session        __KEY__ NOT NULL,
    owner          __KEY__ NOT NULL,
    staged_session __KEY__ NOT NULL,
    staged_owner   __KEY__ NOT NULL,
    phase          __KEY__ NOT NULL,
    status         __KEY__ NOT NULL,
    errors         __KEY__ NOT NULL
);
CREATE INDEX bos_components_enabled ON bos_components (enabled, key);
CREATE INDEX bos_components_session ON bos_components (session, key);
CREATE INDEX bos_components_owner ON bos_components (owner, enabled, status, phase);
CREATE INDEX bos_components_owner_errors ON bos_components (owner, errors, key);
CREATE INDEX bos_components_staged_session ON bos_components (staged_session, key);
CREATE INDEX bos_components_staged_owner ON bos_components (staged_owner, key);
CREATE INDEX bos_components_status ON bos_components (status, key);

CREATE TABLE bos_sessions (
    key    __KEY__ PRIMARY KEY,
    rev    BIGINT NOT NULL,
    doc    TEXT NOT NULL,
    tenant __KEY__ NOT NULL,
    status __KEY__ NOT NULL
);
CREATE INDEX bos_sessions_tenant ON bos_sessions (tenant, key);
CREATE INDEX bos_sessions_status ON bos_sessions (status, key);

CREATE TABLE bos_templates (
    key    __KEY__ PRIMARY KEY,
    rev    BIGINT NOT NULL,
    doc    TEXT NOT NULL,
    tenant __KEY__ NOT NULL
);
CREATE INDEX bos_templates_tenant ON bos_templates (tenant, key);

CREATE TABLE bos_options (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE bos_tokens (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
