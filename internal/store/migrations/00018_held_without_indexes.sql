-- +goose Up
-- Held tables are searched in memory: on SQLite each of these indexes would
-- cost a write for nothing.
__SQLITE__ DROP INDEX bos_components_enabled;
__SQLITE__ DROP INDEX bos_components_session;
__SQLITE__ DROP INDEX bos_components_owner;
__SQLITE__ DROP INDEX bos_components_owner_errors;
__SQLITE__ DROP INDEX bos_components_staged_session;
__SQLITE__ DROP INDEX bos_components_staged_owner;
__SQLITE__ DROP INDEX bos_components_status;
__SQLITE__ DROP INDEX cfs_components_desired_config;
__SQLITE__ DROP INDEX cfs_components_status;
__SQLITE__ DROP INDEX hsm_components_type;
__SQLITE__ DROP INDEX hsm_components_nid;
__SQLITE__ DROP INDEX bss_hosts_kernel;
__SQLITE__ DROP INDEX bss_hosts_initrd;
