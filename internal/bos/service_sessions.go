package bos

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// NewSession is what a caller says of a session to start.
type NewSession struct {
	Name            string
	Tenant          string
	Operation       Operation
	TemplateName    string
	Limit           string
	Stage           bool
	IncludeDisabled bool

	// Image and Configuration, if not empty, take the place of the template's. Image is an
	// ID or a name of IMS; with one TemplateName may be empty.
	Image, Configuration string
}

// CheckSession tells which session n would start, or why none. It starts nothing.
func (s *Service) CheckSession(ctx context.Context, n NewSession) (Session, error) {
	if err := s.mustExist(ctx, n.Tenant); err != nil {
		return Session{}, err
	}
	o, err := s.Options(ctx)
	if err != nil {
		return Session{}, err
	}
	if err := n.check(); err != nil {
		return Session{}, err
	}
	if n.Limit == "" && o.SessionLimitRequired {
		return Session{}, invalid("session_limit_required option is set, but this session has no limit specified")
	}
	if o.RejectNIDs && bootset.LimitHasNIDs(n.Limit) {
		return Session{}, invalid("reject_nids: session limit appears to contain NIDs: %s", n.Limit)
	}
	t, derived, err := s.templateOf(ctx, &n)
	if err != nil {
		return Session{}, err
	}
	if _, err := s.checkBootSets(ctx, &t, n.Operation); err != nil {
		return Session{}, invalid("Session template fails check: %w", err)
	}
	if n.Name == "" {
		n.Name = s.NewID()
	} else if _, err := s.Session(ctx, n.Name, n.Tenant); err == nil {
		return Session{}, sessionExists(n)
	} else if !fault.Is(err, fault.NotFound) {
		return Session{}, err
	}
	session := Session{Name: n.Name, Tenant: n.Tenant, Operation: n.Operation, TemplateName: t.Name,
		Limit: n.Limit, Stage: n.Stage, IncludeDisabled: n.IncludeDisabled,
		Status: SessionStatus{Status: SessionPending, StartTime: s.Now()}}
	if derived {
		session.Derived = &t
	}
	return session, nil
}

// check holds what Drover's own interface takes to what BOS takes.
func (n *NewSession) check() error {
	switch {
	case n.Name != "" && !validName(n.Name):
		return invalid("name '%.*s': expected a name of up to %d characters, %s", maxName, n.Name, maxName, meansName)
	case len(n.Limit) > bootset.MaxLimit:
		return invalid("limit: expected up to %d bytes, not %d", bootset.MaxLimit, len(n.Limit))
	case len(n.Configuration) > maxConfigurationName:
		return invalid("configuration: expected a name of up to %d bytes, not %d", maxConfigurationName, len(n.Configuration))
	}
	return nil
}

// CreateSession checks what is asked for and starts it.
func (s *Service) CreateSession(ctx context.Context, n NewSession) (Session, error) {
	session, err := s.CheckSession(ctx, n)
	if err != nil {
		return Session{}, err
	}
	return session, s.StartSession(ctx, session)
}

// StartSession starts a session that CheckSession returned, and keeps the template that was
// derived for it. It asks nothing but the database.
func (s *Service) StartSession(ctx context.Context, session Session) error {
	template := session.Derived
	session.Derived = nil
	err := s.InTx(ctx, func(ctx context.Context) error {
		if template != nil {
			if err := s.keepDerived(ctx, *template); err != nil {
				return err
			}
		}
		err := s.sessions.Insert(ctx, session)
		if fault.Is(err, fault.Conflict) {
			err = sessionExists(NewSession{Name: session.Name, Tenant: session.Tenant})
		}
		return err
	})
	if err != nil {
		return err
	}
	audit.Tell(ctx, audit.About{Session: session.Name, What: string(session.Operation) + " by template " + session.TemplateName + limited(session.Limit)})
	return nil
}

func limited(limit string) string {
	if limit == "" {
		return ""
	}
	return ", limit " + limit
}

func sessionExists(n NewSession) error {
	text := "Session '" + n.Name + "' already exists"
	if n.Tenant != "" {
		text += " for tenant '" + n.Tenant + "'"
	}
	return fault.Titled(fault.Conflict, "The resource to be created already exists", "%s", text)
}

// SessionFilter limits a list of sessions; zero fields do not.
type SessionFilter struct {
	Status SessionLabel
	// Session must have started before or after these times.
	Before, After time.Time
}

