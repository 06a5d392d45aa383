package bos

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/xname"
)

// componentsUpdate is one patch for all components that a filter selects.
type componentsUpdate struct {
	Patch   ComponentPatch   `json:"patch" doc:"What to change"`
	Filters componentsFilter `json:"filters" doc:"Which components to change; exactly one of ids and session"`
}

type componentsFilter struct {
	IDs     string `json:"ids,omitempty" nullable:"true" maxLength:"65535" doc:"IDs of components, comma-separated"`
	Session string `json:"session,omitempty" nullable:"true" format:"name-or-none" doc:"Session whose components to change"`
}

func (u *componentsUpdate) each() []ComponentPatch {
	ids := xname.CanonicalAll(strings.Split(u.Filters.IDs, ","))
	out := make([]ComponentPatch, len(ids))
	for i, id := range ids {
		out[i] = u.Patch
		out[i].ID = id
	}
	return out
}

// bulkSchemas describe the bodies of the calls on many components. Bodies are
// decoded straight into patches; only one that might be wrong is checked
// against its schema, which names what is wrong but takes three times as long.
type bulkSchemas struct {
	registry     huma.Registry
	list, update *huma.Schema
}

func newBulkSchemas(api huma.API) bulkSchemas {
	r := api.OpenAPI().Components.Schemas
	return bulkSchemas{registry: r,
		list:   r.Schema(reflect.TypeFor[[]ComponentPatch](), true, "ComponentPatchList"),
		update: r.Schema(reflect.TypeFor[componentsUpdate](), true, "ComponentsUpdate")}
}

func isList(raw []byte) bool {
	return strings.HasPrefix(string(bytes.TrimLeft(raw, " \t\r\n")[:min(1, len(raw))]), "[")
}

func (b bulkSchemas) decodeList(raw []byte) ([]ComponentPatch, error) {
	var out []ComponentPatch
	if err := b.decode(raw, b.list, &out); err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].ID == "" {
			return nil, invalid("expected required property id to be present - '[%d]'", i)
		}
		out[i].ID = xname.Canonical(out[i].ID)
		if name := out[i].readOnly(); name != "" {
			return nil, readOnlyProperty(name)
		}
		if !out[i].plain() {
			if err := b.validate(raw, b.list); err != nil {
				return nil, err
			}
			break
		}
	}
	return out, nil
}

func (b bulkSchemas) decodeUpdate(raw []byte) (componentsUpdate, error) {
	var u componentsUpdate
	if err := b.decode(raw, b.update, &u); err != nil {
		return u, err
	}
	if err := b.validate(raw, b.update); err != nil {
		return u, err
	}
	if (u.Filters.IDs == "") == (u.Filters.Session == "") {
		return u, invalid("expected exactly one of ids and session - 'filters'")
	}
	if name := u.Patch.readOnly(); name != "" {
		return u, readOnlyProperty("patch." + name)
	}
	return u, nil
}

func (b bulkSchemas) decode(raw []byte, schema *huma.Schema, to any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	err := dec.Decode(to)
	if err != nil {
		if wrong := b.validate(raw, schema); wrong != nil {
			return wrong
		}
		return invalid("%w", err)
	}
	if _, err := dec.Token(); err == nil {
		return invalid("expected one JSON value")
	}
	return refuseNull(raw, "filters.ids", "filters.session")
}

func (b bulkSchemas) validate(raw []byte, schema *huma.Schema) error {
	var parsed any
	if err := json.Unmarshal(raw, &parsed); err != nil {
		return invalid("%w", err)
	}
	path, res := huma.NewPathBuffer([]byte{}, 0), &huma.ValidateResult{}
	huma.Validate(b.registry, schema, path, huma.ModeWriteToServer, parsed, res)
	if len(res.Errors) == 0 {
		return nil
	}
	return huma.NewError(400, "", res.Errors...)
}

// plain tells that the patch needs no look at the schema's bounds.
func (p *ComponentPatch) plain() bool {
	short := func(s *string, most int) bool { return s == nil || len(*s) <= most }
	artifacts := func(a *ArtifactsPatch) bool {
		return a == nil || short(a.Kernel, maxPath) && short(a.KernelParameters, bootset.MaxKernelParameters) && short(a.Initrd, maxPath)
	}
	return len(p.ID) <= maxComponentID && short(p.Error, maxWords) && p.Session == nil && p.RetryPolicy == nil && p.EventStats == nil &&
		p.Status == nil && p.LastAction == nil &&
		(p.ActualState == nil || artifacts(p.ActualState.BootArtifacts) && short(p.ActualState.BSSToken, maxToken)) &&
		(p.DesiredState == nil || artifacts(p.DesiredState.BootArtifacts) && short(p.DesiredState.Configuration, maxConfigurationName) && short(p.DesiredState.BSSToken, maxToken)) &&
		(p.StagedState == nil || artifacts(p.StagedState.BootArtifacts) && short(p.StagedState.Configuration, maxConfigurationName) && p.StagedState.Session == nil)
}
