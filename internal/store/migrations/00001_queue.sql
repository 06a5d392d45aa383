-- +goose Up
CREATE TABLE queue (
    id       __SERIAL__,
    topic    __KEY__ NOT NULL,
    payload  TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    due      BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX queue_topic_id ON queue (topic, id);
