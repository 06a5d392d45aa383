package v1

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

// CreateStatus begins a session's status anew after it was deleted; one that
// there is stays as it is: a fault.Conflict.
func (s *Service) CreateStatus(ctx context.Context, id string, bootSets []string, times Times) (Session, error) {
	return s.change(ctx, id, func(session *Session) error {
		if !session.NoStatus {
			return fault.New(fault.Conflict, "session '%s' has a status already", id)
		}
		session.NoStatus, session.BootSets = false, bootSets
		session.tell(times)
		return nil
	})
}

// TellTimes notes when the session began or ended. With its end, its nodes are
// let go.
func (s *Service) TellTimes(ctx context.Context, id string, times Times) (session Session, err error) {
	ends := false
	err = s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		session, err = s.change(ctx, id, func(session *Session) error {
			if session.NoStatus {
				return fault.New(fault.NotFound, "session '%s' has no status", id)
			}
			was := session.Over()
			session.tell(times)
			ends = !was && session.Over()
			return nil
		})
		if err != nil || !session.Over() {
			return err
		}
		return s.letGo(ctx, id, ended)
	})
	if err == nil && ends {
		slog.Info("session is complete", "interface", "v1", "session", id, "operation", session.Operation)
	}
	return session, err
}

// DeleteStatus forgets the session's status with those of its boot sets, not
// the session.
func (s *Service) DeleteStatus(ctx context.Context, id string) error {
	return s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		_, err := s.change(ctx, id, func(session *Session) error {
			if session.NoStatus {
				return fault.New(fault.NotFound, "session '%s' has no status", id)
			}
			session.NoStatus, session.BootSets = true, nil
			return nil
		})
		if err != nil {
			return err
		}
		return s.dropSets(ctx, id, "the session's status was deleted")
	})
}

// CreateBootSet begins the status of a boot set. Its nodes become the
// session's; those that somebody else moves are excluded, and errors say who.
func (s *Service) CreateBootSet(ctx context.Context, b BootSetStatus) (BootSetStatus, error) {
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		session, _, err := s.Session(ctx, b.Session)
		if err != nil {
			return err
		}
		var has []string
		if !session.Over() {
			out := b.leftOut()
			wanted := slices.DeleteFunc(b.Nodes(), func(n string) bool { _, is := out[n]; return is })
			var taken map[string][]string
			if has, taken, err = s.claim(ctx, &session, wanted); err != nil {
				return err
			}
			for message, nodes := range taken {
				b.Exclude(message, nodes)
			}
		}
		if !slices.Contains(session.BootSets, b.Name) {
			if _, err := s.change(ctx, b.Session, func(session *Session) error {
				session.BootSets = append(session.BootSets, b.Name)
				return nil
			}); err != nil {
				return err
			}
		}
		if err := s.bootSets.Insert(ctx, b); err != nil {
			return err
		}
		return s.tell(ctx, s.begun(&session, &b, has))
	})
	return b, err
}

// claim gives the session those of the nodes that nobody else moves: has. The
// rest is returned by the words on who does.
func (s *Service) claim(ctx context.Context, session *Session, nodes []string) (has []string, taken map[string][]string, err error) {
	if _, err := s.cfg.BOS.AddComponents(ctx, nodes); err != nil {
		return nil, nil, err
	}
	taken = map[string][]string{}
	forget := session.Does() == Reboot || session.Does() == Shutdown
	now := s.cfg.Now()
	_, _, err = s.cfg.BOS.Change(ctx, nodes, func(c *bos.Component) error {
		if who := mover(c, session.ID); who != "" {
			taken[who] = append(taken[who], c.ID)
			return store.ErrUnchanged
		}
		c.Engine.Agent = session.ID
		has = append(has, c.ID)
		if forget {
			c.ForgetActual(now)
		}
		return nil
	})
	return has, taken, err
}

// mover says who moves the node, if it is not the session.
func mover(c *bos.Component, session string) string {
	switch {
	case c.Engine.Agent == session:
	case c.Engine.Agent != "":
		return fmt.Sprintf("session '%s' of BOS v1 is moving the node", c.Engine.Agent)
	case c.Enabled && c.Session != "":
		return fmt.Sprintf("session '%s' of BOS v2 is moving the node", c.Session)
	case c.Enabled:
		return "BOS v2 is moving the node: its component is enabled"
	}
	return ""
}

