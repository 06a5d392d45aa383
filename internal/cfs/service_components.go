package cfs

import (
	"context"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// ComponentDetails says which parts of components are wanted.
type ComponentDetails struct{ State, Config bool }

// Components returns a page of the components that the filter selects, and
// whether there are more.
func (s *Service) Components(ctx context.Context, f ComponentFilter, d ComponentDetails, p Page) ([]Component, bool, error) {
	q, match, err := f.query()
	if err != nil {
		return nil, false, err
	}
	a, err := s.newAssessor(ctx)
	if err != nil {
		return nil, false, err
	}
	if p.Limit == 0 {
		p.Limit = a.options.DefaultPageSize
	}
	records, more, err := readPage(ctx, s.components, componentID, q, p, match)
	if err != nil {
		return nil, false, err
	}
	out := make([]Component, len(records))
	for i := range records {
		if out[i], err = s.show(ctx, a, &records[i], d); err != nil {
			return nil, false, err
		}
	}
	return out, more, nil
}

// VisitComponents shows the components with the ids (nil: all), without details, to who must
// not change or keep any of them, but for its texts.
func (s *Service) VisitComponents(ctx context.Context, ids []string, visit func(*Component)) error {
	return s.components.Visit(ctx, store.Query{Keys: ids}, func(r *record) { visit(&r.Component) })
}

// Component returns one component.
func (s *Service) Component(ctx context.Context, id string, d ComponentDetails) (Component, error) {
	r, err := s.components.Get(ctx, id)
	if err != nil {
		return Component{}, titled(err, fault.NotFound, "Component not found.")
	}
	a, err := s.newAssessor(ctx)
	if err != nil {
		return Component{}, err
	}
	return s.show(ctx, a, &r, d)
}

// show is the record as a read answers it.
func (s *Service) show(ctx context.Context, a *assessor, r *record, d ComponentDetails) (Component, error) {
	c := r.Component
	if !d.State {
		c.State = nil
	}
	if a.options.IncludeARALinks {
		c.Logs = s.cfg.ARAHost + "/hosts?name=" + c.ID
	}
	if !d.Config {
		return c, nil
	}
	layers, statuses, err := a.assess(ctx, r)
	if err != nil {
		return c, err
	}
	c.DesiredState = make([]DesiredLayer, len(statuses))
	for i, status := range statuses {
		c.DesiredState[i] = DesiredLayer{Name: layers[i].Name, CloneURL: layers[i].CloneURL, Playbook: layers[i].Playbook,
			Commit: layers[i].Commit, Status: status}
	}
	return c, nil
}

// Assess returns the components with the ids (nil: all) measured against
// their desired configurations; with pendingOnly, those that are enabled and
// pending.
func (s *Service) Assess(ctx context.Context, ids []string, pendingOnly bool) ([]Assessment, error) {
	q := store.Query{Keys: ids}
	if pendingOnly {
		q.Where = []store.Match{store.Is("status", string(Pending)), store.Is("enabled", "true")}
	}
	records, err := s.components.List(ctx, q)
	if err != nil {
		return nil, err
	}
	a, err := s.newAssessor(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Assessment, len(records))
	for i := range records {
		r := &records[i]
		layers, statuses, err := a.assess(ctx, r)
		if err != nil {
			return nil, err
		}
		out[i] = Assessment{Component: r.Component, Generation: r.Generation, Layers: layers, Statuses: statuses}
	}
	return out, nil
}

// PutComponent writes a whole component; an id in the body must be its own.
func (s *Service) PutComponent(ctx context.Context, id string, in ComponentPatch) (Component, error) {
	if err := checkID(id, in.ID); err != nil {
		return Component{}, err
	}
	in.ID = id
	out, err := s.PutComponents(ctx, []ComponentPatch{in})
	if err != nil {
		return Component{}, err
	}
	return out[0], nil
}

func checkID(id, inBody string) error {
	if inBody != "" && xname.Canonical(inBody) != id {
		return fault.New(fault.Invalid, "id '%s' in the body is not that of component '%s'; an id cannot be changed", inBody, id)
	}
	return nil
}

// PutComponents writes whole components, all or none.
func (s *Service) PutComponents(ctx context.Context, in []ComponentPatch) ([]Component, error) {
	ids := make([]string, len(in))
	for i, p := range in {
		if p.ID == "" {
			return nil, fault.Titled(fault.Invalid, "Error parsing the data provided.", "component %d has no 'id'", i)
		}
		if len(p.ID) > maxComponentID {
			return nil, fault.New(fault.Invalid, "expected length <= %d - 'id' of component '%.20s...'", maxComponentID, p.ID)
		}
		if p.StateAppend != nil {
			return nil, fault.New(fault.Invalid, "state_append of component '%s': only PATCH can append to the state", p.ID)
		}
		ids[i] = p.ID
	}
	var out []Component
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		w, err := s.newWriter(ctx)
		if err != nil {
			return err
		}
		old, err := s.components.List(ctx, store.Query{Keys: ids})
		if err != nil {
			return err
		}
		records := make([]record, len(in))
		for i, p := range in {
			records[i] = newRecord(p.ID)
			at, found := slices.BinarySearchFunc(old, p.ID, byID)
			before := records[i].Component
			if found {
				records[i].Generation = old[at].Generation + 1
				before = old[at].Component
			}
			if !found && !isInventoryName(p.ID) {
				return fault.New(fault.Invalid, "id of a component: %s", noInventoryName(p.ID))
			}
			if err := w.change(ctx, &records[i], before, change{patch: p, now: s.cfg.Now()}); err != nil {
				return err
			}
			out = append(out, stored(records[i]))
		}
		if err := s.components.Put(ctx, records...); err != nil {
			return err
		}
		return w.finish(ctx)
	})
	return out, err
}

