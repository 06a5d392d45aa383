package capmc

import (
	"context"
	"net/url"
	"strings"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/pcs"
)

// Statuses is the answer to get_xname_status.
type Statuses struct {
	Result
	States
}

// Status tells the states of the components, of all if none are given.
func (s *Service) Status(ctx context.Context, xnames []string, words string, from any) (Statuses, error) {
	f, err := parseFilter(words)
	if err != nil {
		return Statuses{}, err
	}
	asked, err := parseSource(from)
	if err != nil {
		return Statuses{}, err
	}
	names, all, wrong := checkNames(xnames, false)
	if len(wrong) > 0 {
		return Statuses{}, refuseNames(wrong)
	}
	var components []hsm.Component
	if all || len(names) == 0 {
		components, err = s.components(ctx, url.Values{"type": kindNames()})
	} else if components, err = s.query(ctx, hsm.ComponentQuery{ComponentIDs: names}); err == nil {
		missing, _ := lost(names, components)
		for _, n := range missing {
			wrong = append(wrong, XnameError{n, invalid, "Component not found"})
		}
		if len(wrong) > 0 {
			err = refuseNames(wrong)
		}
	}
	if err != nil {
		return Statuses{}, err
	}
	return s.statesOf(ctx, components, f, asked)
}

func (s *Service) statesOf(ctx context.Context, components []hsm.Component, f filter, from source) (Statuses, error) {
	state := stateOf
	if from == fromHardware && len(components) > 0 {
		names := make([]string, len(components))
		for i := range components {
			names[i] = components[i].ID
		}
		list, err := s.power.PowerStatus(ctx, names)
		if err != nil {
			return Statuses{}, unreachable("PCS", err)
		}
		power := make(map[string]*pcs.PowerStatus, len(list))
		for i := range list {
			power[list[i].Xname] = &list[i]
		}
		state = func(c *hsm.Component) string {
			switch p := power[c.ID]; {
			case strings.EqualFold(c.State, "Empty"): // PCS does not look there
				return "empty"
			case p != nil:
				return powerOf(p)
			}
			return "undefined"
		}
	}
	states, undefined := sorted(components, state, f)
	return Statuses{untold(undefined), states}, nil
}
