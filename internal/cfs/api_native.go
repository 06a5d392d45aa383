package cfs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type planInput struct {
	ConfigurationPath
	DryRun bool                `query:"dry_run" doc:"Has to be true: what the change would come to is told, and nothing is changed"`
	Body   *configurationInput `doc:"The configuration as it would be; without one, that which is stored, with its branches looked up again"`
}

type planOutput struct{ Body ConfigurationPlan }

// RegisterNative adds to api what Drover can do with configurations beyond the published
// interface.
func RegisterNative(api huma.API, s *Service) {
	httpapi.Handle(api, huma.Operation{OperationID: "plan-configuration", Method: http.MethodPost, Path: "/v1/configurations/{configuration_id}", Tags: []string{"configurations", "plans"},
		DefaultStatus: http.StatusOK, Summary: "What a change of a configuration of CFS would come to: commits of its layers, and components that would be configured"},
		func(ctx context.Context, in *planInput) (*planOutput, error) {
			if !in.DryRun {
				return nil, errNotDry
			}
			audit.Tell(ctx, audit.About{What: "plan of a change of configuration " + in.ID + ", which changes nothing"})
			if in.Body == nil {
				plan, err := s.PlanBranches(ctx, in.ID, in.Tenant)
				return &planOutput{plan}, err
			}
			plan, err := s.PlanConfiguration(ctx, in.Body.configuration(in.ID), PutOptions{Tenant: in.Tenant, BranchTitle: branchTitleV3})
			return &planOutput{plan}, err
		})
}
