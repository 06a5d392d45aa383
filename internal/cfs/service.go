package cfs

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/tapms"
)

// The tables, as they appear in hints.
const (
	ComponentsTable     = "cfs_components"
	SessionsTable       = "cfs_sessions"
	ConfigurationsTable = "cfs_configurations"
	OptionsTable        = "cfs_options"
	SourcesTable        = "cfs_sources"
)

// Tenants knows the tenants; tapms.Client does.
type Tenants interface {
	Tenant(ctx context.Context, name string) (tapms.Tenant, error)
}

// Config is what a Service works with.
type Config struct {
	DB      *store.DB
	Journal *journal.Journal
	Hub     *events.Hub // that DB posts hints to; the service itself waits for none
	// Resolver looks branches up; package gitref has the one that runs git.
	Resolver Resolver
	// MayClone refuses clone URLs that sessions must not use; nil: they may use
	// any.
	MayClone func(url string) error
	// ResolveTimeout bounds the look-up of a configuration's branches; 0: 30 s.
	ResolveTimeout time.Duration
	// Tenants checks the tenant header; nil: every named tenant is unknown.
	Tenants Tenants
	// Events receives session events; nil: the queue EventsTopic in DB.
	Events Events
	// Broker tells whether what carries events outside the database can be used;
	// nil: they do not leave it.
	Broker func(ctx context.Context) error
	// SessionsHeld says that the operator starts no sessions; the health tells it.
	SessionsHeld bool
	// ARAHost is the host of the Ansible records, without scheme; may be empty.
	ARAHost string
	// Records are what the executor keeps of jobs; nil: nothing that can be read.
	Records Records
	// Stopping, when closed, ends the answers that follow something.
	Stopping <-chan struct{}
	Now      func() time.Time // nil: time.Now
	NewID    func() string    // makes UUIDs; nil: random ones
}

// Service is the configuration framework's operations on the store. Its
// methods join a transaction in the context, except those that look branches
// up.
type Service struct {
	cfg            Config
	components     *store.Table[record]
	configurations *store.Table[Configuration]
	sources        *store.Table[Source]
	secrets        *store.Table[Secret]
	sessions       *store.Table[Session]
	runs           *store.Table[Run]
	options        *store.Table[Options]
	dead           *store.Table[DeadEvent]
}

// NewService returns the service in cfg.DB.
func NewService(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = uuid.NewString
	}
	if cfg.ResolveTimeout == 0 {
		cfg.ResolveTimeout = 30 * time.Second
	}
	if cfg.Events == nil {
		cfg.Events = store.NewQueue(cfg.DB, EventsTopic, cfg.Now)
	}
	return &Service{
		cfg: cfg,
		components: store.NewTable(cfg.DB, store.Spec[record]{Name: ComponentsTable, Kind: "Component", Held: true, Logged: true, Shared: (*record).shared,
			Key: componentID,
			Indexes: []store.Index[record]{
				{Column: "desired_config", Of: func(r *record) string { return r.DesiredConfig }},
				{Column: "enabled", Of: func(r *record) string { return strconv.FormatBool(r.Enabled) }},
				{Column: "status", Of: func(r *record) string { return string(r.Status) }},
			}}),
		configurations: store.NewTable(cfg.DB, store.Spec[Configuration]{Name: ConfigurationsTable, Kind: "Configuration", Held: true,
			Key: configurationName}),
		sources: store.NewTable(cfg.DB, store.Spec[Source]{Name: SourcesTable, Kind: "Source", Held: true, Key: sourceName}),
		secrets: store.NewTable(cfg.DB, store.Spec[Secret]{Name: "cfs_secrets", Kind: "Secret",
			Key: func(s *Secret) string { return s.Name }}),
		sessions: store.NewTable(cfg.DB, store.Spec[Session]{Name: SessionsTable, Kind: "Session", Held: true, Key: sessionName,
			Indexes: []store.Index[Session]{{Column: "status", Of: func(s *Session) string { return string(s.Status.Session.Status) }}}}),
		runs: store.NewTable(cfg.DB, store.Spec[Run]{Name: "cfs_runs", Kind: "Session", Held: true, Key: func(r *Run) string { return r.Session }}),
		dead: deadEvents(cfg.DB),
		options: store.NewTable(cfg.DB, store.Spec[Options]{Name: OptionsTable, Kind: "Options", Held: true,
			Key: func(*Options) string { return optionsKey }}),
	}
}

// ComponentsByStatus and SessionsByStatus count components and sessions.
func (s *Service) ComponentsByStatus(ctx context.Context) (map[string]int, error) {
	return s.components.CountBy(ctx, store.Query{}, func(r *record) string { return string(r.Status) })
}

func (s *Service) SessionsByStatus(ctx context.Context) (map[string]int, error) {
	return s.sessions.CountBy(ctx, store.Query{}, func(one *Session) string { return string(one.Status.Session.Status) })
}

func componentID(r *record) string              { return r.ID }
func configurationName(c *Configuration) string { return c.Name }
func sourceName(s *Source) string               { return s.Name }
func sessionName(s *Session) string             { return s.Name }

// page fills in the page size.
func (s *Service) page(ctx context.Context, p Page) (Page, error) {
	if p.Limit > 0 {
		return p, nil
	}
	options, err := s.Options(ctx)
	p.Limit = options.DefaultPageSize
	return p, err
}

// titled gives a fault of the kind the summary that the interface has for it.
func titled(err error, kind fault.Kind, summary string) error {
	if fault.Is(err, kind) {
		return fault.Titled(kind, summary, "%w", err)
	}
	return err
}

// tenant checks the tenant that a request names; empty is the administrator.
func (s *Service) tenant(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	unknown := fault.Titled(fault.Invalid, "Invalid tenant", "tenant '%s' does not exist", name)
	if s.cfg.Tenants == nil {
		return unknown
	}
	if _, err := s.cfg.Tenants.Tenant(ctx, name); fault.Is(err, fault.NotFound) {
		return unknown
	} else if err != nil {
		return fault.New(fault.Internal, "look up tenant '%s': %w", name, err)
	}
	return nil
}

// Ping reports whether the database answers.
func (s *Service) Ping(ctx context.Context) error { return s.cfg.DB.Ping(ctx) }
