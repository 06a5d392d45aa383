package hsm

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

const componentTag = "Component"

// FilterParams describe the query parameters that select components. Each may
// repeat; Given has them all.
type FilterParams struct {
	Given
	Type           string `query:"type" doc:"Type; !type is any other"`
	State          string `query:"state" enum:"Unknown,Empty,Populated,Off,On,Standby,Halt,Ready" doc:"State"`
	Flag           string `query:"flag" enum:"OK,Warning,Alert,Locked,Unknown" doc:"Flag"`
	Role           string `query:"role" doc:"Role"`
	SubRole        string `query:"subrole" doc:"Subrole"`
	Enabled        string `query:"enabled" doc:"true or false"`
	SoftwareStatus string `query:"softwarestatus" doc:"Software status"`
	Subtype        string `query:"subtype" doc:"Subtype"`
	Arch           string `query:"arch" enum:"X86,ARM,Other,UNKNOWN" doc:"Architecture"`
	Class          string `query:"class" enum:"River,Mountain,Hill" doc:"Class of hardware"`
	NID            string `query:"nid" doc:"NID"`
	NIDStart       string `query:"nid_start" doc:"Lower end of a range of NIDs"`
	NIDEnd         string `query:"nid_end" doc:"Upper end of the range"`
	Partition      string `query:"partition" doc:"Members of the partition; NULL for those of none"`
	Group          string `query:"group" doc:"Members of the group; NULL for those of none"`
}

// ViewParams reduce what is shown of components.
type ViewParams struct {
	StateOnly bool `query:"stateonly" doc:"Show only state and flag"`
	FlagOnly  bool `query:"flagonly" doc:"Show only the flag"`
	RoleOnly  bool `query:"roleonly" doc:"Show only role and subrole"`
	NIDOnly   bool `query:"nidonly" doc:"Show only the NID"`
}

func (v ViewParams) view() view { return viewOf(v.StateOnly, v.FlagOnly, v.RoleOnly, v.NIDOnly) }

type (
	listComponentsInput struct {
		ID string `query:"id" doc:"xname"`
		FilterParams
		ViewParams
	}
	queryComponentInput struct {
		Xname string `path:"xname" doc:"xname; with a type it stands for its descendants too, s0 or all for everything"`
		FilterParams
		ViewParams
	}
	queryComponentsInput  struct{ Body ComponentQuery }
	componentOutput       struct{ Body Component }
	componentsOutput      struct{ Body componentArray }
	createComponentsInput struct {
		Body struct {
			Components []ComponentCreate `json:"Components" doc:"Components to add"`
			Force      bool              `json:"Force,omitempty" doc:"Change what hardware says of those that exist"`
		}
	}
	putComponentInput struct {
		Xname string `path:"xname" doc:"xname of the component"`
		Body  struct {
			Component ComponentCreate `json:"Component" doc:"The component"`
			Force     bool            `json:"Force,omitempty" doc:"Change what hardware says if it exists"`
		}
	}
	nidInput struct {
		NID string `path:"nid" doc:"NID"`
	}
	nidQueryInput struct {
		Body struct {
			NIDRanges []string `json:"NIDRanges" doc:"NIDs and ranges of them, such as 1-24"`
			Partition string   `json:"partition,omitempty" doc:"Only members of the partition"`
			StateOnly bool     `json:"stateonly,omitempty" doc:"Show only state and flag"`
			FlagOnly  bool     `json:"flagonly,omitempty" doc:"Show only the flag"`
			RoleOnly  bool     `json:"roleonly,omitempty" doc:"Show only role and subrole"`
			NIDOnly   bool     `json:"nidonly,omitempty" doc:"Show only the NID"`
		}
	}
)

// ComponentCreate is a Component as one is sent.
type ComponentCreate struct {
	ID             string `json:"ID" doc:"xname"`
	State          string `json:"State" enum:"Unknown,Empty,Populated,Off,On,Standby,Halt,Ready" doc:"State of the hardware"`
	Flag           string `json:"Flag,omitempty" enum:"OK,Warning,Alert,Locked" doc:"Flag; default OK"`
	Enabled        *bool  `json:"Enabled,omitempty" doc:"Whether it may be used; default true"`
	SoftwareStatus string `json:"SoftwareStatus,omitempty" doc:"What the managed software says of itself"`
	Role           string `json:"Role,omitempty" doc:"Role; default Compute for nodes"`
	SubRole        string `json:"SubRole,omitempty" doc:"Subrole"`
	NID            *int   `json:"NID,omitempty" doc:"NID; default one that follows from a node's place"`
	Subtype        string `json:"Subtype,omitempty" doc:"Finer type"`
	NetType        string `json:"NetType,omitempty" enum:"Sling,Infiniband,Ethernet,OEM,None" doc:"Type of the high-speed network"`
	Arch           string `json:"Arch,omitempty" enum:"X86,ARM,Other,UNKNOWN" doc:"Architecture"`
	Class          string `json:"Class,omitempty" enum:"River,Mountain,Hill" doc:"Class of hardware"`
}

func (c *ComponentCreate) component() Component {
	return Component{ID: c.ID, State: c.State, Flag: c.Flag, Enabled: c.Enabled, SoftwareStatus: c.SoftwareStatus, Role: c.Role,
		SubRole: c.SubRole, NID: c.NID, Subtype: c.Subtype, NetType: c.NetType, Arch: c.Arch, Class: c.Class}
}

