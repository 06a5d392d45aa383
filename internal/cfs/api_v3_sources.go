package cfs

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

type sourcesInput struct {
	PageQuery
	InUse httpapi.OptionalBool `query:"in_use" doc:"Only sources that are used, or that are not"`
}

type sourcesOutput struct {
	Body struct {
		Sources []Source            `json:"sources"`
		Next    *configurationsNext `json:"next"`
	}
}

// SourcePath names a source.
type SourcePath struct {
	ID string `path:"source_id" minLength:"1" doc:"Name of the source, percent-encoded twice"`
}

type sourceOutput struct{ Body Source }

type newSource struct {
	Name        string `json:"name,omitempty" minLength:"1" maxLength:"240" doc:"Name of the source; the URL without it"`
	Description string `json:"description,omitempty" doc:"Free text"`
	CloneURL    string `json:"clone_url" minLength:"1" maxLength:"240" doc:"Repository"`
	Credentials struct {
		AuthenticationMethod string `json:"authentication_method,omitempty" enum:"password" default:"password" doc:"How git authenticates"`
		Username             string `json:"username" minLength:"1" writeOnly:"true" doc:"User name for git"`
		Password             string `json:"password" minLength:"1" writeOnly:"true" doc:"Password for git"`
	} `json:"credentials"`
	CACert *CACert `json:"ca_cert,omitempty"`
}

type createSourceInput struct{ Body newSource }

type restoredSource struct {
	Description string `json:"description,omitempty" doc:"Free text"`
	CloneURL    string `json:"clone_url" minLength:"1" maxLength:"240" doc:"Repository"`
	Credentials struct {
		AuthenticationMethod string `json:"authentication_method" enum:"password" doc:"How git authenticates"`
		SecretName           string `json:"secret_name" minLength:"1" doc:"Secret that holds the credentials"`
	} `json:"credentials"`
	CACert *CACert `json:"ca_cert,omitempty"`
}

type restoreSourceInput struct {
	SourcePath
	Body restoredSource
}

type sourceChange struct {
	Description *string `json:"description,omitempty" doc:"Free text"`
	CloneURL    *string `json:"clone_url,omitempty" minLength:"1" maxLength:"240" doc:"Repository"`
	Credentials *struct {
		AuthenticationMethod string `json:"authentication_method,omitempty" enum:"password" doc:"How git authenticates"`
		Username             string `json:"username,omitempty" writeOnly:"true" doc:"User name for git"`
		Password             string `json:"password,omitempty" writeOnly:"true" doc:"Password for git"`
	} `json:"credentials,omitempty"`
	CACert *CACert `json:"ca_cert,omitempty"`
}

type patchSourceInput struct {
	SourcePath
	Body    sourceChange
	RawBody []byte // tells an explicit null
}

func (in *patchSourceInput) patch() SourcePatch {
	p := SourcePatch{Description: in.Body.Description, CloneURL: in.Body.CloneURL, CACert: in.Body.CACert}
	if c := in.Body.Credentials; c != nil {
		p.Username, p.Password = c.Username, c.Password
	}
	var sent map[string]json.RawMessage
	if json.Unmarshal(in.RawBody, &sent) == nil {
		p.DropCACert = string(sent["ca_cert"]) == "null"
	}
	return p
}

func registerSources(api huma.API, s *Service) {
	const list, one = "/v3/sources", "/v3/sources/{source_id}"
	httpapi.Handle(api, operation("get_sources_v3", http.MethodGet, list, "List sources", 200, "sources", "v3"),
		func(ctx context.Context, in *sourcesInput) (*sourcesOutput, error) {
			found, more, err := s.Sources(ctx, in.InUse.Value, in.page())
			out := &sourcesOutput{}
			out.Body.Sources = found
			if more {
				out.Body.Next = &configurationsNext{InUse: in.InUse.Value, Limit: len(found), AfterID: found[len(found)-1].Name}
			}
			return out, err
		})
	httpapi.Handle(api, operation("post_source_v3", http.MethodPost, list, "Create a source", 201, "sources", "v3"),
		func(ctx context.Context, in *createSourceInput) (*sourceOutput, error) {
			b := in.Body
			src, err := s.CreateSource(ctx, Source{Name: b.Name, Description: b.Description, CloneURL: b.CloneURL, CACert: b.CACert},
				b.Credentials.Username, b.Credentials.Password)
			return &sourceOutput{src}, err
		})
	httpapi.Handle(api, operation("get_source_v3", http.MethodGet, one, "Describe a source", 200, "sources", "v3"),
		func(ctx context.Context, in *SourcePath) (*sourceOutput, error) {
			src, err := s.Source(ctx, pathID(in.ID))
			return &sourceOutput{src}, err
		})
	httpapi.Handle(api, operation("patch_source_v3", http.MethodPatch, one, "Update a source", 200, "sources", "v3"),
		func(ctx context.Context, in *patchSourceInput) (*sourceOutput, error) {
			src, err := s.PatchSource(ctx, pathID(in.ID), in.patch())
			return &sourceOutput{src}, err
		})
	httpapi.Handle(api, operation("restore_source_v3", http.MethodPost, one, "Restore a source whose secret exists", 201, "sources", "v3", "cli_ignore"),
		func(ctx context.Context, in *restoreSourceInput) (*sourceOutput, error) {
			b := in.Body
			src, err := s.RestoreSource(ctx, Source{Name: pathID(in.ID), Description: b.Description, CloneURL: b.CloneURL,
				Credentials: SourceCredentials(b.Credentials), CACert: b.CACert})
			return &sourceOutput{src}, err
		})
	httpapi.Handle(api, operation("delete_source_v3", http.MethodDelete, one, "Delete a source", 204, "sources", "v3"),
		func(ctx context.Context, in *SourcePath) (*none, error) {
			return nil, s.DeleteSource(ctx, pathID(in.ID))
		})
}

// TransformSchema implements huma.SchemaTransformer: null where there is none.
func (CACert) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return httpapi.Nullable(s)
}
