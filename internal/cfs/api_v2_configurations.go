package cfs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

type configurationsV2Input struct {
	TenantHeader
	InUse httpapi.OptionalBool `query:"in_use" doc:"Only configurations that components desire, or that none does"`
}

type configurationsV2Output struct{ Body []configurationV2 }

// ConfigurationPathV2 names a configuration, of any length.
type ConfigurationPathV2 struct {
	TenantHeader
	ID string `path:"configuration_id" doc:"Name of the configuration"`
}

type putConfigurationV2Input struct {
	ConfigurationPathV2
	Body configurationV2Input
}

type configurationV2Output struct{ Body configurationV2 }

func registerConfigurationsV2(api huma.API, s *Service) {
	const list, one = "/v2/configurations", "/v2/configurations/{configuration_id}"
	httpapi.Handle(api, operation("get_configurations_v2", http.MethodGet, list, "List configurations", 200, "configurations", "v2"),
		func(ctx context.Context, in *configurationsV2Input) (*configurationsV2Output, error) {
			found, err := whole(s.Configurations(ctx, ConfigurationFilter{InUse: in.InUse.Value, Tenant: in.Tenant}, Page{}))
			out := &configurationsV2Output{Body: make([]configurationV2, len(found))}
			for i := range found {
				out.Body[i] = found[i].v2()
			}
			return out, err
		})
	answer := func(c Configuration, err error) (*configurationV2Output, error) {
		return &configurationV2Output{c.v2()}, err
	}
	httpapi.Handle(api, operation("get_configuration_v2", http.MethodGet, one, "Describe a configuration", 200, "configurations", "v2"),
		func(ctx context.Context, in *ConfigurationPathV2) (*configurationV2Output, error) {
			return answer(s.Configuration(ctx, in.ID, in.Tenant))
		})
	httpapi.Handle(api, operation("put_configuration_v2", http.MethodPut, one, "Create or replace a configuration", 200, "configurations", "v2"),
		func(ctx context.Context, in *putConfigurationV2Input) (*configurationV2Output, error) {
			return answer(s.PutConfiguration(ctx, in.Body.configuration(in.ID),
				PutOptions{Tenant: in.Tenant, KeepTenant: true, BranchTitle: branchTitleV2}))
		})
	httpapi.Handle(api, operation("patch_configuration_v2", http.MethodPatch, one, "Look the branches of a configuration up anew", 200, "configurations", "v2"),
		func(ctx context.Context, in *ConfigurationPathV2) (*configurationV2Output, error) {
			return answer(s.UpdateBranches(ctx, in.ID, in.Tenant))
		})
	httpapi.Handle(api, operation("delete_configuration_v2", http.MethodDelete, one, "Delete a configuration", 204, "configurations", "v2"),
		func(ctx context.Context, in *ConfigurationPathV2) (*none, error) {
			return nil, s.DeleteConfiguration(ctx, in.ID, in.Tenant)
		})
}
