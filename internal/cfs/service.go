package cfs

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/events"
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
	Hub     *events.Hub
	// Resolver looks branches up; package gitref has the one that runs git.
	Resolver Resolver
	// ResolveTimeout bounds the look-up of one repository; 0: 30 s.
	ResolveTimeout time.Duration
	// Tenants checks the tenant header; nil: every named tenant is unknown.
	Tenants Tenants
	// Events receives session events; nil: a queue in DB.
	Events Events
	// ARAHost is the host of the Ansible records, without scheme; may be empty.
	ARAHost string
	Now     func() time.Time // nil: time.Now
	NewID   func() string    // makes UUIDs; nil: random ones
}

// Service is the configuration framework's operations on the store. Its
// methods join a transaction in the context, except those that resolve
// branches.
type Service struct {
	cfg Config
}

// NewService returns the service in cfg.DB.
func NewService(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = uuid.NewString
	}
	return &Service{cfg: cfg}
}
