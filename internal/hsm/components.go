package hsm

import (
	"context"
	"strconv"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// noteState is the kind of the journal's lines about states.
const noteState = "state"

// Components returns the components that the parameters select, reduced to
// the view if there is one. With descend an ID stands for its descendants too
// when a type is given.
func (s *Service) Components(ctx context.Context, p Parameters, descend bool, v view) ([]Component, error) {
	f, err := s.newFilter(p, descend)
	if err != nil {
		return nil, err
	}
	selected, err := s.selected(ctx, f)
	if err != nil {
		return nil, err
	}
	if v != nil {
		for i := range selected {
			selected[i] = v(&selected[i])
		}
	}
	return selected, nil
}

// VisitNodes shows the nodes with the names (nil: all) to who must not change or keep any of
// them, but for its texts: that is cheaper than a list.
func (s *Service) VisitNodes(ctx context.Context, names []string, visit func(*Component)) error {
	return s.components.Visit(ctx, store.Query{Keys: names, Where: []store.Match{store.Is("type", string(xname.Node))}}, visit)
}

// selected is never nil.
func (s *Service) selected(ctx context.Context, f *filter) ([]Component, error) {
	all, err := s.components.List(ctx, f.query)
	if err != nil {
		return nil, err
	}
	belongs, err := s.belonging(ctx, f)
	if err != nil {
		return nil, err
	}
	out := make([]Component, 0, len(all))
	for i := range all {
		if f.matches(&all[i]) && belongs(all[i].ID) {
			out = append(out, all[i])
		}
	}
	return out, nil
}

// Component returns one component.
func (s *Service) Component(ctx context.Context, id string) (Component, error) {
	c, err := s.components.Get(ctx, xname.Normalize(id))
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "no such xname.")
	}
	return c, err
}

// ByNID returns the component with the NID.
func (s *Service) ByNID(ctx context.Context, nid string) (Component, error) {
	n, err := strconv.Atoi(nid)
	if err != nil || n < 0 {
		return Component{}, fault.New(fault.Invalid, "invalid NID '%s', expected a number", nid)
	}
	found, err := s.components.List(ctx, store.Query{Where: []store.Match{store.Is("nid", strconv.Itoa(n))}, Limit: 1})
	if err == nil && len(found) == 0 {
		err = fault.New(fault.NotFound, "no such xname.")
	}
	if err != nil {
		return Component{}, err
	}
	return found[0], nil
}

// AddComponents adds components. Of those that exist, force changes what
// hardware says; without it they are left alone.
func (s *Service) AddComponents(ctx context.Context, components []Component, force bool) error {
	if len(components) == 0 {
		return fault.New(fault.Invalid, "Missing Components")
	}
	given := make(map[string]Component, len(components))
	ids := make([]string, len(components))
	for i, c := range components {
		if err := c.settle(&s.words); err != nil {
			return err
		}
		ids[i], given[c.ID] = c.ID, c
	}
	defer s.notifier.wake()
	return s.db.InTx(ctx, func(ctx context.Context) error {
		missing, err := s.updateComponents(ctx, ids, func(c *Component) bool {
			if force {
				c.replaceBy(given[c.ID])
			}
			return force
		})
		if err != nil {
			return err
		}
		added := make([]Component, len(missing))
		for i, id := range missing {
			added[i] = given[id]
			added[i].Locked, added[i].ReservationDisabled = false, false
		}
		return s.addComponents(ctx, added)
	})
}

// DeleteComponents removes the components, nil for all, with their memberships
// and reservations, and returns how many there were.
func (s *Service) DeleteComponents(ctx context.Context, ids []string) (n int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if ids == nil {
			all, err := s.components.List(ctx, store.Query{})
			if err != nil {
				return err
			}
			for i := range all {
				ids = append(ids, all[i].ID)
			}
		}
		gone, err := s.components.Delete(ctx, ids...)
		if err != nil {
			return err
		}
		n = len(gone)
		if err := s.leaveAll(ctx, ids); err != nil {
			return err
		}
		_, err = s.reservations.Delete(ctx, ids...)
		return err
	})
	return n, err
}

