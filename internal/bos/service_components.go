package bos

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// Components lists components in the order of their IDs.
func (s *Service) Components(ctx context.Context, q store.Query) ([]Component, error) {
	return s.components.List(ctx, q)
}

// ShownComponents are those that the query selects, for who must not change any of them.
func (s *Service) ShownComponents(ctx context.Context, q store.Query) ([]*Component, error) {
	return s.components.Shown(ctx, q)
}

// CountComponents counts them.
func (s *Service) CountComponents(ctx context.Context, q store.Query) (int, error) {
	return s.components.Count(ctx, q)
}

// ComponentsByStatus and ComponentsByPhase count them, a phase as the API shows it.
func (s *Service) ComponentsByStatus(ctx context.Context) (map[string]int, error) {
	return s.components.CountBy(ctx, store.Query{}, (*Component).Computed)
}

func (s *Service) ComponentsByPhase(ctx context.Context) (map[string]int, error) {
	return s.components.CountBy(ctx, store.Query{}, func(c *Component) string { return string(c.Status.Phase) })
}

// SessionsByStatus counts sessions.
func (s *Service) SessionsByStatus(ctx context.Context) (map[string]int, error) {
	return s.sessions.CountBy(ctx, store.Query{}, func(one *Session) string { return string(one.Status.Status) })
}

// AddComponents adds new components; those that exist already stay as they
// are. It returns the IDs of the added ones.
func (s *Service) AddComponents(ctx context.Context, ids []string) (added []string, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context) error {
		added = nil
		have := map[string]bool{}
		old, err := s.components.List(ctx, store.Query{Keys: ids})
		if err != nil {
			return err
		}
		for i := range old {
			have[old[i].ID] = true
		}
		now := s.Now()
		var fresh []Component
		for _, id := range ids {
			if !have[id] {
				have[id] = true
				added = append(added, id)
				fresh = append(fresh, newComponent(id, now))
			}
		}
		return s.components.Insert(ctx, fresh...)
	})
	return added, err
}

func newComponent(id string, now time.Time) Component {
	return Component{ID: id, ActualState: ActualState{LastUpdated: now}, DesiredState: DesiredState{LastUpdated: now},
		StagedState: StagedState{LastUpdated: now}, LastAction: LastAction{Action: NewlyDiscovered, LastUpdated: now}}
}

// Selection is what a caller lists components by; empty fields do not limit.
type Selection struct {
	IDs           []string
	Session       string
	StagedSession string
	Enabled       *bool
	Phase         Phase
	Statuses      []string
	After         string
	PageSize      int
	Tenant        string
}

// SelectComponents lists the components that a caller asks for.
func (s *Service) SelectComponents(ctx context.Context, sel Selection) ([]Component, error) {
	q, err := s.query(ctx, sel)
	if err != nil {
		return nil, err
	}
	return s.components.List(ctx, q)
}

// VisitComponents shows the components to who must not change or keep any of them, but for
// its texts: that is cheaper than a list.
func (s *Service) VisitComponents(ctx context.Context, sel Selection, visit func(*Component)) error {
	q, err := s.query(ctx, sel)
	if err != nil {
		return err
	}
	return s.components.Visit(ctx, q, visit)
}

func (s *Service) query(ctx context.Context, sel Selection) (store.Query, error) {
	q := store.Query{Keys: sel.IDs, After: sel.After, Limit: sel.PageSize}
	match := func(column string, values ...string) {
		q.Where = append(q.Where, store.Match{Column: column, In: values})
	}
	if sel.Session != "" {
		match("session", sel.Session)
	}
	if sel.StagedSession != "" {
		match("staged_session", sel.StagedSession)
	}
	if sel.Enabled != nil {
		match("enabled", fmt.Sprint(*sel.Enabled))
	}
	if sel.Phase != "" {
		match("phase", string(sel.Phase))
	}
	if len(sel.Statuses) > 0 {
		match("status", sel.Statuses...)
	}
	owned, err := s.owned(ctx, sel.Tenant)
	q.Keys = owned.restrict(q.Keys)
	return q, err
}

