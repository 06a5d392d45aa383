package bos

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/store"
)

// Cancelled tells what a cancelling found, and in which state it leaves nodes.
type Cancelled struct {
	Session      string       `json:"session"`
	Operation    Operation    `json:"operation"`
	TemplateName string       `json:"template_name"`
	Found        SessionLabel `json:"found" enum:"pending,running,complete" doc:"Where the session stood; if it was complete, nothing was changed"`
	Error        string       `json:"error,omitempty" doc:"The session's error, which says if it is cancelled"`
	Stopped      []Stopped    `json:"stopped" nullable:"false" doc:"Nodes that the session was moving, by the state in which they are left"`
	Unstaged     []string     `json:"unstaged,omitempty" doc:"Nodes whose staged state was forgotten"`
	Succeeded    int          `json:"succeeded" doc:"How many nodes had got where they should be before"`
	Failed       int          `json:"failed" doc:"How many had failed before"`
	Taken        int          `json:"taken" doc:"How many do not belong to the session any more: another one has them, or somebody changed them by hand"`
}

// Stopped are nodes that were left in the same state.
type Stopped struct {
	Status string   `json:"status" doc:"Status that they had"`
	Left   string   `json:"left" doc:"What had been done to them, and what may come of it yet"`
	Nodes  []string `json:"nodes" nullable:"false" doc:"The nodes, by name"`
}

// CancelSession ends a session that is not complete: nothing more is done to
// those of its nodes that are not where they should be, and they count as
// failed. What BMCs and CFS have been asked for stays asked. A pending session
// is complete at once, a running one as soon as that has been seen.
func (s *Service) CancelSession(ctx context.Context, name, tenant string) (Cancelled, error) {
	session, found, err := s.markCancelled(ctx, name, tenant)
	if err != nil {
		return Cancelled{}, err
	}
	out := Cancelled{Session: session.Name, Operation: session.Operation, TemplateName: session.TemplateName, Found: found, Stopped: []Stopped{}}
	if found == SessionRunning {
		err = s.StopNodes(ctx, &session, &out)
	}
	if err == nil && found != SessionPending {
		err = s.countRest(ctx, &session, &out)
	}
	out.Error = session.Status.Error
	out.tell(ctx)
	return out, err
}

// markCancelled notes in the session that it is cancelled, which ends it if it
// is not set up yet. found is where it stood.
func (s *Service) markCancelled(ctx context.Context, name, tenant string) (session Session, found SessionLabel, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context) error {
		session, err = s.ChangeSession(ctx, name, tenant, func(r *Session) error {
			found = r.Status.Status
			if found == SessionComplete || r.Cancelled() {
				return store.ErrUnchanged
			}
			r.CancelledAt, r.Status.Error = s.Now(), cancelledBy(ctx)
			if found == SessionPending {
				r.Status.Status, r.Status.EndTime = SessionComplete, r.CancelledAt
				r.Status.Error += " before it was set up"
			}
			return nil
		})
		if err != nil || found != SessionPending {
			return err
		}
		_, err = s.SaveStatus(ctx, name, tenant)
		return err
	})
	return session, found, err
}

func cancelledBy(ctx context.Context) string {
	if who := auth.Of(ctx); who != nil && who.Name != "" {
		return "cancelled by " + who.Name
	}
	return "cancelled"
}

// Cancelled tells whether somebody has cancelled the session.
func (s *Session) Cancelled() bool { return !s.CancelledAt.IsZero() }

// StopNodes has nothing more done to the nodes that a cancelled session still
// moves or has staged, a batch in a transaction, and adds to out what it did;
// nil is nobody who wants to know. Nodes that meanwhile got where they should
// be, or that another session took, are let be.
func (s *Service) StopNodes(ctx context.Context, session *Session, out *Cancelled) error {
	o, err := s.Options(ctx)
	if err != nil {
		return err
	}
	out = cmp.Or(out, &Cancelled{})
	words := cmp.Or(session.Status.Error, "cancelled")
	stopped, err := s.inBatches(ctx, o.Batch(), func(c *Component) (Stopped, bool) { return c.stop(session, words, s.Now()) },
		store.Is("owner", session.key()), store.Is("enabled", "true"))
	if err != nil {
		return err
	}
	unstaged, err := s.inBatches(ctx, o.Batch(), func(c *Component) (Stopped, bool) { return c.unstage(session, s.Now()) },
		store.Is("staged_owner", session.key()))
	for _, one := range stopped {
		out.add(one)
	}
	for _, one := range unstaged {
		out.Unstaged = append(out.Unstaged, one.Nodes...)
	}
	slices.SortFunc(out.Stopped, func(a, b Stopped) int {
		return cmp.Or(strings.Compare(a.Status, b.Status), strings.Compare(a.Left, b.Left))
	})
	return err
}