// SetState changes the state of the components as far as their present states
// allow it; unknown ones are passed over.
func (s *Service) SetState(ctx context.Context, ids []string, ch StateChange) error {
	var entries []journal.Entry
	err := s.change(ctx, ids, func(c *Component) bool {
		changed := ch.apply(c)
		if changed && c.Type == string(xname.Node) {
			entries = append(entries, journal.Entry{Node: c.ID, Source: "hsm", Kind: noteState, Text: ch.text(),
				Failed: c.Flag == flagAlert})
		}
		return changed
	})
	if err == nil {
		s.journal.Note(entries...)
	}
	return err
}

// change alters the components; alter tells whether it did. Unknown ones are
// passed over.
func (s *Service) change(ctx context.Context, ids []string, alter func(*Component) bool) error {
	if len(ids) == 0 {
		return errMissingIDs
	}
	keys, err := xnames(ids)
	if err != nil {
		return err
	}
	_, err = s.updateComponents(ctx, keys, alter)
	s.notifier.wake()
	return err
}

// SetFlag changes the flag and nothing else.
func (s *Service) SetFlag(ctx context.Context, ids []string, flag string) error {
	if flag == "" {
		return fault.New(fault.Invalid, "Missing Flag")
	}
	if err := spell("Flag", values.Flag, &flag); err != nil {
		return err
	}
	return s.change(ctx, ids, func(c *Component) bool { return set(&c.Flag, flag) })
}

// SetEnabled enables or disables.
func (s *Service) SetEnabled(ctx context.Context, ids []string, enabled *bool) error {
	if enabled == nil {
		return fault.New(fault.Invalid, "Missing Enabled field")
	}
	return s.change(ctx, ids, func(c *Component) bool {
		changed := c.IsEnabled() != *enabled
		c.Enabled = enabled
		return changed
	})
}

// SetSoftwareStatus records what software says of itself.
func (s *Service) SetSoftwareStatus(ctx context.Context, ids []string, status string) error {
	return s.change(ctx, ids, func(c *Component) bool { return set(&c.SoftwareStatus, status) })
}

// SetRole changes role and subrole. Without a subrole keepSame leaves the
// components alone that have the role already; others lose theirs.
func (s *Service) SetRole(ctx context.Context, ids []string, role, subRole string, keepSame bool) error {
	if role == "" {
		return fault.New(fault.Invalid, "Missing Role")
	}
	if err := spell("Role", s.words.Role, &role); err != nil {
		return err
	}
	if err := spell("SubRole", s.words.SubRole, &subRole); err != nil {
		return err
	}
	return s.change(ctx, ids, func(c *Component) bool {
		if keepSame && subRole == "" && c.Role == role {
			return false
		}
		changed := set(&c.Role, role)
		return set(&c.SubRole, subRole) || changed
	})
}

// SetNIDs gives each component its NID; a negative one takes it away.
func (s *Service) SetNIDs(ctx context.Context, nids map[string]int) error {
	ids := make([]string, 0, len(nids))
	given := make(map[string]int, len(nids))
	for id, nid := range nids {
		ids = append(ids, id)
		given[xname.Normalize(id)] = nid
	}
	return s.change(ctx, ids, func(c *Component) bool {
		before := nidColumn(c)
		c.NID = nil
		if nid := given[c.ID]; nid >= 0 {
			c.NID = &nid
		}
		return nidColumn(c) != before
	})
}

// set tells whether the value is a new one.
func set(field *string, value string) bool {
	changed := *field != value
	*field = value
	return changed
}

// NodesByState counts nodes by their state, States are those that there are.
func (s *Service) NodesByState(ctx context.Context) (map[string]int, error) {
	return s.components.CountBy(ctx, store.Query{Where: []store.Match{store.Is("type", "Node")}}, func(c *Component) string { return c.State })
}

func States() []string { return values.State }
