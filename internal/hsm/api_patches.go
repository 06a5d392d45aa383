package hsm

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// What the patches of one field say. Embedded, they are the bodies of the
// patches of one component and of many.
type (
	// StatePatch is a new state.
	StatePatch struct {
		State string `json:"State" enum:"Unknown,Empty,Populated,Off,On,Standby,Halt,Ready" doc:"New state"`
		Flag  string `json:"Flag,omitempty" enum:"OK,Warning,Alert,Locked" doc:"New flag; default OK"`
		Force bool   `json:"Force,omitempty" doc:"Set it even if the present state does not allow it"`
	}
	// FlagPatch is a new flag.
	FlagPatch struct {
		Flag string `json:"Flag" enum:"OK,Warning,Alert,Locked" doc:"New flag"`
	}
	// EnabledPatch enables or disables.
	EnabledPatch struct {
		Enabled *bool `json:"Enabled" doc:"Whether it may be used"`
	}
	// SoftwareStatusPatch is a new software status.
	SoftwareStatusPatch struct {
		SoftwareStatus string `json:"SoftwareStatus,omitempty" doc:"New software status, free text"`
	}
	// RolePatch is a new role.
	RolePatch struct {
		Role    string `json:"Role" doc:"New role"`
		SubRole string `json:"SubRole,omitempty" doc:"New subrole; none clears it"`
	}
	// NIDPatch is a new NID.
	NIDPatch struct {
		NID *int `json:"NID" doc:"New NID; a negative one takes it away"`
	}
	// Named names the component again, as clients may.
	Named struct {
		ID string `json:"ID,omitempty" readOnly:"true" hidden:"true" doc:"xname, the same as in the path"`
	}
	// Many names the components.
	Many struct {
		ComponentIDs []string `json:"ComponentIDs" doc:"xnames"`
	}
)

type nidsInput struct {
	Body struct {
		Components []struct {
			ID  string `json:"ID" doc:"xname"`
			NID *int   `json:"NID" doc:"New NID; a negative one takes it away"`
		} `json:"Components" doc:"Components and their NIDs"`
	}
}

// onePatch is the input of a patch of one component.
type onePatch[P any] struct {
	Xname string `path:"xname" doc:"xname of the component"`
	Body  P
}

type manyPatch[P any] struct{ Body P }

// handleOne registers the patch of a field of one component. read is its quick
// way, nil if it has none.
func handleOne[P any](api huma.API, field, summary string, status int, read func(text []byte, p *P) bool, id func(*P) string, apply func(ctx context.Context, ids []string, p *P) error) {
	op := answering(operation("patch-component-"+field, http.MethodPatch, "/State/Components/{xname}/"+field, summary, componentTag), status)
	handle := func(ctx context.Context, in *onePatch[P]) (*nothing, error) {
		if sent := id(&in.Body); sent != "" && sent != in.Xname {
			return nil, fault.New(fault.Invalid, "xname in path and ID do not match: '%s', '%s'", in.Xname, sent)
		}
		return nil, apply(ctx, []string{in.Xname}, &in.Body)
	}
	if read == nil {
		httpapi.Handle(api, op, handle)
		return
	}
	httpapi.HandleQuick(api, op, quickPatch(read), handle)
}

// quickPatch is the quick way of a patch that read knows.
func quickPatch[P any](read func(text []byte, p *P) bool) httpapi.Quick[onePatch[P], nothing] {
	return httpapi.Quick[onePatch[P], nothing]{Read: func(r *http.Request, text []byte, in *onePatch[P]) bool {
		in.Xname = r.PathValue("xname")
		return in.Xname != "" && r.URL.RawQuery == "" && read(text, &in.Body)
	}}
}

// readState is what a node that is up says of itself.
func readState(text []byte, p *oneState) bool {
	return httpapi.Members(text, func(name, value []byte) (ok bool) {
		switch string(name) {
		case "State":
			p.State, ok = httpapi.Text(value)
		case "Flag":
			p.Flag, ok = httpapi.Text(value)
		}
		return ok
	})
}

// handleMany registers the patch of a field of many components.
func handleMany[P any](api huma.API, field, summary string, apply func(ctx context.Context, p *P) error) {
	httpapi.Handle(api, httpapi.Bulk(answering(operation("patch-components-"+field, http.MethodPatch, "/State/Components/Bulk"+field, summary, componentTag), http.StatusNoContent)),
		func(ctx context.Context, in *manyPatch[P]) (*nothing, error) { return nil, apply(ctx, &in.Body) })
}