// Sessions lists the tenant's sessions, or everybody's without a tenant.
func (s *Service) Sessions(ctx context.Context, tenant string, f SessionFilter) ([]Session, error) {
	q := ofTenant(tenant)
	if f.Status != "" {
		q.Where = append(q.Where, store.Is("status", string(f.Status)))
	}
	all, err := s.sessions.List(ctx, q)
	out := all[:0]
	for _, session := range all {
		start := session.Status.StartTime
		if (f.Before.IsZero() || !start.After(f.Before)) && (f.After.IsZero() || !start.Before(f.After)) {
			out = append(out, session)
		}
	}
	return out, err
}

// Session returns one session of the tenant.
func (s *Service) Session(ctx context.Context, name, tenant string) (Session, error) {
	session, err := s.sessions.Get(ctx, key(tenant, name))
	if fault.Is(err, fault.NotFound) {
		err = notFound("Session", tenant, name)
	}
	return session, err
}

// ChangeSession alters a session inside a transaction.
func (s *Service) ChangeSession(ctx context.Context, name, tenant string, alter func(*Session) error) (Session, error) {
	session, err := s.sessions.UpdateOne(ctx, key(tenant, name), alter)
	if fault.Is(err, fault.NotFound) {
		err = notFound("Session", tenant, name)
	}
	return session, err
}

// DeleteSession forgets a session. Its nodes go on to their desired state.
func (s *Service) DeleteSession(ctx context.Context, name, tenant string) error {
	gone, err := s.deleteSessions(ctx, key(tenant, name))
	if err == nil && gone == 0 {
		err = notFound("Session", tenant, name)
	}
	return err
}

// DeleteSessions forgets those that the filter selects.
func (s *Service) DeleteSessions(ctx context.Context, tenant string, f SessionFilter) error {
	list, err := s.Sessions(ctx, tenant, f)
	if err != nil || len(list) == 0 {
		return err
	}
	keys := make([]string, len(list))
	for i := range list {
		keys[i] = key(list[i].Tenant, list[i].Name)
	}
	_, err = s.deleteSessions(ctx, keys...)
	return err
}

func (s *Service) deleteSessions(ctx context.Context, keys ...string) (gone int, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context) error {
		list, err := s.sessions.Delete(ctx, keys...)
		if err != nil {
			return err
		}
		gone = len(list)
		_, err = s.nodes.Delete(ctx, keys...)
		return err
	})
	return gone, err
}

// SessionNodes returns the nodes of sessions by the sessions' keys; those that
// are not set up have none.
func (s *Service) SessionNodes(ctx context.Context, sessions ...Session) (map[string]SessionNodes, error) {
	if len(sessions) == 0 {
		return nil, nil
	}
	keys := make([]string, len(sessions))
	for i := range sessions {
		keys[i] = sessions[i].key()
	}
	list, err := s.nodes.List(ctx, store.Query{Keys: keys})
	out := make(map[string]SessionNodes, len(list))
	for _, n := range list {
		out[n.Session] = n
	}
	return out, err
}

// SetSessionNodes keeps the nodes of a session, and how many were left out.
// Of those it keeps as many as are told.
func (s *Service) SetSessionNodes(ctx context.Context, session *Session, components string, left []LeftOut) error {
	session.LeftOutCount = len(left)
	return s.nodes.Put(ctx, SessionNodes{Session: session.key(), Components: components, LeftOut: left[:min(len(left), MaxLeftOut)]})
}

// UpdateSession changes a session, and with components not nil the nodes that
// it is said to have begun with.
func (s *Service) UpdateSession(ctx context.Context, name, tenant string, alter func(*Session) error, components *string) (session Session, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context) error {
		if session, err = s.ChangeSession(ctx, name, tenant, alter); err != nil || components == nil {
			return err
		}
		nodes, err := s.SessionNodes(ctx, session)
		if err != nil {
			return err
		}
		n := nodes[session.key()]
		n.Session, n.Components = session.key(), *components
		return s.nodes.Put(ctx, n)
	})
	return session, err
}

// Status tells how far a session is: as saved if it is complete, else as its
// nodes stand now.
func (s *Service) Status(ctx context.Context, name, tenant string) (ExtendedStatus, error) {
	session, err := s.Session(ctx, name, tenant)
	if err != nil {
		return ExtendedStatus{}, err
	}
	if session.Status.Status == SessionComplete && session.Saved != nil {
		saved := *session.Saved
		saved.ForcedOff = session.ForcedOff // that a BMC had a request may become known later
		return saved, nil
	}
	return s.liveStatus(ctx, &session)
}

// SaveStatus keeps the status as it is now.
func (s *Service) SaveStatus(ctx context.Context, name, tenant string) (out ExtendedStatus, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context) error {
		_, err := s.ChangeSession(ctx, name, tenant, func(session *Session) error {
			out, err = s.liveStatus(ctx, session)
			session.Saved = &out
			return err
		})
		return err
	})
	return out, err
}

