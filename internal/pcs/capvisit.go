package pcs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/xname"
)

// What is known of a task's components before any BMC is asked.
type capKnown struct {
	components map[string]*Component
	roles      map[string]string // of those whose caps are to be set
}

// management is the role whose nodes are not capped: the system stands on them.
const management = "Management"

// learn asks HSM for the components, again while it does not answer.
func (r *capRun) learn(ctx context.Context) (known capKnown, err error) {
	names := make([]string, len(r.works))
	for i, w := range r.works {
		names[i] = w.row.Xname
	}
	err = r.s.patiently(ctx, func() error {
		if known.components, err = r.s.catalog.get(ctx, names); err != nil {
			return err
		}
		known.roles, err = r.roles(ctx, names)
		return err
	})
	return known, err
}

func (r *capRun) roles(ctx context.Context, names []string) (map[string]string, error) {
	roles := map[string]string{}
	if r.task.Type != CapPatch || r.s.roles == nil {
		return roles, nil
	}
	list, err := r.s.roles.Query(ctx, hsm.ComponentQuery{ComponentIDs: names, RoleOnly: true})
	if err != nil {
		return nil, fmt.Errorf("ask HSM for roles: %w", err)
	}
	for _, c := range list {
		roles[c.ID] = c.Role
	}
	return roles, nil
}

// patiently repeats what fails for now until it succeeds, or for so long.
func (s *Service) patiently(ctx context.Context, do func() error) error {
	deadline := s.now().Add(capPatience)
	for try := 1; ; try++ {
		err := do()
		if err == nil || ctx.Err() != nil || verdict(err) != redfish.Later {
			return err
		}
		_, retryAfter := told(err)
		wait := backOff(try, retryAfter, s.random())
		if s.now().Add(wait).After(deadline) {
			return fmt.Errorf("%w (asked for %s)", err, capPatience)
		}
		pause(ctx, wait)
	}
}

// visit does the component's part.
func (r *capRun) visit(ctx context.Context, known capKnown, w *capWork) error {
	x := w.row.Xname
	c, ok := known.components[x]
	switch {
	case xname.TypeOf(x) != xname.Node:
		return fault.New(fault.Invalid, "%s is no node: only nodes have power caps", x)
	case !ok:
		return fault.New(fault.NotFound, "%s", saysUnknown)
	case known.roles[x] == management:
		return fault.New(fault.Forbidden, "%s has the role %s: the power of such nodes is not capped", x, management)
	case r.s.now().After(r.task.TaskCreateTime.Add(capsLast)):
		return fault.New(fault.Invalid, "the service was stopped before it was done with the component; the task is too old to go on: look at the cap, and ask again")
	}
	return r.s.patiently(ctx, func() error {
		if r.task.Type == CapSnapshot {
			_, err := r.s.readLimits(ctx, c, &w.row)
			return err
		}
		return r.s.setLimits(ctx, c, &w.row)
	})
}

// readLimits reads the component's limits into the row. A component without
// any has failed.
func (s *Service) readLimits(ctx context.Context, c *Component, row *capRow) (limits []redfish.PowerLimit, err error) {
	err = s.withLogin(ctx, c, func(login redfish.Login) error {
		limits, err = s.bmc.PowerLimits(ctx, c.Address, login, c.OdataID)
		return err
	})
	if err == nil && len(limits) == 0 {
		err = fault.New(fault.NotFound, "the BMC has no power limit for this node")
	}
	if err == nil {
		row.found(limits)
	}
	return limits, err
}

// setLimits sets what the row asks for, nothing if any of it is wrong, and
// looks whether the BMC holds to it.
func (s *Service) setLimits(ctx context.Context, c *Component, row *capRow) error {
	limits, err := s.readLimits(ctx, c, row)
	if err != nil {
		return err
	}
	wanted, err := settings(limits, row.Controls)
	if err != nil {
		return err
	}
	for _, w := range wanted {
		if w.limit.Watts == w.watts {
			continue
		}
		err := s.withLogin(ctx, c, func(login redfish.Login) error {
			return s.bmc.SetPowerLimit(ctx, c.Address, login, w.limit, w.watts)
		})
		if err != nil {
			s.readLimits(ctx, c, row) //nolint:errcheck // what was read before stands
			return err
		}
	}
	return s.confirm(ctx, c, row, wanted)
}

const (
	// confirmFor is how long a BMC may take to tell the limit that it accepted.
	confirmFor   = 10 * time.Second
	confirmPause = 250 * time.Millisecond
)

func (s *Service) confirm(ctx context.Context, c *Component, row *capRow, wanted []setting) error {
	for deadline := s.now().Add(confirmFor); ; pause(ctx, confirmPause) {
		limits, err := s.readLimits(ctx, c, row)
		if err != nil {
			return err
		}
		short := shortOf(limits, wanted)
		if short == "" {
			return nil
		}
		if ctx.Err() != nil || s.now().After(deadline) {
			return fault.New(fault.Invalid, "%s", short)
		}
	}
}

// note tells the node's journal what became of its caps.
func (r *capRun) note(w *capWork, err error) {
	words := make([]string, len(w.row.Controls))
	for i, c := range w.row.Controls {
		words[i] = fmt.Sprintf("'%s' %d W", c.Name, c.Value)
	}
	text := "power cap " + strings.Join(words, ", ") + " set"
	if err != nil {
		text = "power cap " + strings.Join(words, ", ") + " failed: " + err.Error()
	}
	r.s.journal.Note(journal.Entry{Node: w.row.Xname, Time: r.s.now(), Source: "pcs", Kind: "power",
		Text: text + " (task " + r.task.TaskID + ")", Failed: err != nil})
}
