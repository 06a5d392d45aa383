package v1

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
)

type postStatusInput struct {
	SessionPath
	Body SessionStatus
}

type patchStatusInput struct {
	SessionPath
	Body Metadata
}

type statusOutput struct{ Body SessionStatus }

// BootSetPath names a boot set of a session.
type BootSetPath struct {
	SessionPath
	BootSet string `path:"boot_set_name" format:"name" doc:"Name of the boot set"`
}

// PhasePath names a phase of it.
type PhasePath struct {
	BootSetPath
	Phase string `path:"phase_name" format:"phase" doc:"shutdown, boot or configure, in any letter case"`
}

// CategoryPath names a category of that.
type CategoryPath struct {
	PhasePath
	Category string `path:"category_name" format:"category" doc:"not_started, in_progress, succeeded, failed or excluded, in any letter case"`
}

type postBootSetInput struct {
	BootSetPath
	Body BootSetRecord
}

// UpdateRequest is one change of a boot set's status. What Data is follows from
// UpdateType: a NodeChange, messages with their nodes, or Metadata.
type UpdateRequest struct {
	UpdateType string          `json:"update_type" enum:"NodeChangeList,NodeErrorsList,GenericMetadata"`
	Phase      string          `json:"phase" format:"updated-phase" doc:"The phase; empty or boot_set: the boot set itself, with GenericMetadata"`
	Data       json.RawMessage `json:"data" doc:"The change"`
}

// NodeChange moves nodes from one category to another.
type NodeChange struct {
	Phase       string   `json:"phase"`
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	NodeList    []string `json:"node_list"`
}

type patchBootSetInput struct {
	BootSetPath
	Body []UpdateRequest `nullable:"false" maxItems:"65535"`
}

type bootSetOutput struct{ Body BootSetRecord }

type phaseOutput struct{ Body PhaseRecord }

type categoryOutput struct{ Body CategoryRecord }

// errStatusExists answers a status that exists already with it.
func errStatusExists(body any) error { return &bareError{http.StatusConflict, body} }

func registerStatus(api huma.API, s *Service) {
	op := func(id, method, path, summary string, status int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, DefaultStatus: status, Tags: []string{"session"}}
	}
	const path = "/v1/session/{session_id}/status"
	handle(api, op("get_v1_session_status", http.MethodGet, path, "Tell how far a session is", 0),
		func(ctx context.Context, in *SessionPath) (*statusOutput, error) { return s.statusOf(ctx, in.ID) })
	handle(api, op("create_v1_session_status", http.MethodPost, path, "Begin a session's status", http.StatusOK),
		func(ctx context.Context, in *postStatusInput) (*statusOutput, error) {
			_, err := s.CreateStatus(ctx, in.ID, in.Body.BootSets, in.Body.Metadata.times())
			out, now := s.statusOf(ctx, in.ID)
			if fault.Is(err, fault.Conflict) && now == nil {
				return nil, errStatusExists(out.Body)
			}
			return out, cmp.Or(err, now)
		})
	handle(api, op("update_v1_session_status", http.MethodPatch, path, "Tell when a session began or ended", 0),
		func(ctx context.Context, in *patchStatusInput) (*statusOutput, error) {
			if _, err := s.TellTimes(ctx, in.ID, in.Body.times()); err != nil {
				return nil, err
			}
			return s.statusOf(ctx, in.ID)
		})
	handle(api, op("delete_v1_session_status", http.MethodDelete, path, "Delete a session's status", http.StatusNoContent),
		func(ctx context.Context, in *SessionPath) (*struct{}, error) { return nil, s.DeleteStatus(ctx, in.ID) })
	registerBootSets(api, s, op, path+"/{boot_set_name}")
}

func registerBootSets(api huma.API, s *Service, op func(id, method, path, summary string, status int) huma.Operation, path string) {
	handle(api, op("get_v1_session_status_by_bootset", http.MethodGet, path, "Tell how far a boot set is", 0),
		func(ctx context.Context, in *BootSetPath) (*bootSetOutput, error) {
			return oneBootSet(s.BootSet(ctx, in.ID, in.BootSet))
		})
	handle(api, op("create_v1_boot_set_status", http.MethodPost, path, "Begin a boot set's status; its nodes become the session's", http.StatusCreated),
		func(ctx context.Context, in *postBootSetInput) (*bootSetOutput, error) {
			b, err := in.Body.status(in.ID, in.BootSet)
			if err != nil {
				return nil, err
			}
			if err := s.onlyOwn(ctx, &b); err != nil {
				return nil, err
			}
			b, err = s.CreateBootSet(ctx, b)
			if fault.Is(err, fault.Conflict) {
				have, err := s.BootSet(ctx, in.ID, in.BootSet)
				return nil, cmp.Or(err, errStatusExists(bootSetRecord(&have)))
			}
			return oneBootSet(b, err)
		})
	handle(api, op("update_v1_session_status_by_bootset", http.MethodPatch, path, "Change a boot set's status", 0),
		func(ctx context.Context, in *patchBootSetInput) (*bootSetOutput, error) {
			updates, err := readUpdates(in.Body)
			if err != nil {
				return nil, err
			}
			return oneBootSet(s.UpdateBootSet(ctx, in.ID, in.BootSet, updates))
		})
	handle(api, op("delete_v1_boot_set_status", http.MethodDelete, path, "Delete a boot set's status", http.StatusNoContent),
		func(ctx context.Context, in *BootSetPath) (*struct{}, error) {
			return nil, s.DeleteBootSet(ctx, in.ID, in.BootSet)
		})
	handle(api, op("get_v1_session_status_by_bootset_and_phase", http.MethodGet, path+"/{phase_name}", "Tell how far a phase is", 0),
		func(ctx context.Context, in *PhasePath) (*phaseOutput, error) {
			p, err := s.phaseOf(ctx, in)
			if err != nil {
				return nil, err
			}
			return &phaseOutput{Body: phaseRecord(p)}, nil
		})
	handle(api, op("get_v1_session_status_by_bootset_and_phase_and_category", http.MethodGet, path+"/{phase_name}/{category_name}", "List the nodes of a category", 0),
		func(ctx context.Context, in *CategoryPath) (*categoryOutput, error) {
			p, err := s.phaseOf(ctx, &in.PhasePath)
			if err != nil {
				return nil, err
			}
			return &categoryOutput{Body: categoryRecord(p, lower(in.Category))}, nil
		})
}

