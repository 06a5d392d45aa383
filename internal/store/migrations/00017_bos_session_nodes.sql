-- +goose Up
CREATE TABLE bos_session_nodes (
    key __KEY__ PRIMARY KEY,
    rev BIGINT NOT NULL,
    doc TEXT NOT NULL
);
__SQLITE__ INSERT INTO bos_session_nodes (key, rev, doc) SELECT key, 1, json_object('session', key, 'components', coalesce(doc ->> 'components', ''), 'left_out', doc -> 'left_out') FROM bos_sessions;
__POSTGRES__ INSERT INTO bos_session_nodes (key, rev, doc) SELECT key, 1, jsonb_build_object('session', key, 'components', coalesce(doc::jsonb ->> 'components', ''), 'left_out', doc::jsonb -> 'left_out')::text FROM bos_sessions;
__SQLITE__ UPDATE bos_sessions SET doc = json_set(json_remove(doc, '$.components', '$.left_out'), '$.left_out_count', coalesce(json_array_length(doc, '$.left_out'), 0));
__POSTGRES__ UPDATE bos_sessions SET doc = (doc::jsonb - 'components' - 'left_out' || jsonb_build_object('left_out_count', coalesce(jsonb_array_length(doc::jsonb -> 'left_out'), 0)))::text;
