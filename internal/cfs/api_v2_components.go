package cfs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// stateLayerV2 folds commit and status into one text: <commit>_<status>, the
// bare commit for applied.
type stateLayerV2 struct {
	CloneURL    string `json:"cloneUrl"`
	Playbook    string `json:"playbook"`
	Commit      string `json:"commit"`
	LastUpdated string `json:"lastUpdated,omitempty"`
	SessionName string `json:"sessionName,omitempty"`
}

type componentV2 struct {
	ID                  string              `json:"id"`
	State               []stateLayerV2      `json:"state"`
	DesiredConfig       string              `json:"desiredConfig"`
	DesiredState        []stateLayerV2      `json:"desiredState,omitzero"`
	ErrorCount          int                 `json:"errorCount"`
	RetryPolicy         *int                `json:"retryPolicy,omitempty"`
	Enabled             bool                `json:"enabled"`
	ConfigurationStatus ConfigurationStatus `json:"configurationStatus,omitempty"`
	Tags                map[string]string   `json:"tags"`
}

func (c Component) v2() componentV2 {
	out := componentV2{ID: c.ID, State: make([]stateLayerV2, len(c.State)), DesiredConfig: c.DesiredConfig, ErrorCount: c.ErrorCount,
		RetryPolicy: c.RetryPolicy, Enabled: c.Enabled, ConfigurationStatus: c.Status, Tags: c.Tags}
	for i, l := range c.State {
		commit := l.Commit
		if l.Status != LayerApplied {
			commit += "_" + string(l.Status)
		}
		out.State[i] = stateLayerV2{CloneURL: l.CloneURL, Playbook: l.Playbook, Commit: commit, LastUpdated: l.LastUpdated, SessionName: l.SessionName}
	}
	if c.DesiredState != nil {
		out.DesiredState = make([]stateLayerV2, len(c.DesiredState))
		for i, l := range c.DesiredState {
			out.DesiredState[i] = stateLayerV2{CloneURL: l.CloneURL, Playbook: l.Playbook, Commit: l.Commit}
		}
	}
	return out
}

type stateInputV2 struct {
	CloneURL    string `json:"cloneUrl" doc:"Repository"`
	Playbook    string `json:"playbook" doc:"Playbook that ran"`
	Commit      string `json:"commit" pattern:"^[^_]*(_(applied|failed|skipped))?$" doc:"Commit that ran, perhaps with a suffix _applied, _failed or _skipped"`
	SessionName string `json:"sessionName" doc:"Session that ran it"`
}

type appendInputV2 struct {
	CloneURL    string `json:"cloneUrl,omitempty" doc:"Repository"`
	Playbook    string `json:"playbook,omitempty" doc:"Playbook that ran"`
	Commit      string `json:"commit,omitempty" doc:"Commit that ran, perhaps with a suffix _applied, _failed, _skipped or _incomplete"`
	SessionName string `json:"sessionName,omitempty" doc:"Session that ran it"`
}

type componentPatchV2 struct {
	ID            string            `json:"id,omitempty" minLength:"1" doc:"xname of the node"`
	State         *[]stateInputV2   `json:"state,omitempty" nullable:"false" doc:"Replaces what ran on the node; [] has everything run again"`
	StateAppend   *appendInputV2    `json:"stateAppend,omitempty" doc:"Adds what ran to the state"`
	DesiredConfig *string           `json:"desiredConfig,omitempty" doc:"Name of the configuration that the node should have"`
	ErrorCount    *int              `json:"errorCount,omitempty" doc:"Failures since the last success"`
	RetryPolicy   *int              `json:"retryPolicy,omitempty" doc:"Failures after which the node is left alone; -1 is never"`
	Enabled       *bool             `json:"enabled,omitempty" doc:"Whether the node is configured automatically"`
	Tags          map[string]string `json:"tags,omitempty" doc:"Free key-value pairs; an empty value removes the key"`
}

func (p componentPatchV2) v3() ComponentPatch {
	out := ComponentPatch{ID: p.ID, DesiredConfig: p.DesiredConfig, ErrorCount: p.ErrorCount, RetryPolicy: p.RetryPolicy,
		Enabled: p.Enabled, Tags: p.Tags}
	if p.State != nil {
		state := make([]StateInput, len(*p.State))
		for i, l := range *p.State {
			state[i] = StateInput{CloneURL: l.CloneURL, Playbook: l.Playbook, Commit: l.Commit, SessionName: l.SessionName}
		}
		out.State = &state
	}
	if a := p.StateAppend; a != nil {
		out.StateAppend = &AppendInput{CloneURL: a.CloneURL, Playbook: a.Playbook, Commit: a.Commit, SessionName: a.SessionName}
	}
	return out
}

type filteredPatchV2 struct {
	Patch   *componentPatchV2 `json:"patch"`
	Filters *struct {
		IDs        string `json:"ids,omitempty"`
		Status     string `json:"status,omitempty"`
		Enabled    *bool  `json:"enabled,omitempty"`
		ConfigName string `json:"configName,omitempty"`
		Tags       string `json:"tags,omitempty"`
		// ConfigurationStatus is status under the name that components have it.
		ConfigurationStatus string `json:"configurationStatus,omitempty"`
	} `json:"filters"`
}