func (s *Service) liveStatus(ctx context.Context, session *Session) (ExtendedStatus, error) {
	p, err := s.Progress(ctx, session.Name, session.Tenant)
	if err != nil {
		return ExtendedStatus{}, err
	}
	var left []LeftOut
	if session.LeftOutCount > 0 {
		nodes, err := s.SessionNodes(ctx, *session)
		if err != nil {
			return ExtendedStatus{}, err
		}
		left = nodes[session.key()].LeftOut
	}
	return session.Extended(p, left, s.Now()), nil
}

// Progress counts the session's nodes by where they stand. It reads counts
// from the index, and only the nodes that have an error.
func (s *Service) Progress(ctx context.Context, name, tenant string) (Progress, error) {
	owner := store.Is("owner", key(tenant, name))
	p := Progress{}
	inPhase := func(phase Phase, statuses ...string) []store.Match {
		return []store.Match{owner, store.Is("enabled", "true"), store.Is("phase", string(phase)),
			{Column: "status", In: append(statuses, StatusFailed)}}
	}
	for _, c := range []struct {
		to    *int
		where []store.Match
	}{
		{&p.Total, []store.Match{owner}},
		{&p.Stable, []store.Match{owner, store.Is("status", StatusStable)}},
		{&p.Failed, []store.Match{owner, store.Is("status", StatusFailed)}},
		{&p.Staged, []store.Match{store.Is("staged_owner", key(tenant, name))}},
		{&p.PoweringOn, inPhase(PhaseOn, StatusPowerOnPending, StatusPowerOnCalled)},
		{&p.PoweringOff, inPhase(PhaseOff, StatusPowerOffPending, StatusPowerOffGently, StatusPowerOffHard)},
		{&p.Configuring, inPhase(PhaseConfigure, StatusConfiguring)},
	} {
		n, err := s.components.Count(ctx, store.Query{Where: c.where})
		if err != nil {
			return p, err
		}
		*c.to = n
	}
	troubled, err := s.components.List(ctx, store.Query{Where: []store.Match{owner, store.Is("errors", "true")}})
	p.Errors = summarise(troubled)
	return p, err
}

// Disown takes out of the session whatever belongs to a deleted one of its name
// and tenant; but for those in mine, which the session has now. Such nodes go on
// to their desired state; what was staged is forgotten, for without its session
// it cannot be applied.
func (s *Service) Disown(ctx context.Context, name, tenant string, mine map[string]bool) error {
	owner := key(tenant, name)
	for _, column := range []string{"owner", "staged_owner"} {
		all, err := s.components.List(ctx, store.Query{Where: []store.Match{store.Is(column, owner)}})
		if err != nil {
			return err
		}
		var ids []string
		for i := range all {
			if !mine[all[i].ID] {
				ids = append(ids, all[i].ID)
			}
		}
		_, _, err = s.Change(ctx, ids, func(c *Component) error {
			if column == "owner" {
				c.Session, c.Engine.Tenant = "", ""
			} else {
				c.StagedState, c.Engine.StagedTenant = StagedState{}, ""
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Owned lists nodes that are the session's now: those after the ID, in order, at most so
// many.
func (s *Service) Owned(ctx context.Context, session *Session, after string, limit int) ([]Component, error) {
	return s.components.List(ctx, store.Query{Where: []store.Match{store.Is("owner", session.key())}, After: after, Limit: limit})
}

// Active counts the nodes that a running session still has to deal with:
// those of its own that are enabled, and those that have it staged.
func (s *Service) Active(ctx context.Context, session *Session) (int, error) {
	owner := key(session.Tenant, session.Name)
	moving, err := s.components.Count(ctx, store.Query{Where: []store.Match{store.Is("owner", owner), store.Is("enabled", "true")}})
	if err != nil || moving > 0 {
		return moving, err
	}
	return s.components.Count(ctx, store.Query{Where: []store.Match{store.Is("staged_owner", owner)}})
}

// BusyNode is one of the nodes that Active counts: the one given if it still
// is one, empty if there is none. It reads no more than it takes.
func (s *Service) BusyNode(ctx context.Context, session *Session, given string) (string, error) {
	owner := session.key()
	moving, staged := []store.Match{store.Is("owner", owner), store.Is("enabled", "true")}, []store.Match{store.Is("staged_owner", owner)}
	for _, keys := range [][]string{{given}, nil} {
		if given == "" && keys != nil {
			continue
		}
		for _, where := range [][]store.Match{moving, staged} {
			found, err := s.components.List(ctx, store.Query{Keys: keys, Where: where, Limit: 1})
			if err != nil || len(found) > 0 {
				return first(found), err
			}
		}
	}
	return "", nil
}

func first(list []Component) string {
	if len(list) == 0 {
		return ""
	}
	return list[0].ID
}