// CreateComponents adds those of the ids, each given once, that are not
// components yet, and returns how many.
func (s *Service) CreateComponents(ctx context.Context, ids []string) (int, error) {
	ids = append([]string{}, ids...)
	if n, err := s.components.Count(ctx, store.Query{Keys: ids}); err != nil || n == len(ids) {
		return 0, err // the usual case costs no more than this
	}
	var fresh []record
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		_, missing, err := s.components.Update(ctx, ids, func(*record) error { return store.ErrUnchanged })
		if err != nil {
			return err
		}
		for _, id := range missing {
			r := newRecord(id)
			r.Status = Unconfigured
			fresh = append(fresh, r)
		}
		return s.components.Insert(ctx, fresh...)
	})
	return len(fresh), err
}

// PatchComponent changes one component; an id in the patch must be its own.
func (s *Service) PatchComponent(ctx context.Context, id string, p ComponentPatch) (Component, error) {
	if err := checkID(id, p.ID); err != nil {
		return Component{}, err
	}
	p.ID = id
	out, err := s.PatchComponents(ctx, []ComponentPatch{p}, false)
	if err != nil {
		return Component{}, err
	}
	return out[0], nil
}

// PatchComponents applies the patches in order, all or none; each names its
// component, which must exist. countErrors has the server keep the error
// counts: each appended layer that failed adds one, applied sets zero; the same
// report of the same session counts once, however often it comes. It returns the components changed, in the order of their ids.
func (s *Service) PatchComponents(ctx context.Context, patches []ComponentPatch, countErrors bool) ([]Component, error) {
	of := make(map[string][]ComponentPatch, len(patches))
	ids := make([]string, 0, len(patches))
	for i, p := range patches {
		if p.ID == "" {
			return nil, fault.Titled(fault.Invalid, "Error parsing the data provided.", "component %d has no 'id'", i)
		}
		if of[p.ID] == nil {
			ids = append(ids, p.ID)
		}
		of[p.ID] = append(of[p.ID], p)
	}
	return s.patch(ctx, ids, func(r *record) ([]ComponentPatch, bool) { return of[r.ID], countErrors }, true)
}

// PatchMatching applies one patch to all components that the filter selects;
// ids without a component are left out.
func (s *Service) PatchMatching(ctx context.Context, f ComponentFilter, p ComponentPatch) ([]Component, error) {
	q, match, err := f.query()
	if err != nil {
		return nil, err
	}
	p.ID = ""
	patches := []ComponentPatch{p}
	var out []Component
	err = s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		ids := q.Keys
		if ids == nil || len(q.Where) > 0 || match != nil {
			found, err := s.components.List(ctx, q)
			if err != nil {
				return err
			}
			ids = make([]string, 0, len(found))
			for i := range found {
				ids = append(ids, found[i].ID)
			}
		}
		out, err = s.patch(ctx, ids, func(r *record) ([]ComponentPatch, bool) {
			if !f.matches(r) {
				return nil, false
			}
			return patches, false
		}, false)
		return err
	})
	return out, err
}