type componentsV2Input struct {
	IDs           string               `query:"ids" doc:"Comma-separated component ids"`
	Status        string               `query:"status" enum:"unconfigured,pending,failed,configured" doc:"Only components with this status"`
	Enabled       httpapi.OptionalBool `query:"enabled" doc:"Only components that are enabled, or that are not"`
	ConfigName    string               `query:"configName" doc:"Only components with this desired configuration"`
	ConfigDetails bool                 `query:"configDetails" doc:"Include the desired layers"`
	Tags          string               `query:"tags" doc:"Comma-separated key=value pairs, all of which must match"`
}

type componentsV2Output struct{ Body []componentV2 }

type componentV2Input struct {
	ComponentPath
	ConfigDetails bool `query:"configDetails" doc:"Include the desired layers"`
}

type changeComponentV2Input struct {
	ComponentPath
	Body componentPatchV2
}

type componentV2Output struct{ Body componentV2 }

func registerComponentsV2(api huma.API, s *Service) {
	const list, one = "/v2/components", "/v2/components/{component_id}"
	defer describeBulk[componentPatchV2, filteredPatchV2](api, list)
	httpapi.Handle(api, operation("get_components_v2", http.MethodGet, list, "List components", 200, "components", "v2"),
		func(ctx context.Context, in *componentsV2Input) (*componentsV2Output, error) {
			return allV2(whole(s.Components(ctx, ComponentFilter{IDs: in.IDs, Status: in.Status, Enabled: in.Enabled.Value,
				ConfigName: in.ConfigName, Tags: in.Tags}, ComponentDetails{State: true, Config: in.ConfigDetails}, Page{})))
		})
	httpapi.Handle(api, raw(operation("put_components_v2", http.MethodPut, list, "Create or replace components", 200, "components", "v2", "cli_ignore")),
		func(ctx context.Context, in *BulkBody) (*componentsV2Output, error) {
			patches, err := decodeV2(in.RawBody)
			if err != nil {
				return nil, err
			}
			return allV2(s.PutComponents(ctx, patches))
		})
	httpapi.Handle(api, raw(operation("patch_components_v2", http.MethodPatch, list, "Update components", 200, "components", "v2", "cli_ignore")),
		func(ctx context.Context, in *BulkBody) (*componentsV2Output, error) {
			return patchV2(ctx, s, in.RawBody)
		})
	answer := func(c Component, err error) (*componentV2Output, error) { return &componentV2Output{c.v2()}, err }
	httpapi.Handle(api, operation("get_component_v2", http.MethodGet, one, "Describe a component", 200, "components", "v2"),
		func(ctx context.Context, in *componentV2Input) (*componentV2Output, error) {
			return answer(s.Component(ctx, in.ID, ComponentDetails{State: true, Config: in.ConfigDetails}))
		})
	httpapi.Handle(api, operation("put_component_v2", http.MethodPut, one, "Create or replace a component", 200, "components", "v2", "cli_ignore"),
		func(ctx context.Context, in *changeComponentV2Input) (*componentV2Output, error) {
			return answer(s.PutComponent(ctx, in.ID, in.Body.v3()))
		})
	httpapi.Handle(api, operation("patch_component_v2", http.MethodPatch, one, "Update a component", 200, "components", "v2"),
		func(ctx context.Context, in *changeComponentV2Input) (*componentV2Output, error) {
			patch := in.Body.v3()
			if err := onlyReports(ctx, patch.of(in.ID)); err != nil {
				return nil, err
			}
			return answer(s.PatchComponent(ctx, in.ID, patch))
		})
	httpapi.Handle(api, operation("delete_component_v2", http.MethodDelete, one, "Delete a component", 204, "components", "v2", "cli_ignore"),
		func(ctx context.Context, in *ComponentPath) (*none, error) { return nil, s.DeleteComponent(ctx, in.ID) })
}

func decodeV2(body []byte) ([]ComponentPatch, error) {
	var in []componentPatchV2
	if err := decodeStrict(body, &in); err != nil {
		return nil, err
	}
	out := make([]ComponentPatch, len(in))
	for i := range in {
		out[i] = in[i].v3()
		out[i].ID = xname.Canonical(out[i].ID)
	}
	return out, nil
}

func patchV2(ctx context.Context, s *Service, body []byte) (*componentsV2Output, error) {
	if isList(body) {
		patches, err := decodeV2(body)
		if err == nil {
			err = onlyReports(ctx, patches...)
		}
		if err != nil {
			return nil, err
		}
		return allV2(s.PatchComponents(ctx, patches, false))
	}
	var in filteredPatchV2
	if err := decodeStrict(body, &in); err != nil {
		return nil, err
	}
	if in.Patch == nil || in.Filters == nil {
		return nil, fault.New(fault.Invalid, "expected a list of components, or an object with 'patch' and 'filters'")
	}
	f, patch := in.Filters, in.Patch.v3()
	if err := onlyReports(ctx, patch.of("")); err != nil { // an id in it selects nothing
		return nil, err
	}
	return allV2(s.PatchMatching(ctx, ComponentFilter{IDs: f.IDs, Status: orDefault(f.Status, f.ConfigurationStatus), Enabled: f.Enabled,
		ConfigName: f.ConfigName, Tags: f.Tags}, patch))
}

func allV2(components []Component, err error) (*componentsV2Output, error) {
	out := &componentsV2Output{Body: make([]componentV2, len(components))}
	for i := range components {
		out.Body[i] = components[i].v2()
	}
	return out, err
}
