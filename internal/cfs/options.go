package cfs

import (
	"encoding/json"
	"time"
)

// Options is the one document of settings. The JSON form is that of v3; a stored
// document without a newer option gets its default.
type Options struct {
	HardwareSyncInterval      int    `json:"hardware_sync_interval"`
	BatcherCheckInterval      int    `json:"batcher_check_interval"`
	BatchSize                 int    `json:"batch_size"`
	BatchWindow               int    `json:"batch_window"`
	DefaultBatcherRetryPolicy int    `json:"default_batcher_retry_policy"`
	DefaultPlaybook           string `json:"default_playbook"`
	DefaultAnsibleConfig      string `json:"default_ansible_config"`
	SessionTTL                string `json:"session_ttl"`
	AdditionalInventoryURL    string `json:"additional_inventory_url"`
	AdditionalInventorySource string `json:"additional_inventory_source"`
	BatcherMaxBackoff         int    `json:"batcher_max_backoff"`
	BatcherDisable            bool   `json:"batcher_disable"`
	BatcherPendingTimeout     int    `json:"batcher_pending_timeout"`
	LoggingLevel              string `json:"logging_level"`
	DefaultPageSize           int    `json:"default_page_size"`
	DebugWaitTime             int    `json:"debug_wait_time"`
	IncludeARALinks           bool   `json:"include_ara_links"`
}

// DefaultOptions are what a new installation has.
func DefaultOptions() Options {
	return Options{
		HardwareSyncInterval: 10, BatcherCheckInterval: 10, BatchSize: 25, BatchWindow: 60,
		DefaultBatcherRetryPolicy: 3, DefaultPlaybook: "site.yml", DefaultAnsibleConfig: "cfs-default-ansible-cfg",
		SessionTTL: "7d", BatcherMaxBackoff: 3600, BatcherPendingTimeout: 300, LoggingLevel: "INFO",
		DefaultPageSize: 1000, DebugWaitTime: 3600, IncludeARALinks: true,
	}
}

// UnmarshalJSON starts from the defaults.
func (o *Options) UnmarshalJSON(text []byte) error {
	type plain Options
	p := plain(DefaultOptions())
	err := json.Unmarshal(text, &p)
	*o = Options(p)
	return err
}

// KeepSessions is how long sessions are kept by session_ttl; negative: for ever.
func (o Options) KeepSessions() time.Duration {
	age, given, err := parseAge(o.SessionTTL)
	if err != nil || !given { // only what is legal is stored
		return -1
	}
	return age
}
