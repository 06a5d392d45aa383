package pcs

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// Register adds the routes: each below /v1, and without it, which the OpenAPI
// document leaves out. s may be nil where only the operations are wanted.
func Register(api huma.API, s *Service) {
	httpapi.RefuseEmpty(api)
	for _, version := range []string{"/v1", ""} {
		g := routes{api, version}
		registerTransitions(g, s)
		registerStatus(g, s)
		registerPowerCap(g, s)
		registerHealth(g, s)
	}
}

// routes is the API below one version root.
type routes struct {
	api     huma.API
	version string
}

func handle[I, O any](g routes, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.Path = g.version + op.Path
	if g.version == "" {
		op.Hidden = true
		op.OperationID += "-unversioned"
	}
	httpapi.Handle(g.api, op, handler)
}

type reservedLocation struct {
	_         struct{} `additionalProperties:"true"`
	Xname     string   `json:"xname" doc:"Component to act on"`
	DeputyKey string   `json:"deputyKey,omitempty" doc:"Proof of a reservation held by the caller"`
}

type transitionCreate struct {
	_                   struct{}           `additionalProperties:"true"`
	Operation           string             `json:"operation,omitempty" doc:"What to do: on, off, soft-off, soft-restart, hard-restart, init or force-off, in any letter case"`
	TaskDeadlineMinutes *int               `json:"taskDeadlineMinutes,omitempty" doc:"Minutes that one step may take, default 5; 0 does not wait for its effect, -1 waits without bound"`
	Location            []reservedLocation `json:"location,omitempty" doc:"Components to act on"`
}

// defaultDeadline is in minutes.
const defaultDeadline = 5

type transitionStart struct {
	Location string `header:"Location"`
	Body     struct {
		TransitionID string    `json:"transitionID" format:"uuid"`
		Operation    Operation `json:"operation"`
	}
}

type transitionIn struct {
	TransitionID string `path:"transitionID" format:"uuid" doc:"Transition"`
}

type transitionOut struct{ Body Transition }

type transitionsOut struct {
	Body struct {
		Transitions []Transition `json:"transitions" nullable:"false"`
	}
}

type abortOut struct {
	Body struct {
		AbortStatus string `json:"abortStatus"`
	}
}

func registerTransitions(g routes, s *Service) {
	tags := []string{"transitions"}
	handle(g, httpapi.Bulk(huma.Operation{OperationID: "transitions-create", Method: http.MethodPost, Path: "/transitions",
		Summary: "Start a power transition", DefaultStatus: http.StatusOK, Tags: tags}),
		func(ctx context.Context, in *struct{ Body transitionCreate }) (*transitionStart, error) {
			t, err := s.begin(ctx, &in.Body)
			out := &transitionStart{Location: "transitions/" + t.TransitionID} // relative to the request's path
			out.Body.TransitionID, out.Body.Operation = t.TransitionID, t.Operation
			return out, err
		})
	handle(g, huma.Operation{OperationID: "transitions-list", Method: http.MethodGet, Path: "/transitions",
		Summary: "List the transitions of the last 24 hours", DefaultStatus: http.StatusOK, Tags: tags},
		func(ctx context.Context, _ *struct{}) (*transitionsOut, error) {
			list, err := s.Transitions(ctx)
			out := &transitionsOut{}
			out.Body.Transitions = list
			return out, err
		})
	handle(g, huma.Operation{OperationID: "transitions-describe", Method: http.MethodGet, Path: "/transitions/{transitionID}",
		Summary: "Show a transition with its tasks", DefaultStatus: http.StatusOK, Tags: tags},
		func(ctx context.Context, in *transitionIn) (*transitionOut, error) {
			t, err := s.Describe(ctx, in.TransitionID)
			return &transitionOut{Body: t}, err
		})
	handle(g, huma.Operation{OperationID: "transitions-abort", Method: http.MethodDelete, Path: "/transitions/{transitionID}",
		Summary: "Abort a transition; what was sent to BMCs is not undone", DefaultStatus: http.StatusAccepted, Tags: tags},
		func(ctx context.Context, in *transitionIn) (*abortOut, error) {
			out := &abortOut{}
			out.Body.AbortStatus = "Accepted - abort initiated"
			return out, s.Abort(ctx, in.TransitionID)
		})
}

