-- +goose Up
-- Held tables are searched in memory on PostgreSQL too: each of these indexes
-- would cost a write for nothing.
__POSTGRES__ DROP INDEX bos_components_enabled;
__POSTGRES__ DROP INDEX bos_components_session;
__POSTGRES__ DROP INDEX bos_components_owner;
__POSTGRES__ DROP INDEX bos_components_owner_errors;
__POSTGRES__ DROP INDEX bos_components_staged_session;
__POSTGRES__ DROP INDEX bos_components_staged_owner;
__POSTGRES__ DROP INDEX bos_components_status;
__POSTGRES__ DROP INDEX cfs_components_desired_config;
__POSTGRES__ DROP INDEX cfs_components_status;
__POSTGRES__ DROP INDEX hsm_components_type;
__POSTGRES__ DROP INDEX hsm_components_nid;
__POSTGRES__ DROP INDEX bss_hosts_kernel;
__POSTGRES__ DROP INDEX bss_hosts_initrd;
