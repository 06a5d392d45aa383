package v1

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

// The tables. Boot sets are keyed by session/name.
const (
	SessionsTable = "bos_v1_sessions"
	bootSetsTable = "bos_v1_boot_sets"
)

// Config is what the service stands on.
type Config struct {
	DB *store.DB
	// BOS keeps templates and components.
	BOS *bos.Service
	// Journal is told what sessions do with each node.
	Journal *journal.Journal
	// Records are what there is of agents; nil: nothing that can be read.
	Records Records
	// Hub tells of changes to those who follow an agent's log, and Stopping is closed
	// when nobody is to wait for more of it.
	Hub      *events.Hub
	Stopping <-chan struct{}
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// NewID makes IDs of sessions; nil is a random UUID.
	NewID func() string
}

// Service keeps sessions and their status.
type Service struct {
	cfg      Config
	sessions *store.Table[Session]
	bootSets *store.Table[BootSetStatus]
}

// NewService returns the service on the database.
func NewService(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = uuid.NewString
	}
	return &Service{cfg: c,
		sessions: store.NewTable(c.DB, store.Spec[Session]{Name: SessionsTable, Kind: "Session", Key: func(s *Session) string { return s.ID },
			Indexes: []store.Index[Session]{{Column: "complete", Of: func(s *Session) string { return yes(s.Over()) }}}}),
		bootSets: store.NewTable(c.DB, store.Spec[BootSetStatus]{Name: bootSetsTable, Kind: "Boot set status",
			Key:     func(b *BootSetStatus) string { return b.Session + "/" + b.Name },
			Indexes: []store.Index[BootSetStatus]{{Column: "session", Of: func(b *BootSetStatus) string { return b.Session }}}}),
	}
}

func yes(is bool) string {
	if is {
		return "true"
	}
	return "false"
}

// NewSession is what a caller says of a session to start.
type NewSession struct{ Operation, Template, Limit string }

// Create starts a session. Its status names the template's boot sets from the
// beginning.
func (s *Service) Create(ctx context.Context, n NewSession) (Session, error) {
	t, err := s.cfg.BOS.Template(ctx, n.Template, "")
	if fault.Is(err, fault.NotFound) {
		return Session{}, fault.New(fault.NotFound, "Session Template ID invalid: %s", n.Template)
	}
	if err != nil {
		return Session{}, err
	}
	if len(t.BootSets) == 0 {
		return Session{}, fault.New(fault.Invalid, "session template '%s' has no boot sets", n.Template)
	}
	session := Session{ID: s.cfg.NewID(), Operation: n.Operation, Limit: n.Limit, Template: t}
	for i := range t.BootSets {
		b := &t.BootSets[i]
		if !b.HasNodes() {
			return Session{}, fault.New(fault.Invalid, "boot set '%s' of session template '%s' names no nodes: expected node_list, node_groups or node_roles_groups", b.Name, n.Template)
		}
		session.BootSets = append(session.BootSets, b.Name)
	}
	audit.Tell(ctx, audit.About{Session: session.ID, What: n.Operation + " by template " + n.Template})
	return session, s.sessions.Insert(ctx, session)
}

// IDs lists all sessions.
func (s *Service) IDs(ctx context.Context) ([]string, error) {
	list, err := s.sessions.List(ctx, store.Query{})
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids, err
}

// Open lists the sessions that are not complete.
func (s *Service) Open(ctx context.Context) ([]Session, error) {
	return s.sessions.List(ctx, store.Query{Where: []store.Match{store.Is("complete", "false")}})
}

// Session returns one session with the statuses of its boot sets.
func (s *Service) Session(ctx context.Context, id string) (Session, []BootSetStatus, error) {
	session, err := s.sessions.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "Session ID '%s' does not exist", id)
	}
	if err != nil {
		return session, nil, err
	}
	sets, err := s.setsOf(ctx, id)
	return session, sets, err
}

func (s *Service) setsOf(ctx context.Context, id string) ([]BootSetStatus, error) {
	return s.bootSets.List(ctx, store.Query{Where: []store.Match{store.Is("session", id)}})
}

// Delete forgets a session with all its status, and lets its nodes go. Its
// agent is stopped by Agents.
func (s *Service) Delete(ctx context.Context, id string) error {
	return s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		gone, err := s.sessions.Delete(ctx, id)
		if err != nil {
			return err
		}
		if len(gone) == 0 {
			return fault.New(fault.NotFound, "Session ID '%s' does not exist", id)
		}
		return s.dropSets(ctx, id, "the session was deleted")
	})
}

// dropSets forgets the statuses of the session's boot sets, for the reason that
// words say.
func (s *Service) dropSets(ctx context.Context, id, words string) error {
	if err := s.letGo(ctx, id, words); err != nil {
		return err
	}
	sets, err := s.setsOf(ctx, id)
	if err != nil {
		return err
	}
	keys := make([]string, len(sets))
	for i := range sets {
		keys[i] = id + "/" + sets[i].Name
	}
	_, err = s.bootSets.Delete(ctx, keys...)
	return err
}

// Launch notes that the executor has been given the session's agent.
func (s *Service) Launch(ctx context.Context, id string) error {
	_, err := s.change(ctx, id, func(session *Session) error {
		session.Launched = true
		return nil
	})
	return err
}

func (s *Service) change(ctx context.Context, id string, alter func(*Session) error) (Session, error) {
	session, err := s.sessions.UpdateOne(ctx, id, alter)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "Session ID '%s' does not exist", id)
	}
	return session, err
}
