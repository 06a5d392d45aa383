-- +goose Up
-- Held tables are searched in memory: on SQLite each of these indexes would
-- cost a write for nothing.
DROP INDEX bos_components_enabled; -- sqlite
DROP INDEX bos_components_session; -- sqlite
DROP INDEX bos_components_owner; -- sqlite
DROP INDEX bos_components_owner_errors; -- sqlite
DROP INDEX bos_components_staged_session; -- sqlite
DROP INDEX bos_components_staged_owner; -- sqlite
DROP INDEX bos_components_status; -- sqlite
DROP INDEX cfs_components_desired_config; -- sqlite
DROP INDEX cfs_components_status; -- sqlite
DROP INDEX hsm_components_type; -- sqlite
DROP INDEX hsm_components_nid; -- sqlite
DROP INDEX bss_hosts_kernel; -- sqlite
DROP INDEX bss_hosts_initrd; -- sqlite
