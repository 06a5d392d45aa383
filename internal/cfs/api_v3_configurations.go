package cfs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// branchTitleV3 is the summary of the error about a layer with branch and commit.
const branchTitleV3 = "Error handling branches"

type layerInput struct {
	Name              string             `json:"name,omitempty" minLength:"1" format:"layer-name" doc:"Name of the layer"`
	CloneURL          string             `json:"clone_url,omitempty" format:"git-word" doc:"Repository; give this or source"`
	Source            string             `json:"source,omitempty" doc:"Source that names the repository; give this or clone_url"`
	Playbook          string             `json:"playbook" format:"git-word" doc:"Playbook to run"`
	Commit            string             `json:"commit,omitempty" format:"commit" doc:"Commit to use; give this or branch"`
	Branch            string             `json:"branch,omitempty" format:"git-word" doc:"Branch whose head is looked up now; give this or commit"`
	SpecialParameters *SpecialParameters `json:"special_parameters,omitempty"`
}

type inventoryInput struct {
	Name     string `json:"name,omitempty" minLength:"1" format:"layer-name" doc:"Name of the inventory"`
	CloneURL string `json:"clone_url,omitempty" format:"git-word" doc:"Repository; give this or source"`
	Source   string `json:"source,omitempty" doc:"Source that names the repository; give this or clone_url"`
	Commit   string `json:"commit,omitempty" format:"commit" doc:"Commit to use; give this or branch"`
	Branch   string `json:"branch,omitempty" format:"git-word" doc:"Branch whose head is looked up now; give this or commit"`
}

type configurationInput struct {
	Description         string          `json:"description,omitempty" doc:"Free text"`
	TenantName          *string         `json:"tenant_name,omitempty" doc:"Tenant that owns the configuration"`
	Layers              []layerInput    `json:"layers,omitempty" doc:"Layers in the order in which they run"`
	AdditionalInventory *inventoryInput `json:"additional_inventory,omitempty" doc:"Repository whose files are added to the inventory"`
}

func (in configurationInput) configuration(name string) Configuration {
	c := Configuration{Name: name, Description: in.Description, TenantName: deref(in.TenantName), Layers: make([]Layer, len(in.Layers))}
	for i, l := range in.Layers {
		c.Layers[i] = Layer(l)
	}
	if a := in.AdditionalInventory; a != nil {
		c.AdditionalInventory = &Layer{Name: a.Name, CloneURL: a.CloneURL, Source: a.Source, Commit: a.Commit, Branch: a.Branch}
	}
	return c
}

type configurationsInput struct {
	TenantHeader
	PageQuery
	InUse httpapi.OptionalBool `query:"in_use" doc:"Only configurations that components desire, or that none does"`
}

type configurationsNext struct {
	InUse   *bool  `json:"in_use"`
	Limit   int    `json:"limit"`
	AfterID string `json:"after_id"`
}

// TransformSchema implements huma.SchemaTransformer: null where there is none.
func (configurationsNext) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return httpapi.Nullable(s)
}

type configurationsOutput struct {
	Body struct {
		Configurations []Configuration     `json:"configurations"`
		Next           *configurationsNext `json:"next"`
	}
}

// ConfigurationPath names a configuration.
type ConfigurationPath struct {
	TenantHeader
	ID string `path:"configuration_id" minLength:"1" format:"configuration-name" doc:"Name of the configuration"`
}

type putConfigurationInput struct {
	ConfigurationPath
	DropBranches bool `query:"drop_branches" doc:"Store the commits that the branches stand for, and not the branches"`
	Body         configurationInput
}

type configurationOutput struct{ Body Configuration }

func registerConfigurations(api huma.API, s *Service) {
	const list, one = "/v3/configurations", "/v3/configurations/{configuration_id}"
	httpapi.Handle(api, operation("get_configurations_v3", http.MethodGet, list, "List configurations", 200, "configurations", "v3"),
		func(ctx context.Context, in *configurationsInput) (*configurationsOutput, error) {
			found, more, err := s.Configurations(ctx, ConfigurationFilter{InUse: in.InUse.Value, Tenant: in.Tenant}, in.page())
			out := &configurationsOutput{}
			out.Body.Configurations = found
			if more {
				out.Body.Next = &configurationsNext{InUse: in.InUse.Value, Limit: len(found), AfterID: found[len(found)-1].Name}
			}
			return out, err
		})
	httpapi.Handle(api, operation("get_configuration_v3", http.MethodGet, one, "Describe a configuration", 200, "configurations", "v3"),
		func(ctx context.Context, in *ConfigurationPath) (*configurationOutput, error) {
			c, err := s.Configuration(ctx, in.ID, in.Tenant)
			return &configurationOutput{c}, err
		})
	httpapi.Handle(api, operation("put_configuration_v3", http.MethodPut, one, "Create or replace a configuration", 200, "configurations", "v3"),
		func(ctx context.Context, in *putConfigurationInput) (*configurationOutput, error) {
			c, err := s.PutConfiguration(ctx, in.Body.configuration(in.ID),
				PutOptions{Tenant: in.Tenant, DropBranches: in.DropBranches, BranchTitle: branchTitleV3})
			return &configurationOutput{c}, err
		})
	httpapi.Handle(api, operation("patch_configuration_v3", http.MethodPatch, one, "Look the branches of a configuration up anew", 200, "configurations", "v3"),
		func(ctx context.Context, in *ConfigurationPath) (*configurationOutput, error) {
			c, err := s.UpdateBranches(ctx, in.ID, in.Tenant)
			return &configurationOutput{c}, err
		})
	httpapi.Handle(api, operation("delete_configuration_v3", http.MethodDelete, one, "Delete a configuration", 204, "configurations", "v3"),
		func(ctx context.Context, in *ConfigurationPath) (*none, error) {
			return nil, s.DeleteConfiguration(ctx, in.ID, in.Tenant)
		})
}
