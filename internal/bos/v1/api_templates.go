package v1

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
)

// Template is a session template as callers of this version send it. What is
// called old is accepted and dropped.
type Template struct {
	Name        string   `json:"name" minLength:"1" format:"name" doc:"Name of the template"`
	Description string   `json:"description,omitempty" maxLength:"1023" doc:"What the template is for"`
	CFSURL      string   `json:"cfs_url,omitempty" deprecated:"true" doc:"Old: use cfs"`
	CFSBranch   string   `json:"cfs_branch,omitempty" deprecated:"true" doc:"Old: use cfs"`
	EnableCFS   *bool    `json:"enable_cfs,omitempty" default:"true" doc:"Whether nodes are configured"`
	CFS         *CFS     `json:"cfs,omitempty" doc:"How to configure the nodes"`
	Partition   string   `json:"partition,omitempty" deprecated:"true" doc:"Old: means nothing"`
	BootSets    BootSets `json:"boot_sets,omitempty"`
}

// CFS names a configuration.
type CFS struct {
	CloneURL      string `json:"clone_url,omitempty" deprecated:"true" doc:"Old: use configuration"`
	Branch        string `json:"branch,omitempty" deprecated:"true" doc:"Old: use configuration"`
	Commit        string `json:"commit,omitempty" deprecated:"true" doc:"Old: use configuration"`
	Playbook      string `json:"playbook,omitempty" deprecated:"true" doc:"Old: use configuration"`
	Configuration string `json:"configuration,omitempty" maxLength:"127" doc:"Name of the configuration to apply"`
}

// BootSet is a set of nodes and what they boot.
type BootSet struct {
	Name                      string   `json:"name,omitempty" format:"name" doc:"Name of the boot set; if given it must equal its key"`
	Path                      string   `json:"path" minLength:"1" format:"path" doc:"Where the image's manifest is"`
	Type                      string   `json:"type" minLength:"1" maxLength:"127" doc:"How to read path; only s3 works"`
	ETag                      *string  `json:"etag,omitempty" maxLength:"65536" doc:"Entity tag of the manifest, for information"`
	KernelParameters          *string  `json:"kernel_parameters,omitempty" format:"parameters" doc:"Kernel parameters"`
	NodeList                  []string `json:"node_list,omitempty" nullable:"false" maxItems:"65535" format:"hsm-name" doc:"Nodes, by xname"`
	NodeRolesGroups           []string `json:"node_roles_groups,omitempty" nullable:"false" maxItems:"1023" format:"hsm-name" doc:"Roles of nodes, as HSM knows them"`
	NodeGroups                []string `json:"node_groups,omitempty" nullable:"false" maxItems:"4095" format:"hsm-name" doc:"HSM groups of nodes"`
	RootfsProvider            string   `json:"rootfs_provider,omitempty" maxLength:"511" doc:"Who provides the root file system: cpss3, sbps or nobody"`
	RootfsProviderPassthrough *string  `json:"rootfs_provider_passthrough,omitempty" format:"parameters" doc:"Further fields of the root= kernel parameter"`
	Network                   string   `json:"network,omitempty" deprecated:"true" doc:"Old: means nothing"`
	BootOrdinal               *int     `json:"boot_ordinal,omitempty" minimum:"0" deprecated:"true" doc:"Old: means nothing"`
	ShutdownOrdinal           *int     `json:"shutdown_ordinal,omitempty" minimum:"0" deprecated:"true" doc:"Old: means nothing"`
}

// BootSets are boot sets by name; what this version alone has is dropped.
type BootSets struct{ bos.BootSets }

// Schema describes the object.
func (BootSets) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Description: "Boot sets by name",
		AdditionalProperties: r.Schema(reflect.TypeFor[BootSet](), true, "BootSet")}
}

func (t *Template) template() bos.Template {
	out := bos.Template{Name: t.Name, Description: t.Description, EnableCFS: t.EnableCFS, BootSets: t.BootSets.BootSets}
	if t.CFS != nil && t.CFS.Configuration != "" {
		out.CFS = &bootset.CFS{Configuration: t.CFS.Configuration}
	}
	return out
}

type postTemplateInput struct {
	NoTenant
	Body Template
}

type nameOutput struct{ Body string }

// TemplatePath names a template.
type TemplatePath struct {
	NoTenant
	ID string `path:"session_template_id" format:"name" doc:"Name of the template"`
}

type templateOutput struct{ Body bos.Template }

type templatesOutput struct{ Body []bos.Template }

func registerTemplates(api huma.API, s *Service) {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"sessiontemplate"}}
	}
	const all, one = "/v1/sessiontemplate", "/v1/sessiontemplate/{session_template_id}"
	create := op("create_v1_sessiontemplate", http.MethodPost, all, "Create a session template or replace it")
	create.DefaultStatus = http.StatusCreated
	handle(api, create, func(ctx context.Context, in *postTemplateInput) (*nameOutput, error) {
		return &nameOutput{Body: in.Body.Name}, s.cfg.BOS.KeepTemplate(ctx, in.Body.template())
	})
	handle(api, op("get_v1_sessiontemplates", http.MethodGet, all, "List session templates"),
		func(ctx context.Context, _ *NoTenant) (*templatesOutput, error) {
			list, err := s.cfg.BOS.Templates(ctx, "")
			out := &templatesOutput{Body: make([]bos.Template, len(list))} // a list even of none
			for i := range list {
				out.Body[i] = served(list[i])
			}
			return out, err
		})
	handle(api, op("get_v1_sessiontemplate", http.MethodGet, one, "Describe a session template"),
		func(ctx context.Context, in *TemplatePath) (*templateOutput, error) {
			t, err := s.cfg.BOS.Template(ctx, in.ID, "")
			return &templateOutput{Body: served(t)}, err
		})
	remove := op("delete_v1_sessiontemplate", http.MethodDelete, one, "Delete a session template")
	remove.DefaultStatus = http.StatusNoContent
	handle(api, remove, func(ctx context.Context, in *TemplatePath) (*struct{}, error) {
		return nil, s.cfg.BOS.DeleteTemplate(ctx, in.ID, "")
	})
	handle(api, op("get_v1_sessiontemplatetemplate", http.MethodGet, "/v1/sessiontemplatetemplate", "Show a template to start from"),
		func(context.Context, *struct{}) (*templateOutput, error) {
			return &templateOutput{Body: exampleTemplate()}, nil
		})
}

// served is the template without what is never served.
func served(t bos.Template) bos.Template {
	t.DerivedAt = time.Time{}
	return t
}

// exampleTemplate is version 2's with the provider of this one.
func exampleTemplate() bos.Template {
	t := bos.ExampleTemplate()
	t.Name = "name-your-template"
	b := &t.BootSets[0].BootSet
	b.RootfsProvider, b.RootfsProviderPassthrough = bootset.ProviderCPS, new("dvs:api-gw-service-nmn.local:300:nmn0")
	return t
}
