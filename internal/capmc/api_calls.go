package capmc

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
)

type commandBody struct {
	_         struct{} `additionalProperties:"true"`
	Xnames    []string `json:"xnames" nullable:"false" doc:"Components; s0 or all is everything"`
	Reason    string   `json:"reason,omitempty" doc:"Why, for the log"`
	Force     bool     `json:"force,omitempty" doc:"Do it without asking what runs there; names may be given twice"`
	Recursive bool     `json:"recursive,omitempty" doc:"And all that is below the components; not with prereq"`
	Prereq    bool     `json:"prereq,omitempty" doc:"And all that is above the components; not with recursive"`
	Continue  bool     `json:"continue,omitempty" doc:"Go on with the valid names if some are not"`
}

type reinitBody struct {
	_      struct{} `additionalProperties:"true"`
	Xnames []string `json:"xnames" nullable:"false" doc:"Components"`
	Reason string   `json:"reason,omitempty" doc:"Why, for the log"`
	Force  bool     `json:"force,omitempty" doc:"Do it without asking what runs there; names may be given twice"`
}

type statusBody struct {
	_      struct{} `additionalProperties:"true"`
	Xnames []string `json:"xnames,omitempty" doc:"Components; all if absent"`
	Filter string   `json:"filter,omitempty" doc:"What to show, with | between: show_all, show_on, show_off, show_ready, show_standby, show_halt, show_disabled, show_empty, show_populated, show_undefined, show_unknown, show_alert, show_warning, show_resv"`
	Source any      `json:"source,omitempty" doc:"Who is asked: redfish (PCS) or hsm"`
}

func registerXnames(api huma.API, s *Service) {
	tags := []string{"component control"}
	command := func(c Command) func(context.Context, *commandBody) (Outcome, error) {
		return func(ctx context.Context, b *commandBody) (Outcome, error) {
			if err := onlyOwn(ctx, b); err != nil {
				return Outcome{}, err
			}
			return s.Do(ctx, c, Wish{b.Xnames, b.Reason, b.Force, b.Recursive, b.Prereq, b.Continue})
		}
	}
	call(api, "/xname_on", "Power components on", tags, command(On))
	call(api, "/xname_off", "Power components off", tags, command(Off))
	call(api, "/xname_reinit", "Restart components", tags, func(ctx context.Context, b *reinitBody) (Outcome, error) {
		return s.Do(ctx, Reinit, Wish{Xnames: b.Xnames, Reason: b.Reason, Force: b.Force})
	})
	call(api, "/get_xname_status", "Show which components are on", tags, func(ctx context.Context, b *statusBody) (Statuses, error) {
		return s.Status(ctx, b.Xnames, b.Filter, b.Source)
	})
}

// onlyOwn refuses what an agent of BOS v1 wants of nodes that its session does not move,
// and of what is above and below them.
func onlyOwn(ctx context.Context, b *commandBody) error {
	if who := auth.Of(ctx); who != nil && who.Role == auth.Job && (b.Recursive || b.Prereq) {
		return fault.New(fault.Forbidden, "%s has to do with nodes: expected neither recursive nor prereq", who.Name)
	}
	return auth.For(ctx, b.Xnames...)
}

type nidsBody struct {
	_    struct{} `additionalProperties:"true"`
	NIDs []int    `json:"nids" nullable:"false" doc:"Nodes; all if the list is empty"`
}

type setCapsBody struct {
	_    struct{}   `additionalProperties:"true"`
	NIDs []NodeCaps `json:"nids" nullable:"false" doc:"Nodes and their power caps"`
}

func registerCaps(api huma.API, s *Service) {
	tags := []string{"power capping"}
	call(api, "/get_power_cap", "Show power caps", tags, func(ctx context.Context, b *nidsBody) (Caps, error) {
		return s.Caps(ctx, b.NIDs)
	})
	call(api, "/get_power_cap_capabilities", "Show what power can be capped to", tags, func(ctx context.Context, b *nidsBody) (Capabilities, error) {
		return s.Capabilities(ctx, b.NIDs)
	})
	call(api, "/set_power_cap", "Set power caps", tags, func(ctx context.Context, b *setCapsBody) (NIDOutcome, error) {
		return s.SetCaps(ctx, b.NIDs)
	})
}

type nodesBody struct {
	_      struct{} `additionalProperties:"true"`
	NIDs   []int    `json:"nids" nullable:"false" doc:"Nodes"`
	Reason string   `json:"reason,omitempty" doc:"Why, for the log"`
	Force  bool     `json:"force,omitempty" doc:"Do it without asking what runs there"`
}

type nodeStatusBody struct {
	_      struct{} `additionalProperties:"true"`
	NIDs   []int    `json:"nids,omitempty" doc:"Nodes; all if absent"`
	Filter string   `json:"filter,omitempty" doc:"What to show, as get_xname_status takes it"`
	Source any      `json:"source,omitempty" doc:"Who is asked: redfish (PCS) or hsm"`
}

// registerNodes adds the calls by NID of older manuals.
func registerNodes(api huma.API, s *Service) {
	tags := []string{"node control", "cli_hidden"}
	for path, c := range map[string]Command{"/node_on": On, "/node_off": Off, "/node_reinit": Reinit} {
		call(api, path, string(c)+" by NID", tags, func(ctx context.Context, b *nodesBody) (NIDOutcome, error) {
			return s.DoNodes(ctx, c, b.NIDs, b.Reason, b.Force)
		})
	}
	status := func(ctx context.Context, b *nodeStatusBody) (NodeStates, error) {
		return s.NodeStatus(ctx, b.NIDs, b.Filter, b.Source)
	}
	call(api, "/get_node_status", "Show which nodes are on, by NID", tags, status)
	call(api, "/node_status", "Show which nodes are on, by NID", tags, status)
	call(api, "/get_nid_map", "Show the nodes' NIDs", tags, func(ctx context.Context, b *nidsBody) (NodeMaps, error) {
		return s.NodeMap(ctx, b.NIDs)
	})
}
