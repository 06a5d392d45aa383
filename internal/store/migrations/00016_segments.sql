-- +goose Up
-- The rows of the table journal stay: the journal moves them into segments.
CREATE TABLE journal_segments (
    key    __KEY__ PRIMARY KEY,
    newest BIGINT NOT NULL,
    size   BIGINT NOT NULL,
    idx    __BLOB__ NOT NULL,
    data   __BLOB__ NOT NULL
);
CREATE INDEX journal_segments_age ON journal_segments (newest, size);

-- The rows of bss_endpoint_history stay: the boot script service moves them.
CREATE TABLE bss_endpoint_accesses (
    key    __KEY__ PRIMARY KEY,
    newest BIGINT NOT NULL,
    size   BIGINT NOT NULL,
    idx    __BLOB__ NOT NULL,
    data   __BLOB__ NOT NULL
);
