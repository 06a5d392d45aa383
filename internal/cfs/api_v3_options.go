package cfs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

type optionsInput struct{ Body OptionsPatch }

type optionsOutput struct{ Body Options }

func registerOptions(api huma.API, s *Service) {
	httpapi.Handle(api, operation("get_options_v3", http.MethodGet, "/v3/options", "List the options", 200, "options", "v3"),
		func(ctx context.Context, _ *struct{}) (*optionsOutput, error) {
			o, err := s.Options(ctx)
			return &optionsOutput{o}, err
		})
	httpapi.Handle(api, operation("patch_options_v3", http.MethodPatch, "/v3/options", "Update options", 200, "options", "v3"),
		func(ctx context.Context, in *optionsInput) (*optionsOutput, error) {
			o, err := s.PatchOptions(ctx, in.Body)
			return &optionsOutput{o}, err
		})
}

// optionsV2 has the options under their v2 names; nil ones are not answered
// and, in a patch, stay.
type optionsV2 struct {
	HardwareSyncInterval      *int    `json:"hardwareSyncInterval,omitempty" format:"at-least-one" doc:"Seconds between looks at HSM for new nodes"`
	BatcherCheckInterval      *int    `json:"batcherCheckInterval,omitempty" format:"at-least-one" doc:"Seconds between the batcher's looks at all components"`
	BatchSize                 *int    `json:"batchSize,omitempty" format:"at-least-one" doc:"Most nodes in one automatic session"`
	BatchWindow               *int    `json:"batchWindow,omitempty" format:"not-negative" doc:"Most seconds that a node waits for others to fill a session"`
	DefaultBatcherRetryPolicy *int    `json:"defaultBatcherRetryPolicy,omitempty" format:"not-negative" doc:"Failures after which a node is left alone"`
	DefaultPlaybook           *string `json:"defaultPlaybook,omitempty" format:"git-word" doc:"Playbook of layers that name none"`
	DefaultAnsibleConfig      *string `json:"defaultAnsibleConfig,omitempty" format:"ansible-config" doc:"Ansible configuration of sessions that name none"`
	SessionTTL                *string `json:"sessionTTL,omitempty" format:"age" doc:"Age at which complete sessions are deleted; empty is never"`
	AdditionalInventoryURL    *string `json:"additionalInventoryUrl,omitempty" format:"repository" doc:"Repository whose files are added to every inventory"`
	BatcherMaxBackoff         *int    `json:"batcherMaxBackoff,omitempty" format:"not-negative" doc:"Most seconds without new sessions after many failures"`
	BatcherDisable            *bool   `json:"batcherDisable,omitempty" doc:"Whether automatic sessions are off"`
	BatcherPendingTimeout     *int    `json:"batcherPendingTimeout,omitempty" format:"at-least-one" doc:"Seconds after which an automatic session that does not start is made anew"`
	LoggingLevel              *string `json:"loggingLevel,omitempty" enum:"DEBUG,INFO,WARNING,ERROR" doc:"Least severity that is logged"`
}

func (o optionsV2) patch() OptionsPatch {
	return OptionsPatch{HardwareSyncInterval: o.HardwareSyncInterval, BatcherCheckInterval: o.BatcherCheckInterval,
		BatchSize: o.BatchSize, BatchWindow: o.BatchWindow, DefaultBatcherRetryPolicy: o.DefaultBatcherRetryPolicy,
		DefaultPlaybook: o.DefaultPlaybook, DefaultAnsibleConfig: o.DefaultAnsibleConfig, SessionTTL: o.SessionTTL,
		AdditionalInventoryURL: o.AdditionalInventoryURL, BatcherMaxBackoff: o.BatcherMaxBackoff,
		BatcherDisable: o.BatcherDisable, BatcherPendingTimeout: o.BatcherPendingTimeout, LoggingLevel: o.LoggingLevel}
}

func (o Options) v2() optionsV2 {
	return optionsV2{HardwareSyncInterval: &o.HardwareSyncInterval, BatcherCheckInterval: &o.BatcherCheckInterval,
		BatchSize: &o.BatchSize, BatchWindow: &o.BatchWindow, DefaultBatcherRetryPolicy: &o.DefaultBatcherRetryPolicy,
		DefaultPlaybook: &o.DefaultPlaybook, DefaultAnsibleConfig: &o.DefaultAnsibleConfig, SessionTTL: &o.SessionTTL,
		AdditionalInventoryURL: &o.AdditionalInventoryURL, BatcherMaxBackoff: &o.BatcherMaxBackoff,
		BatcherDisable: &o.BatcherDisable, BatcherPendingTimeout: &o.BatcherPendingTimeout, LoggingLevel: &o.LoggingLevel}
}

type optionsV2Input struct{ Body optionsV2 }

type optionsV2Output struct{ Body optionsV2 }

func registerOptionsV2(api huma.API, s *Service) {
	httpapi.Handle(api, operation("get_options_v2", http.MethodGet, "/v2/options", "List the options", 200, "options", "v2"),
		func(ctx context.Context, _ *struct{}) (*optionsV2Output, error) {
			o, err := s.Options(ctx)
			return &optionsV2Output{o.v2()}, err
		})
	httpapi.Handle(api, operation("patch_options_v2", http.MethodPatch, "/v2/options", "Update options", 200, "options", "v2"),
		func(ctx context.Context, in *optionsV2Input) (*optionsV2Output, error) {
			o, err := s.PatchOptions(ctx, in.Body.patch())
			return &optionsV2Output{o.v2()}, err
		})
}
