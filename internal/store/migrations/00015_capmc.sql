-- +goose Up
CREATE TABLE capmc_orders (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