// parameters are the query's selection.
func (q *ComponentQuery) parameters() (Parameters, error) {
	if len(q.ComponentIDs) == 0 {
		return nil, errMissingIDs
	}
	p := Parameters{"id": q.ComponentIDs, "type": q.Type, "state": q.State, "flag": q.Flag, "enabled": q.Enabled,
		"softwarestatus": q.SoftwareStatus, "role": q.Role, "subrole": q.SubRole, "subtype": q.Subtype, "arch": q.Arch,
		"class": q.Class, "nid": q.NID, "nid_start": q.NIDStart, "nid_end": q.NIDEnd}
	if q.Group != "" {
		p["group"] = []string{q.Group}
	}
	if q.Partition != "" {
		p["partition"] = []string{q.Partition}
	}
	return p, nil
}

func (s *Service) list(ctx context.Context, p Parameters, descend bool, v view) (*componentsOutput, error) {
	found, err := s.Components(ctx, p, descend, v)
	return &componentsOutput{componentArray{found}}, err
}

func registerComponents(api huma.API, s *Service) {
	const path = "/State/Components"
	httpapi.Handle(api, operation("list-components", http.MethodGet, path, "List components", componentTag),
		func(ctx context.Context, in *listComponentsInput) (*componentsOutput, error) {
			return s.list(ctx, in.parameters(), false, in.view())
		})
	httpapi.Handle(api, httpapi.Bulk(answering(operation("create-components", http.MethodPost, path, "Add components", componentTag), http.StatusNoContent)),
		func(ctx context.Context, in *createComponentsInput) (*nothing, error) {
			all := make([]Component, len(in.Body.Components))
			for i := range all {
				all[i] = in.Body.Components[i].component()
			}
			return nil, s.AddComponents(ctx, all, in.Body.Force)
		})
	httpapi.Handle(api, operation("delete-components", http.MethodDelete, path, "Delete all components", componentTag,
		"cli_danger$This will delete all components in HSM, continue?"),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			n, err := s.DeleteComponents(ctx, nil)
			return deleted(n, err, errNoEntries)
		})
	httpapi.Handle(api, operation("get-component", http.MethodGet, path+"/{xname}", "Describe a component", componentTag),
		func(ctx context.Context, in *xnameInput) (*componentOutput, error) {
			c, err := s.Component(ctx, in.Xname)
			return &componentOutput{c}, err
		})
	httpapi.Handle(api, answering(operation("put-component", http.MethodPut, path+"/{xname}", "Add a component", componentTag), http.StatusNoContent),
		func(ctx context.Context, in *putComponentInput) (*nothing, error) {
			c := in.Body.Component.component()
			if c.ID == "" {
				c.ID = in.Xname
			}
			if xname.Normalize(c.ID) != xname.Normalize(in.Xname) {
				return nil, fault.New(fault.Invalid, "xname in path and ID do not match: '%s', '%s'", in.Xname, c.ID)
			}
			return nil, s.AddComponents(ctx, []Component{c}, in.Body.Force)
		})
	httpapi.Handle(api, operation("delete-component", http.MethodDelete, path+"/{xname}", "Delete a component", componentTag),
		func(ctx context.Context, in *xnameInput) (*messageOutput, error) {
			ids, err := xnames([]string{in.Xname})
			if err != nil {
				return nil, fault.New(fault.Invalid, "invalid xname")
			}
			n, err := s.DeleteComponents(ctx, ids)
			return deleted(n, err, errNoXname)
		})
	registerComponentQueries(api, s, path)
}

func registerComponentQueries(api huma.API, s *Service, path string) {
	httpapi.Handle(api, httpapi.Bulk(answering(operation("query-components", http.MethodPost, path+"/Query", "List the named components", componentTag), http.StatusOK)),
		func(ctx context.Context, in *queryComponentsInput) (*componentsOutput, error) {
			q := &in.Body
			p, err := q.parameters()
			if err != nil {
				return nil, err
			}
			return s.list(ctx, p, true, viewOf(q.StateOnly, q.FlagOnly, q.RoleOnly, q.NIDOnly))
		})
	httpapi.Handle(api, operation("query-component", http.MethodGet, path+"/Query/{xname}", "List a component with its descendants", componentTag),
		func(ctx context.Context, in *queryComponentInput) (*componentsOutput, error) {
			p := in.parameters()
			p["id"] = []string{in.Xname}
			return s.list(ctx, p, true, in.view())
		})
	httpapi.Handle(api, operation("get-component-by-nid", http.MethodGet, path+"/ByNID/{nid}", "Describe the component with a NID", componentTag),
		func(ctx context.Context, in *nidInput) (*componentOutput, error) {
			c, err := s.ByNID(ctx, in.NID)
			return &componentOutput{c}, err
		})
	httpapi.Handle(api, httpapi.Bulk(answering(operation("query-components-by-nid", http.MethodPost, path+"/ByNID/Query", "List the components with NIDs", componentTag), http.StatusOK)),
		func(ctx context.Context, in *nidQueryInput) (*componentsOutput, error) {
			b := &in.Body
			if len(b.NIDRanges) == 0 {
				return nil, fault.New(fault.Invalid, "Missing NID ranges")
			}
			p := Parameters{"nid": b.NIDRanges}
			if b.Partition != "" {
				p["partition"] = []string{b.Partition}
			}
			return s.list(ctx, p, false, viewOf(b.StateOnly, b.FlagOnly, b.RoleOnly, b.NIDOnly))
		})
}