// letGo gives the session's nodes back, for the reason that words say.
func (s *Service) letGo(ctx context.Context, id, words string) error {
	sets, err := s.setsOf(ctx, id)
	if err != nil {
		return err
	}
	var nodes []string
	for i := range sets {
		nodes = append(nodes, sets[i].Nodes()...)
	}
	return s.giveBack(ctx, id, words, nodes)
}

// giveBack ends the session's claim on those of the nodes that it has, for the
// reason that words say.
func (s *Service) giveBack(ctx context.Context, id, words string, nodes []string) error {
	var lines []journal.Entry
	_, _, err := s.cfg.BOS.Change(ctx, nodes, func(c *bos.Component) error {
		if c.Engine.Agent != id {
			return store.ErrUnchanged
		}
		c.Engine.Agent = ""
		c.Troubles.Clear(bos.FromAgent)
		lines = append(lines, s.line(id, c.ID, words, false))
		return nil
	})
	if err != nil {
		return err
	}
	return s.tell(ctx, lines)
}

// BootSet returns the status of a boot set.
func (s *Service) BootSet(ctx context.Context, session, name string) (BootSetStatus, error) {
	b, err := s.bootSets.Get(ctx, session+"/"+name)
	return b, noBootSet(err, session, name)
}

func noBootSet(err error, session, name string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "session '%s' has no status of a boot set '%s'", session, name)
	}
	return err
}

// UpdateBootSet makes all changes or none.
func (s *Service) UpdateBootSet(ctx context.Context, session, name string, updates []Update) (b BootSetStatus, err error) {
	var wrong error
	err = s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		var before BootSetStatus
		b, err = s.bootSets.UpdateOne(ctx, session+"/"+name, func(b *BootSetStatus) error {
			before = b.copy()
			for _, u := range updates {
				if wrong = b.Apply(u); wrong != nil {
					return wrong
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return s.tell(ctx, s.changed(&before, &b))
	})
	if wrong != nil {
		return b, wrong
	}
	return b, noBootSet(err, session, name)
}

// DeleteBootSet forgets the status of a boot set and gives its nodes back.
func (s *Service) DeleteBootSet(ctx context.Context, session, name string) error {
	return s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		b, err := s.BootSet(ctx, session, name)
		if err != nil {
			return err
		}
		if err := s.giveBack(ctx, session, "the status of boot set "+name+" was deleted", b.Nodes()); err != nil {
			return err
		}
		_, err = s.bootSets.Delete(ctx, session+"/"+name)
		return err
	})
}

// Abandon ends a session whose agent ended without ending it: what it did not
// finish has failed, for the reason that the message says.
func (s *Service) Abandon(ctx context.Context, id, message string) error {
	at := bos.Stamp(s.cfg.Now())
	ends := false
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		session, sets, err := s.Session(ctx, id)
		if ends = err == nil && !session.Over(); !ends {
			return err
		}
		have := map[string]bool{}
		var lines []journal.Entry
		for i := range sets {
			have[sets[i].Name] = true
			before := sets[i].copy()
			sets[i].Abandon(message, at)
			lines = append(lines, s.changed(&before, &sets[i])...)
		}
		for _, name := range session.BootSets {
			if !have[name] { // the agent did not get to it
				b := NewBootSetStatus(id, name, session.Does().Phases(true), nil)
				for i := range b.Phases {
					b.Phases[i].Blame(message, nil)
				}
				b.Abandon(message, at)
				sets = append(sets, b)
			}
		}
		if err := s.bootSets.Put(ctx, sets...); err != nil {
			return err
		}
		if _, err := s.change(ctx, id, func(session *Session) error {
			session.tell(Times{Start: at, Stop: at})
			return nil
		}); err != nil {
			return err
		}
		if err := s.tell(ctx, lines); err != nil {
			return err
		}
		return s.letGo(ctx, id, ended)
	})
	if err == nil && ends {
		slog.Warn("session is complete", "interface", "v1", "session", id, "error", message)
	}
	return err
}
