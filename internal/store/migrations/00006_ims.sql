-- +goose Up
CREATE TABLE ims_images (
    key  __KEY__ PRIMARY KEY,
    rev  BIGINT NOT NULL,
    doc  TEXT NOT NULL,
    path __KEY__ NOT NULL
);
CREATE INDEX ims_images_path ON ims_images (path, key);

CREATE TABLE ims_deleted_images (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE ims_recipes (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE ims_deleted_recipes (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE ims_public_keys (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE ims_deleted_public_keys (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
