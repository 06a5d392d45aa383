package operators

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/selection"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

const (
	// setups bounds the sessions that are set up at a time.
	setups = 4
	// setupTries bounds how often a session is set up when another service
	// does not answer; the pause between is the polling frequency.
	setupTries = 20

	errNoNodes      = "No nodes were found to act upon."
	errNoComponents = "All nodes found to act upon do not exist as BOS components"
)

// setup is the session-setup operator: it selects pending sessions and writes
// what they want into their nodes' components.
type setup struct {
	loop      *events.Loop
	sessions  sessions
	inventory bos.Inventory
	objects   bos.Objects
	journal   notes
	now       clock
	log       *slog.Logger
}

func (s *setup) spec() Spec {
	return Spec{Name: "session-setup", Inputs: []string{bos.SessionsTable}, Resync: bos.Options.Polling,
		Outputs: []string{"sessions: from pending to running or complete, their nodes, who was left out", "components: session, desired and staged state, enabled to true"}}
}

func (s *setup) run(ctx context.Context, options bos.Options, _ events.Wake) error {
	pending, err := s.sessions.Sessions(ctx, "", bos.SessionFilter{Status: bos.SessionPending})
	if err != nil || len(pending) == 0 {
		return err
	}
	selector := s.selector(options)
	var g errgroup.Group
	g.SetLimit(setups)
	for _, session := range pending {
		if session.RetryAt.After(s.now()) {
			s.loop.At(session.Name, session.RetryAt)
			continue
		}
		g.Go(func() error {
			s.setUp(ctx, selector, session)
			return nil
		})
	}
	return g.Wait()
}

// selector is for the sessions of one pass.
func (s *setup) selector(options bos.Options) *selection.Selector {
	return &selection.Selector{Templates: s.sessions, Inventory: selection.NewInventory(s.inventory), Objects: s.objects, Options: options, Log: s.log,
		Note: func(session *bos.Session, node, why string) {
			s.journal.Note(journal.Entry{Node: node, Source: "bos", Kind: "session", Session: session.Name, Text: "left out of the session: " + why})
		}}
}

// setUp deals with one session. Whatever goes wrong is that session's affair
// alone.
func (s *setup) setUp(ctx context.Context, selector *selection.Selector, session bos.Session) {
	found, err := selector.Select(ctx, &session)
	if err == nil {
		err = s.write(ctx, &session, found.Targets, found.LeftOut)
	}
	if err == nil {
		s.log.Info("session begins", "session", session.Name, "operation", session.Operation, "template", session.TemplateName, "nodes", len(found.Targets), "left-out", len(found.LeftOut))
		return
	}
	if ctx.Err() != nil {
		return
	}
	later := transient(err) && session.Tries+1 < setupTries
	recorded := s.record(ctx, selector.Options, &session, err, later, found.LeftOut)
	if fault.Is(recorded, fault.NotFound) { // deleted meanwhile
		return
	}
	s.log.Warn("session is not set up", "session", session.Name, "tried-again", later, "error", err)
	if recorded != nil {
		s.log.Error("session setup", "session", session.Name, "error", recorded)
	}
}

// record notes why the session was not set up: to be tried again later, or as
// its end.
func (s *setup) record(ctx context.Context, options bos.Options, session *bos.Session, why error, later bool, left []bos.LeftOut) error {
	now := s.now()
	if later {
		_, err := s.sessions.ChangeSession(ctx, session.Name, session.Tenant, func(r *bos.Session) error {
			if r.Status.Status != bos.SessionPending {
				return store.ErrUnchanged
			}
			r.Tries++
			r.RetryAt = now.Add(options.Polling())
			r.Status.Error = why.Error()
			s.loop.At(r.Name, r.RetryAt)
			return nil
		})
		return err
	}
	return s.sessions.InTx(ctx, func(ctx context.Context) error {
		_, err := s.sessions.ChangeSession(ctx, session.Name, session.Tenant, func(r *bos.Session) error {
			if r.Status.Status != bos.SessionPending {
				return store.ErrUnchanged
			}
			r.Status.Status, r.Status.EndTime, r.Status.Error = bos.SessionComplete, now, why.Error()
			return s.sessions.SetSessionNodes(ctx, r, "", left)
		})
		if err == nil {
			_, err = s.sessions.SaveStatus(ctx, session.Name, session.Tenant)
		}
		return err
	})
}

// write makes the session running and the nodes its own, all or nothing.
func (s *setup) write(ctx context.Context, session *bos.Session, targets map[string]bos.Target, left []bos.LeftOut) error {
	if len(targets) == 0 {
		return fault.New(fault.Invalid, errNoNodes)
	}
	now := s.now()
	ids := make([]string, 0, len(targets))
	for id := range targets {
		ids = append(ids, id)
	}
	return s.sessions.InTx(ctx, func(ctx context.Context) error {
		after, missing, err := s.sessions.Change(ctx, ids, func(c *bos.Component) error {
			if session.Stage {
				c.Stage(session, targets[c.ID], now)
			} else {
				c.Join(session, targets[c.ID], now)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(after) == 0 {
			return fault.New(fault.Invalid, errNoComponents)
		}
		if len(missing) > 0 {
			s.log.Warn("nodes without a BOS component are left out", "session", session.Name, "nodes", missing)
		}
		members, mine := make([]string, len(after)), make(map[string]bool, len(after))
		for i := range after {
			members[i], mine[after[i].ID] = after[i].ID, true
		}
		if err := s.sessions.Disown(ctx, session.Name, session.Tenant, mine); err != nil {
			return err
		}
		slices.Sort(members)
		_, err = s.sessions.ChangeSession(ctx, session.Name, session.Tenant, func(r *bos.Session) error {
			if r.Status.Status != bos.SessionPending {
				return errors.New("the session is no longer pending")
			}
			r.Status.Status, r.Status.Error = bos.SessionRunning, ""
			r.Tries, r.RetryAt = 0, time.Time{}
			for _, id := range missing {
				left = append(left, bos.LeftOut{Name: id, Reason: "it has no BOS component"})
			}
			return s.sessions.SetSessionNodes(ctx, r, strings.Join(members, ","), left)
		})
		return err
	})
}