// Component returns one component.
func (s *Service) Component(ctx context.Context, id, tenant string) (Component, error) {
	if err := s.mustOwn(ctx, tenant, id); err != nil {
		return Component{}, err
	}
	c, err := s.components.Get(ctx, id)
	return c, componentError(err, id)
}

// PutComponents creates components or replaces them.
func (s *Service) PutComponents(ctx context.Context, patches []ComponentPatch, tenant string) ([]Component, error) {
	ids := patchIDs(patches)
	if err := s.mustOwn(ctx, tenant, ids...); err != nil {
		return nil, err
	}
	booted, err := s.bootedBy(ctx, patches)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	put := make(map[string]Component, len(patches))
	for i := range patches {
		c := Component{ID: patches[i].ID}
		s.apply(&c, &patches[i], booted, tenant, now)
		put[c.ID] = c
	}
	out := make([]Component, 0, len(put))
	for _, id := range ids {
		if c, first := put[id]; first {
			out = append(out, c)
			delete(put, id)
		}
	}
	return out, s.DB.InTx(ctx, func(ctx context.Context) error {
		old, err := s.components.List(ctx, store.Query{Keys: ids})
		if err != nil {
			return err
		}
		agents := make(map[string]string, len(old))
		for i := range old {
			agents[old[i].ID] = old[i].Engine.Agent // which goes on, whatever its node's record becomes
		}
		for i := range out {
			out[i].Engine.Agent = agents[out[i].ID]
		}
		return s.components.Put(ctx, out...)
	})
}

// PatchComponent merges a patch into one component. A report of the actual
// state that comes while BOS changes what the node runs is a fault.Conflict.
func (s *Service) PatchComponent(ctx context.Context, id string, p ComponentPatch, tenant string) (Component, error) {
	if err := s.mustOwn(ctx, tenant, id); err != nil {
		return Component{}, err
	}
	p.ID = id
	return s.patchOne(ctx, p, tenant)
}

// ownReports refuses a node's report that another node sends.
func (s *Service) ownReports(ctx context.Context, ip string, patches ...ComponentPatch) error {
	if s.Addresses == nil || ip == "" {
		return nil
	}
	asked, sender := false, ""
	for i := range patches {
		p := &patches[i]
		if p.ActualState == nil || p.ActualState.BSSToken == nil {
			continue
		}
		if !asked { // an HSM that does not answer holds up no report
			asked = true
			sender, _ = s.Addresses.NodeAt(ctx, ip)
		}
		if sender != "" && sender != p.ID {
			return fault.Titled(fault.Conflict, "Actual state can not be updated.", "the report about '%s' comes from %s, the address of '%s'", p.ID, ip, sender)
		}
	}
	return nil
}

func errBusy(id string) error {
	return fault.Titled(fault.Conflict, "Actual state can not be updated.",
		"BOS is currently changing the state of the node '%s', and the actual state can not be accurately recorded", id)
}

// PatchComponents merges one patch into each of many components. Unless
// skipBad, a single one that does not exist, or that takes no report now,
// makes all fail; else it is left out of the answer.
func (s *Service) PatchComponents(ctx context.Context, patches []ComponentPatch, tenant string, skipBad bool) ([]Component, error) {
	return s.patch(ctx, patches, tenant, skipBad)
}

// PatchSession merges the patch into all components of the session.
func (s *Service) PatchSession(ctx context.Context, session string, p ComponentPatch, tenant string) (after []Component, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context) error {
		members, err := s.SelectComponents(ctx, Selection{Session: session, Tenant: tenant})
		if err != nil {
			return err
		}
		patches := make([]ComponentPatch, len(members))
		for i := range members {
			patches[i] = p
			patches[i].ID = members[i].ID
		}
		after, err = s.patch(ctx, patches, "", true)
		return err
	})
	return after, err
}

