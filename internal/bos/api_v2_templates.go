package bos

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// templateInput is a template as callers send it. What only the service
// writes is listed to be refused by its name.
type templateInput struct {
	Name        *string      `json:"name,omitempty" readOnly:"true" minLength:"1" format:"name" doc:"Name of the template"`
	Tenant      *string      `json:"tenant,omitempty" readOnly:"true" nullable:"true" format:"tenant-name" doc:"Tenant that owns the template"`
	Description string       `json:"description,omitempty" format:"description" doc:"What the template is for"`
	EnableCFS   *bool        `json:"enable_cfs,omitempty" default:"true" doc:"Whether nodes are configured"`
	CFS         *bootset.CFS `json:"cfs,omitempty" doc:"How to configure the nodes of boot sets that do not say"`
	BootSets    BootSets     `json:"boot_sets"`
	Links       []Link       `json:"links,omitempty" readOnly:"true" nullable:"false" doc:"Links to other resources"`
}

// templatePatchInput is a template as PATCH takes it.
type templatePatchInput struct {
	Description *string      `json:"description,omitempty" format:"description" doc:"What the template is for"`
	EnableCFS   *bool        `json:"enable_cfs,omitempty" default:"true" doc:"Whether nodes are configured"`
	CFS         *bootset.CFS `json:"cfs,omitempty" doc:"How to configure the nodes of boot sets that do not say"`
	BootSets    BootSets     `json:"boot_sets,omitempty"`
}

// TemplatePath names the template that a call is about.
type TemplatePath struct {
	TenantHeader
	ID string `path:"session_template_id" minLength:"1" format:"name" doc:"Name of the template"`
}

type putTemplateInput struct {
	TemplatePath
	Body    templateInput
	RawBody []byte
}

type patchTemplateInput struct {
	TemplatePath
	Body    templatePatchInput
	RawBody []byte
}

type templateOutput struct{ Body TemplateRecord }

type templatesOutput struct{ Body []TemplateRecord }

type textOutput struct{ Body string }

func oneTemplate(t Template, err error) (*templateOutput, error) {
	if err != nil {
		return nil, err
	}
	return &templateOutput{Body: templateRecord(&t)}, nil
}

func registerTemplates(api huma.API, s *Service) {
	tags := []string{"v2", "sessiontemplates"}
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: tags}
	}
	const one = "/v2/sessiontemplates/{session_template_id}"
	httpapi.Handle(api, op("get_v2_sessiontemplates", http.MethodGet, "/v2/sessiontemplates", "List session templates"),
		func(ctx context.Context, in *TenantHeader) (*templatesOutput, error) {
			list, err := s.Templates(ctx, in.Tenant)
			out := &templatesOutput{Body: make([]TemplateRecord, len(list))}
			for i := range list {
				out.Body[i] = templateRecord(&list[i])
			}
			return out, err
		})
	httpapi.Handle(api, op("get_v2_sessiontemplate", http.MethodGet, one, "Describe a session template"),
		func(ctx context.Context, in *TemplatePath) (*templateOutput, error) {
			return oneTemplate(s.Template(ctx, in.ID, in.Tenant))
		})
	httpapi.Handle(api, op("put_v2_sessiontemplate", http.MethodPut, one, "Create a session template or replace it"),
		func(ctx context.Context, in *putTemplateInput) (*templateOutput, error) {
			t, err := in.template()
			if err != nil {
				return nil, err
			}
			return oneTemplate(s.PutTemplate(ctx, t))
		})
	httpapi.Handle(api, op("patch_v2_sessiontemplate", http.MethodPatch, one, "Change a session template"),
		func(ctx context.Context, in *patchTemplateInput) (*templateOutput, error) {
			p, err := in.patch()
			if err != nil {
				return nil, err
			}
			return oneTemplate(s.PatchTemplate(ctx, in.ID, in.Tenant, p))
		})
	del := op("delete_v2_sessiontemplate", http.MethodDelete, one, "Delete a session template")
	del.DefaultStatus = http.StatusNoContent
	httpapi.Handle(api, del, func(ctx context.Context, in *TemplatePath) (*struct{}, error) {
		return nil, s.DeleteTemplate(ctx, in.ID, in.Tenant)
	})
	httpapi.Handle(api, op("validate_v2_sessiontemplate", http.MethodGet, "/v2/sessiontemplatesvalid/{session_template_id}",
		"Tell whether a session template can be booted"),
		func(ctx context.Context, in *TemplatePath) (*textOutput, error) {
			text, err := s.ValidateTemplate(ctx, in.ID, in.Tenant)
			return &textOutput{Body: text}, err
		})
	httpapi.Handle(api, op("get_v2_sessiontemplatetemplate", http.MethodGet, "/v2/sessiontemplatetemplate",
		"Show an example of a session template"),
		func(context.Context, *struct{}) (*exampleOutput, error) {
			t := ExampleTemplate()
			return &exampleOutput{Body: templateInput{EnableCFS: t.EnableCFS, CFS: t.CFS, BootSets: t.BootSets}}, nil
		})
}

type exampleOutput struct{ Body templateInput }

func (in *putTemplateInput) template() (Template, error) {
	sent := in.Body
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(in.RawBody, &raw); err != nil {
		return Template{}, invalid("%w", err)
	}
	for _, name := range []string{"name", "tenant", "links"} {
		if _, given := raw[name]; given {
			return Template{}, readOnlyProperty(name)
		}
	}
	if _, given := raw["enable_cfs"]; !given {
		sent.EnableCFS = nil // a default in the description is no choice of the caller's
	}
	return Template{Name: in.ID, Tenant: in.Tenant, Description: sent.Description,
		EnableCFS: sent.EnableCFS, CFS: sent.CFS, BootSets: sent.BootSets}, nil
}

func (in *patchTemplateInput) patch() (TemplatePatch, error) {
	var raw struct {
		EnableCFS *bool                      `json:"enable_cfs"`
		BootSets  map[string]json.RawMessage `json:"boot_sets"`
	}
	if err := json.Unmarshal(in.RawBody, &raw); err != nil {
		return TemplatePatch{}, invalid("%w", err)
	}
	p := TemplatePatch{Description: in.Body.Description, EnableCFS: raw.EnableCFS, CFS: in.Body.CFS, BootSets: raw.BootSets}
	for i := range in.Body.BootSets {
		p.Order = append(p.Order, in.Body.BootSets[i].Name)
	}
	return p, nil
}