type (
	oneState struct {
		Named
		StatePatch
	}
	manyStates struct {
		Many
		StatePatch
	}
	oneFlag struct {
		Named
		FlagPatch
	}
	manyFlags struct {
		Many
		FlagPatch
	}
	oneEnabled struct {
		Named
		EnabledPatch
	}
	manyEnabled struct {
		Many
		EnabledPatch
	}
	oneSoftwareStatus struct {
		Named
		SoftwareStatusPatch
	}
	manySoftwareStatuses struct {
		Many
		SoftwareStatus *string `json:"SoftwareStatus" doc:"New software status, free text"`
	}
	oneRole struct {
		Named
		RolePatch
	}
	manyRoles struct {
		Many
		RolePatch
	}
	oneNID struct {
		Named
		NIDPatch
	}
)

func (s *Service) patchState(ctx context.Context, ids []string, p *StatePatch) error {
	ch, err := newStateChange(p.State, p.Flag, p.Force)
	if err != nil {
		return err
	}
	return s.SetState(ctx, ids, ch)
}

func registerComponentPatches(api huma.API, s *Service) {
	handleOne(api, "StateData", "Set a component's state", 204, readState, func(p *oneState) string { return p.ID },
		func(ctx context.Context, ids []string, p *oneState) error {
			return s.patchState(ctx, ids, &p.StatePatch)
		})
	handleMany(api, "StateData", "Set the state of components",
		func(ctx context.Context, p *manyStates) error {
			return s.patchState(ctx, p.ComponentIDs, &p.StatePatch)
		})

	handleOne(api, "FlagOnly", "Set a component's flag", 204, nil, func(p *oneFlag) string { return p.ID },
		func(ctx context.Context, ids []string, p *oneFlag) error { return s.SetFlag(ctx, ids, p.Flag) })
	handleMany(api, "FlagOnly", "Set the flag of components",
		func(ctx context.Context, p *manyFlags) error { return s.SetFlag(ctx, p.ComponentIDs, p.Flag) })

	handleOne(api, "Enabled", "Enable or disable a component", 204, nil, func(p *oneEnabled) string { return p.ID },
		func(ctx context.Context, ids []string, p *oneEnabled) error { return s.SetEnabled(ctx, ids, p.Enabled) })
	handleMany(api, "Enabled", "Enable or disable components",
		func(ctx context.Context, p *manyEnabled) error { return s.SetEnabled(ctx, p.ComponentIDs, p.Enabled) })

	handleOne(api, "SoftwareStatus", "Set a component's software status", 204, nil, func(p *oneSoftwareStatus) string { return p.ID },
		func(ctx context.Context, ids []string, p *oneSoftwareStatus) error {
			return s.SetSoftwareStatus(ctx, ids, p.SoftwareStatus)
		})
	handleMany(api, "SoftwareStatus", "Set the software status of components",
		func(ctx context.Context, p *manySoftwareStatuses) error {
			if p.SoftwareStatus == nil {
				return fault.New(fault.Invalid, "Missing SoftwareStatus")
			}
			return s.SetSoftwareStatus(ctx, p.ComponentIDs, *p.SoftwareStatus)
		})

	handleOne(api, "Role", "Set a component's role", 204, nil, func(p *oneRole) string { return p.ID },
		func(ctx context.Context, ids []string, p *oneRole) error {
			return s.SetRole(ctx, ids, p.Role, p.SubRole, false)
		})
	handleMany(api, "Role", "Set the role of components",
		func(ctx context.Context, p *manyRoles) error {
			return s.SetRole(ctx, p.ComponentIDs, p.Role, p.SubRole, true)
		})

	handleOne(api, "NID", "Set a component's NID", 204, nil, func(p *oneNID) string { return p.ID },
		func(ctx context.Context, ids []string, p *oneNID) error {
			if p.NID == nil {
				return fault.New(fault.Invalid, "Missing NID")
			}
			return s.SetNIDs(ctx, map[string]int{ids[0]: *p.NID})
		})
	registerBulkNID(api, s)
}

func registerBulkNID(api huma.API, s *Service) {
	httpapi.Handle(api, httpapi.Bulk(answering(operation("patch-components-NID", http.MethodPatch, "/State/Components/BulkNID", "Set the NIDs of components", componentTag), http.StatusNoContent)),
		func(ctx context.Context, in *nidsInput) (*nothing, error) {
			nids := make(map[string]int, len(in.Body.Components))
			for _, c := range in.Body.Components {
				if c.NID == nil {
					return nil, fault.New(fault.Invalid, "Missing NID of '%s'", c.ID)
				}
				nids[c.ID] = *c.NID
			}
			return nil, s.SetNIDs(ctx, nids)
		})
}
