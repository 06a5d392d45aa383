-- +goose Up
CREATE TABLE held_changes (
__SQLITE__    number INTEGER PRIMARY KEY,
__POSTGRES__    number BIGINT PRIMARY KEY,
    entries __BLOB__ NOT NULL
);
__POSTGRES__ ALTER TABLE held_changes ALTER COLUMN entries SET STORAGE EXTERNAL;