func (s *Service) statusOf(ctx context.Context, id string) (*statusOutput, error) {
	session, sets, err := s.Session(ctx, id)
	if err == nil && session.NoStatus {
		err = fault.New(fault.NotFound, "session '%s' has no status", id)
	}
	if err != nil {
		return nil, err
	}
	return &statusOutput{Body: sessionStatus(&session, sets)}, nil
}

func oneBootSet(b BootSetStatus, err error) (*bootSetOutput, error) {
	if err != nil {
		return nil, err
	}
	return &bootSetOutput{Body: bootSetRecord(&b)}, nil
}

func (s *Service) phaseOf(ctx context.Context, in *PhasePath) (*Phase, error) {
	b, err := s.BootSet(ctx, in.ID, in.BootSet)
	if err != nil {
		return nil, err
	}
	p := b.phase(in.Phase)
	if p == nil {
		return nil, fault.New(fault.NotFound, "boot set '%s' of session '%s' has no phase '%s'", in.BootSet, in.ID, in.Phase)
	}
	return p, nil
}

// readUpdates reads each change by its type.
func readUpdates(requests []UpdateRequest) ([]Update, error) {
	out := make([]Update, len(requests))
	for i, r := range requests {
		u := &out[i]
		u.Phase = r.Phase
		var err error
		switch r.UpdateType {
		case "NodeChangeList":
			var c NodeChange
			if err = json.Unmarshal(r.Data, &c); err == nil {
				err = c.check(r.Phase)
			}
			if lower(c.Source) != lower(c.Destination) { // else nothing moves
				u.Nodes, u.Source, u.Destination = bootset.Canonical(c.NodeList), c.Source, c.Destination
			}
		case "NodeErrorsList":
			if err = json.Unmarshal(r.Data, &u.Errors); err == nil && u.Errors == nil {
				err = fault.New(fault.Invalid, "expected an object of messages and nodes")
			}
			for message, nodes := range u.Errors {
				u.Errors[message] = bootset.Canonical(nodes)
			}
		default:
			var m Metadata
			err = json.Unmarshal(r.Data, &m)
			u.Times = m.times()
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "data of update %d (%s): %w", i, r.UpdateType, err)
		}
	}
	return out, nil
}

// check says what is wrong with a change of the phase.
func (c *NodeChange) check(phase string) error {
	if c.Phase != "" && lower(c.Phase) != lower(phase) {
		return fault.New(fault.Invalid, "phase is '%s', but '%s' in the request around it", c.Phase, phase)
	}
	for name, value := range map[string]string{"source": c.Source, "destination": c.Destination} {
		if !slices.Contains(categories, lower(value)) {
			return fault.New(fault.Invalid, "%s is '%s': expected not_started, in_progress, succeeded, failed or excluded", name, value)
		}
	}
	return nil
}

// onlyOwn refuses a boot set of an agent that is not one of its session's template, and
// nodes that the boot set does not name where it names them one by one: they become the
// session's.
func (s *Service) onlyOwn(ctx context.Context, b *BootSetStatus) error {
	who := auth.Of(ctx)
	if who == nil || who.Role != auth.Job {
		return nil
	}
	session, _, err := s.Session(ctx, b.Session)
	if err != nil {
		return err
	}
	set := session.Template.BootSets.Get(b.Name)
	if set == nil {
		return fault.New(fault.Forbidden, "%s has the boot sets of its session's template, of which '%s' is none", who.Name, b.Name)
	}
	named := map[string]bool{}
	for _, n := range bootset.Canonical(set.NodeList) {
		named[n] = true
	}
	foreign := func(n string) bool { return !named[n] }
	if len(set.NodeGroups) == 0 && len(set.NodeRolesGroups) == 0 && slices.ContainsFunc(b.Nodes(), foreign) {
		return fault.New(fault.Forbidden, "%s has the nodes that boot set '%s' names, and no others", who.Name, b.Name)
	}
	return nil
}