// maxXname is in bytes; none of HSM's is half as long.
const maxXname = 127

// begin is Begin of what a client sent.
func (s *Service) begin(ctx context.Context, in *transitionCreate) (Transition, error) {
	op, ok := ParseOperation(in.Operation)
	if !ok {
		return Transition{}, fault.New(fault.Invalid, "invalid operation '%s': expected one of %s", in.Operation, operationNames())
	}
	deadline := defaultDeadline
	if in.TaskDeadlineMinutes != nil {
		deadline = *in.TaskDeadlineMinutes
	}
	locations := make([]Location, len(in.Location))
	for i, l := range in.Location {
		if len(l.Xname) > maxXname {
			return Transition{}, fault.New(fault.Invalid, "xname '%.20s...' has %d bytes: expected at most %d - 'location[%d].xname'", l.Xname, len(l.Xname), maxXname, i)
		}
		locations[i] = Location{Xname: xname.Canonical(l.Xname), DeputyKey: l.DeputyKey}
	}
	return s.Begin(ctx, op, locations, deadline)
}

func operationNames() string {
	names := make([]string, len(operations))
	for i, op := range operations {
		names[i] = string(op)
	}
	return strings.Join(names, ", ")
}

type statusQuery struct {
	Xname                 []string `query:"xname,explode" doc:"Components; all if absent"`
	PowerStateFilter      string   `query:"powerStateFilter" enum:"on,off,undefined" doc:"Only components in this power state"`
	ManagementStateFilter string   `query:"managementStateFilter" enum:"available,unavailable" doc:"Only components whose BMC is so"`
}

type statusSelection struct {
	Xname                 []string `json:"xname,omitempty" minItems:"1" doc:"Components; all if absent"`
	PowerStateFilter      string   `json:"powerStateFilter,omitempty" enum:"on,off,undefined" doc:"Only components in this power state"`
	ManagementStateFilter string   `json:"managementStateFilter,omitempty" enum:"available,unavailable" doc:"Only components whose BMC is so"`
}

type statusOut struct {
	Body struct {
		Status []PowerStatus `json:"status" nullable:"false"`
	}
}

func registerStatus(g routes, s *Service) {
	answer := func(ctx context.Context, f Filter) (*statusOut, error) {
		list, err := s.PowerStatuses(ctx, f)
		out := &statusOut{}
		out.Body.Status = list
		return out, err
	}
	tags := []string{"power-status"}
	handle(g, huma.Operation{OperationID: "power-status-list", Method: http.MethodGet, Path: "/power-status",
		Summary: "Show which components are on", DefaultStatus: http.StatusOK, Tags: tags},
		func(ctx context.Context, in *statusQuery) (*statusOut, error) {
			return answer(ctx, Filter{Xnames: xname.CanonicalAll(in.Xname), PowerState: PowerState(in.PowerStateFilter),
				ManagementState: ManagementState(in.ManagementStateFilter)})
		})
	handle(g, httpapi.Bulk(huma.Operation{OperationID: "power-status-query", Method: http.MethodPost, Path: "/power-status",
		Summary: "Show which of many components are on", DefaultStatus: http.StatusOK, Tags: append(tags, "cli_ignore")}),
		func(ctx context.Context, in *struct{ Body statusSelection }) (*statusOut, error) {
			return answer(ctx, Filter{Xnames: xname.CanonicalAll(in.Body.Xname), PowerState: PowerState(in.Body.PowerStateFilter),
				ManagementState: ManagementState(in.Body.ManagementStateFilter)})
		})
}