// patch applies to each component with one of the ids what of returns for it,
// in one transaction.
func (s *Service) patch(ctx context.Context, ids []string, of func(*record) (patches []ComponentPatch, countErrors bool), mustExist bool) ([]Component, error) {
	out := []Component{}
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		w, err := s.newWriter(ctx)
		if err != nil {
			return err
		}
		now := s.cfg.Now()
		_, missing, err := s.components.Update(ctx, ids, func(r *record) error {
			patches, countErrors := of(r)
			if len(patches) == 0 {
				return store.ErrUnchanged
			}
			before := r.Component
			for _, p := range patches {
				if err := w.change(ctx, r, before, change{patch: p, now: now, countErrors: countErrors}); err != nil {
					return err
				}
				before = r.Component
			}
			out = append(out, stored(*r))
			return nil
		})
		if err != nil {
			return err
		}
		if mustExist && len(missing) > 0 {
			return fault.Titled(fault.NotFound, "Component not found.", "Component '%s' does not exist", missing[0])
		}
		return w.finish(ctx)
	})
	return out, err
}

func byID(r record, id string) int { return strings.Compare(r.ID, id) }

// DeleteComponent forgets a component.
func (s *Service) DeleteComponent(ctx context.Context, id string) error {
	gone, err := s.components.Delete(ctx, id)
	if err == nil && len(gone) == 0 {
		err = fault.Titled(fault.NotFound, "Component not found.", "Component '%s' does not exist", id)
	}
	return err
}

// stored is the record as a write answers it: with the state, without what is
// computed.
func stored(r record) Component {
	r.Status = ""
	return r.Component
}

// writer collects what a change of components entails: the status of each and
// the journal's lines.
type writer struct {
	*assessor
	journal *journal.Journal
	lines   []journal.Entry
	began   map[string]string // of sessions that were asked for
}

func (s *Service) newWriter(ctx context.Context) (*writer, error) {
	a, err := s.newAssessor(ctx)
	return &writer{assessor: a, journal: s.cfg.Journal, began: map[string]string{}}, err
}

// change applies ch to r, which was before.
func (w *writer) change(ctx context.Context, r *record, before Component, ch change) error {
	var err error
	if appended := ch.patch.StateAppend; appended != nil && ch.countErrors {
		if ch.began, err = w.sessionBegan(ctx, appended.SessionName); err != nil {
			return err
		}
	}
	if err := ch.apply(r); err != nil {
		return err
	}
	if r.Status, err = w.status(ctx, r); err != nil {
		return err
	}
	w.lines = append(w.lines, tell(before, r.Component, ch.patch)...)
	return nil
}

// sessionBegan is when the session was created, as timestamp has it; "" if
// there is no such session.
func (w *writer) sessionBegan(ctx context.Context, name string) (string, error) {
	if at, asked := w.began[name]; asked || name == "" {
		return at, nil
	}
	session, err := w.s.sessions.Get(ctx, name)
	switch {
	case err == nil:
		w.began[name] = session.Status.Session.StartTime + "Z"
	case fault.Is(err, fault.NotFound):
		w.began[name] = ""
	default:
		return "", err
	}
	return w.began[name], nil
}

func (w *writer) finish(ctx context.Context) error { return w.journal.Append(ctx, w.lines...) }

// tell is what an administrator wants to know of a change.
func tell(before, after Component, p ComponentPatch) []journal.Entry {
	var out []journal.Entry
	line := journal.Entry{Node: after.ID, Source: "cfs", Kind: "configuration"}
	if p.DesiredConfig != nil && before.DesiredConfig != after.DesiredConfig {
		line.Text = "desired configuration set to '" + after.DesiredConfig + "'"
		out = append(out, line)
	}
	if p.State != nil && len(*p.State) == 0 && len(before.State) > 0 {
		line.Text = "applied layers forgotten; all will run again"
		out = append(out, line)
	}
	if p.StateAppend != nil && !slices.Equal(before.State, after.State) {
		l := after.State[len(after.State)-1]
		line.Text = "playbook " + l.Playbook + " of " + l.CloneURL + " at " + short(l.Commit) + " " + string(l.Status)
		line.Failed, line.Session = l.Status == LayerFailed, l.SessionName
		out = append(out, line)
	}
	return out
}

// short is a commit as people read it.
func short(commit string) string { return commit[:min(len(commit), 8)] }