func (s *Service) patch(ctx context.Context, patches []ComponentPatch, tenant string, skipBad bool) ([]Component, error) {
	owned, err := s.owned(ctx, tenant)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*ComponentPatch, len(patches))
	for i := range patches {
		byID[patches[i].ID] = &patches[i]
	}
	ids := patchIDs(patches)
	mine := owned.restrict(ids)
	if len(mine) < len(ids) && !skipBad {
		return nil, notFound("Component", tenant, firstMissing(ids, mine))
	}
	booted, err := s.bootedBy(ctx, patches)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	var after []Component
	err = s.DB.InTx(ctx, func(ctx context.Context) error {
		var missing []string
		busy := map[string]bool{}
		after, missing, err = s.Change(ctx, mine, func(c *Component) error {
			err := s.merge(c, byID[c.ID], booted, tenant, now)
			if skipBad && fault.Is(err, fault.Conflict) {
				busy[c.ID] = true
				return store.ErrUnchanged
			}
			return err
		})
		if err == nil && len(missing) > 0 && !skipBad {
			err = notFound("Component", tenant, missing[0])
		}
		after = slices.DeleteFunc(after, func(c Component) bool { return busy[c.ID] })
		return err
	})
	return after, err
}

// merge applies a patch to a component that exists. A report of the actual
// state is refused while BOS changes what the node runs, whoever else is
// reported in the same call.
func (s *Service) merge(c *Component, p *ComponentPatch, booted map[string]token, tenant string, now time.Time) error {
	if p.ActualState != nil && !c.AcceptsReport() {
		return errBusy(c.ID)
	}
	if a := p.ActualState; a != nil && a.BSSToken != nil {
		// A kernel that lost the end of its command line may take itself for
		// another node.
		t, known := booted[*a.BSSToken]
		switch {
		case !known || c.GivenToken(*a.BSSToken):
		case t.given(c):
			c.Powered(t.Token)
		default:
			return fault.Titled(fault.Conflict, "Actual state can not be updated.",
				"BSS gave the token '%s' for the boot of other nodes, not of '%s': look who really sent this", *a.BSSToken, c.ID)
		}
	}
	s.apply(c, p, booted, tenant, now)
	return nil
}

func (s *Service) apply(c *Component, p *ComponentPatch, booted map[string]token, tenant string, now time.Time) {
	var artifacts *BootArtifacts
	if p.ActualState != nil && p.ActualState.BSSToken != nil {
		if t, known := booted[*p.ActualState.BSSToken]; known {
			artifacts = &t.Artifacts
		}
	}
	session, staged := c.Session, c.StagedState.Session
	c.Apply(p, artifacts, now)
	if c.Session != session {
		c.Engine.Tenant = tenant
	}
	if c.StagedState.Session != staged {
		c.Engine.StagedTenant = tenant
	}
}

// bootedBy looks the tokens in the patches up.
func (s *Service) bootedBy(ctx context.Context, patches []ComponentPatch) (map[string]token, error) {
	var names []string
	for i := range patches {
		if a := patches[i].ActualState; a != nil && a.BSSToken != nil && *a.BSSToken != "" {
			names = append(names, *a.BSSToken)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	slices.Sort(names)
	found, err := s.tokens.List(ctx, store.Query{Keys: slices.Compact(names)})
	out := make(map[string]token, len(found))
	for _, t := range found {
		out[t.Token] = t
	}
	return out, err
}

// DeleteComponent forgets a component.
func (s *Service) DeleteComponent(ctx context.Context, id, tenant string) error {
	if err := s.mustOwn(ctx, tenant, id); err != nil {
		return err
	}
	gone, err := s.components.Delete(ctx, id)
	if err == nil && len(gone) == 0 {
		err = notFound("Component", tenant, id)
	}
	return err
}

func componentError(err error, id string) error {
	if fault.Is(err, fault.NotFound) {
		return notFound("Component", "", id)
	}
	return err
}

// patchIDs lists the IDs, each once.
func patchIDs(patches []ComponentPatch) []string {
	ids := make([]string, len(patches))
	for i := range patches {
		ids[i] = patches[i].ID
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func firstMissing(all, some []string) string {
	for _, id := range all {
		if !slices.Contains(some, id) {
			return id
		}
	}
	return ""
}
