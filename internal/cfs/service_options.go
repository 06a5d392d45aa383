package cfs

import (
	"context"

	"github.com/drover-hpc/drover/internal/fault"
)

const optionsKey = "options"

// OptionsPatch is a change of options; nil fields stay.
type OptionsPatch struct {
	HardwareSyncInterval      *int    `json:"hardware_sync_interval,omitempty" format:"at-least-one" doc:"Seconds between looks at HSM for new nodes"`
	BatcherCheckInterval      *int    `json:"batcher_check_interval,omitempty" format:"at-least-one" doc:"Seconds between the batcher's looks at all components"`
	BatchSize                 *int    `json:"batch_size,omitempty" format:"at-least-one" doc:"Most nodes in one automatic session"`
	BatchWindow               *int    `json:"batch_window,omitempty" format:"not-negative" doc:"Most seconds that a node waits for others to fill a session"`
	DefaultBatcherRetryPolicy *int    `json:"default_batcher_retry_policy,omitempty" format:"not-negative" doc:"Failures after which a node is left alone"`
	DefaultPlaybook           *string `json:"-"` // written through v2 only
	DefaultAnsibleConfig      *string `json:"default_ansible_config,omitempty" format:"ansible-config" doc:"Ansible configuration of sessions that name none"`
	SessionTTL                *string `json:"session_ttl,omitempty" format:"age" doc:"Age at which complete sessions are deleted; empty is never"`
	AdditionalInventoryURL    *string `json:"additional_inventory_url,omitempty" format:"repository" doc:"Repository whose files are added to every inventory"`
	AdditionalInventorySource *string `json:"additional_inventory_source,omitempty" maxLength:"60" doc:"Source whose files are added to every inventory"`
	BatcherMaxBackoff         *int    `json:"batcher_max_backoff,omitempty" format:"not-negative" doc:"Most seconds without new sessions after many failures"`
	BatcherDisable            *bool   `json:"batcher_disable,omitempty" doc:"Whether automatic sessions are off"`
	BatcherPendingTimeout     *int    `json:"batcher_pending_timeout,omitempty" format:"at-least-one" doc:"Seconds after which an automatic session that does not start is made anew"`
	LoggingLevel              *string `json:"logging_level,omitempty" enum:"DEBUG,INFO,WARNING,ERROR" doc:"Least severity that is logged"`
	DefaultPageSize           *int    `json:"default_page_size,omitempty" format:"at-least-one" doc:"Records in a page whose size was not asked for"`
	DebugWaitTime             *int    `json:"debug_wait_time,omitempty" format:"not-negative" doc:"Seconds that a failed session with debug_on_failure stays"`
	IncludeARALinks           *bool   `json:"include_ara_links,omitempty" doc:"Whether records link to the Ansible records"`
}

func (p OptionsPatch) apply(o *Options) {
	set(&o.HardwareSyncInterval, p.HardwareSyncInterval)
	set(&o.BatcherCheckInterval, p.BatcherCheckInterval)
	set(&o.BatchSize, p.BatchSize)
	set(&o.BatchWindow, p.BatchWindow)
	set(&o.DefaultBatcherRetryPolicy, p.DefaultBatcherRetryPolicy)
	set(&o.DefaultPlaybook, p.DefaultPlaybook)
	set(&o.DefaultAnsibleConfig, p.DefaultAnsibleConfig)
	set(&o.SessionTTL, p.SessionTTL)
	set(&o.AdditionalInventoryURL, p.AdditionalInventoryURL)
	set(&o.AdditionalInventorySource, p.AdditionalInventorySource)
	set(&o.BatcherMaxBackoff, p.BatcherMaxBackoff)
	set(&o.BatcherDisable, p.BatcherDisable)
	set(&o.BatcherPendingTimeout, p.BatcherPendingTimeout)
	set(&o.LoggingLevel, p.LoggingLevel)
	set(&o.DefaultPageSize, p.DefaultPageSize)
	set(&o.DebugWaitTime, p.DebugWaitTime)
	set(&o.IncludeARALinks, p.IncludeARALinks)
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// Options returns the options; those that were never set have their defaults.
func (s *Service) Options(ctx context.Context) (Options, error) {
	o, err := s.options.Get(ctx, optionsKey)
	if fault.Is(err, fault.NotFound) {
		return DefaultOptions(), nil
	}
	return o, err
}

// PatchOptions changes options. Components whose status depends on them follow
// in the same transaction.
func (s *Service) PatchOptions(ctx context.Context, p OptionsPatch) (Options, error) {
	if p.SessionTTL != nil {
		if _, _, err := parseAge(*p.SessionTTL); err != nil {
			return Options{}, err
		}
	}
	if p.AdditionalInventoryURL != nil {
		if err := s.mayClone("additional_inventory_url", *p.AdditionalInventoryURL); err != nil {
			return Options{}, err
		}
	}
	if p.DefaultAnsibleConfig != nil {
		if err := CheckAnsibleConfig("default_ansible_config", *p.DefaultAnsibleConfig); err != nil {
			return Options{}, err
		}
	}
	if p.DefaultPlaybook != nil {
		name, err := playbookPath("defaultPlaybook", *p.DefaultPlaybook)
		if err != nil {
			return Options{}, err
		}
		p.DefaultPlaybook = &name
	}
	var after Options
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		before, err := s.Options(ctx)
		if err != nil {
			return err
		}
		after = before
		p.apply(&after)
		if err := s.options.Put(ctx, after); err != nil {
			return err
		}
		if after.DefaultBatcherRetryPolicy == before.DefaultBatcherRetryPolicy && after.DefaultPlaybook == before.DefaultPlaybook {
			return nil
		}
		return s.reassess(ctx, nil)
	})
	return after, err
}