// inBatches alters the components that are selected, a batch in a transaction,
// and returns what alter said of those that it changed.
func (s *Service) inBatches(ctx context.Context, size int, alter func(*Component) (Stopped, bool), where ...store.Match) (changed []Stopped, err error) {
	list, err := s.components.List(ctx, store.Query{Where: where})
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	for batch := range slices.Chunk(ids, size) {
		_, _, err := s.Change(ctx, batch, func(c *Component) error {
			one, is := alter(c)
			if !is {
				return store.ErrUnchanged
			}
			changed = append(changed, one)
			return nil
		})
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// add puts nodes to those that are left in the same state.
func (c *Cancelled) add(one Stopped) {
	for i := range c.Stopped {
		if same := &c.Stopped[i]; same.Status == one.Status && same.Left == one.Left {
			same.Nodes = append(same.Nodes, one.Nodes...)
			return
		}
	}
	c.Stopped = append(c.Stopped, one)
}

// countRest counts the nodes that the cancelling did not stop.
func (s *Service) countRest(ctx context.Context, session *Session, out *Cancelled) error {
	nodes, err := s.SessionNodes(ctx, *session)
	if err != nil || nodes[session.key()].Components == "" {
		return err
	}
	mine, err := s.components.List(ctx, store.Query{Where: []store.Match{store.Is("owner", session.key())}})
	if err != nil {
		return err
	}
	stopped := map[string]bool{}
	for _, one := range out.Stopped {
		for _, n := range one.Nodes {
			stopped[n] = true
		}
	}
	for i := range mine {
		switch c := &mine[i]; {
		case stopped[c.ID]:
		case c.Computed() == StatusFailed:
			out.Failed++
		case !c.Enabled:
			out.Succeeded++
		}
	}
	began := strings.Count(nodes[session.key()].Components, ",") + 1
	out.Taken = max(0, began-len(mine)-len(out.Unstaged))
	return nil
}

// tell tells the audit what was done.
func (c *Cancelled) tell(ctx context.Context) {
	about := audit.About{Session: c.Session, What: "session cancelled"}
	if c.Found == SessionComplete {
		about.What = "session was complete: nothing cancelled"
	}
	for _, one := range c.Stopped {
		about.Nodes = append(about.Nodes, one.Nodes...)
	}
	about.Nodes = append(about.Nodes, c.Unstaged...)
	audit.Tell(ctx, about)
}

// stop gives the node up if it is still on its way for the session, which was
// cancelled. Its call stays in the record until the operators have given that
// up, too.
func (c *Component) stop(session *Session, words string, now time.Time) (Stopped, bool) {
	if !c.Enabled || c.Session != session.Name || c.Engine.Tenant != session.Tenant {
		return Stopped{}, false
	}
	one := Stopped{Status: c.Computed(), Left: c.left(), Nodes: []string{c.ID}}
	c.Troubles = Troubles{}
	c.Troubles.Set(FromSession, fmt.Sprintf("the session was %s: %s", words, one.Left), now)
	c.Status.StatusOverride, c.Enabled = StatusFailed, false
	return one, true
}

// unstage forgets what the session has staged.
func (c *Component) unstage(session *Session, now time.Time) (Stopped, bool) {
	if c.StagedState.Session != session.Name || c.Engine.StagedTenant != session.Tenant {
		return Stopped{}, false
	}
	c.StagedState, c.Engine.StagedTenant = StagedState{LastUpdated: now}, ""
	return Stopped{Nodes: []string{c.ID}}, true
}

// left says what has been done to a node that is on its way, and what may come
// of it if nothing more is.
func (c *Component) left() string {
	switch c.Computed() {
	case StatusPowerOffPending:
		return "it is on and was not asked to go off"
	case StatusPowerOffGently:
		return c.leftBy("to shut it down", "once off it stays off")
	case StatusPowerOffHard:
		return c.leftBy("to cut its power", "once off it stays off")
	case StatusPowerOnPending:
		return "it is off and was not powered on"
	case StatusPowerOnCalled:
		return c.leftBy("to power it on", "once on it boots")
	case StatusConfiguring:
		return "it runs what it should, and CFS goes on configuring it"
	}
	return "nothing was done to it"
}

// leftBy says it of a node with a power call.
func (c *Component) leftBy(call, then string) string {
	switch c.Engine.Call.State {
	case CallAccepted:
		return fmt.Sprintf("its BMC was asked %s; %s", call, then)
	case CallDecided:
		return fmt.Sprintf("its BMC may have been asked already %s; %s", call, then)
	}
	return fmt.Sprintf("its BMC did not take the request %s", call)
}
