-- +goose Up
-- key is the number with leading zeros, total the length of all documents up to this one.
CREATE TABLE audit_records (
    key   __KEY__ PRIMARY KEY,
    time  BIGINT NOT NULL,
    total BIGINT NOT NULL,
    hash  __BLOB__ NOT NULL,
    doc   TEXT NOT NULL
);
CREATE INDEX audit_records_time ON audit_records (time);

CREATE TABLE audit_anchors (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
