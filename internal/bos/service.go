package bos

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/batch"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

// The tables, by the names under which their changes are hinted. Components
// are hinted by xname, sessions and templates by tenant/name.
const (
	ComponentsTable = "bos_components"
	SessionsTable   = "bos_sessions"
	TemplatesTable  = "bos_templates"
	OptionsTable    = "bos_options"
	tokensTable     = "bos_tokens"
	nodesTable      = "bos_session_nodes"
	bootsTable      = "bos_boots"
)

// Config is what the service stands on.
type Config struct {
	DB      *store.DB
	Journal *journal.Journal
	Hub     *events.Hub

	Objects Objects
	Images  Images
	// Tenants may be nil: then there are none.
	Tenants Tenants
	// Addresses may be nil: then a report is not held against its sender.
	Addresses Addresses

	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// NewID makes names for sessions that come without; nil is a random UUID.
	NewID func() string
}

// Service keeps templates, sessions, components and options.
type Service struct {
	Config
	components *store.Table[Component]
	sessions   *store.Table[Session]
	nodes      *store.Table[SessionNodes]
	templates  *store.Table[Template]
	tokens     *store.Table[token]
	boots      *store.Table[Boots]
	settings   *store.Table[settings]

	singles batch.Pool[*single]
	look    atomic.Pointer[func(ids []string) func(*Component)]

	mu      sync.Mutex
	stale   *events.Subscription
	options *Options
}

// NewService returns the service on the database.
func NewService(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = uuid.NewString
	}
	s := &Service{Config: c, stale: c.Hub.Subscribe(OptionsTable),
		components: store.NewTable(c.DB, store.Spec[Component]{Name: ComponentsTable, Kind: "Component", Held: true, Logged: true, Shared: (*Component).shared,
			Key: func(c *Component) string { return c.ID }, Indexes: componentIndexes()}),
		sessions: store.NewTable(c.DB, store.Spec[Session]{Name: SessionsTable, Kind: "Session", Held: true,
			Key: func(s *Session) string { return key(s.Tenant, s.Name) },
			Indexes: []store.Index[Session]{
				{Column: "tenant", Of: func(s *Session) string { return s.Tenant }},
				{Column: "status", Of: func(s *Session) string { return string(s.Status.Status) }},
			}}),
		nodes: store.NewTable(c.DB, store.Spec[SessionNodes]{Name: nodesTable, Kind: "Nodes of session",
			Key: func(n *SessionNodes) string { return n.Session }}),
		templates: store.NewTable(c.DB, store.Spec[Template]{Name: TemplatesTable, Kind: "Session template", Held: true,
			Key:     func(t *Template) string { return key(t.Tenant, t.Name) },
			Indexes: []store.Index[Template]{{Column: "tenant", Of: func(t *Template) string { return t.Tenant }}}}),
		tokens: store.NewTable(c.DB, store.Spec[token]{Name: tokensTable, Kind: "BSS token", Held: true, Shared: func(t *token) []*string { return shared(&t.Artifacts) },
			Key: func(t *token) string { return t.Token }}),
		boots: store.NewTable(c.DB, store.Spec[Boots]{Name: bootsTable, Kind: "Boots of image",
			Key: func(b *Boots) string { return b.Kernel }}),
		settings: store.NewTable(c.DB, store.Spec[settings]{Name: OptionsTable, Kind: "Options", Held: true,
			Key: func(*settings) string { return OptionsKey }}),
	}
	s.gatherSingles()
	return s
}

// componentIndexes are the columns by which operators and lists select.
// owner and session both name a component's session: owner with its tenant,
// session without, as the published filters do.
func componentIndexes() []store.Index[Component] {
	owned := func(tenant, name string) string {
		if name == "" {
			return ""
		}
		return key(tenant, name)
	}
	return []store.Index[Component]{
		{Column: "enabled", Of: func(c *Component) string { return strconv.FormatBool(c.Enabled) }},
		{Column: "session", Of: func(c *Component) string { return c.Session }},
		{Column: "owner", Of: func(c *Component) string { return owned(c.Engine.Tenant, c.Session) }},
		{Column: "staged_session", Of: func(c *Component) string { return c.StagedState.Session }},
		{Column: "staged_owner", Of: func(c *Component) string { return owned(c.Engine.StagedTenant, c.StagedState.Session) }},
		{Column: "phase", Of: func(c *Component) string { return string(c.Status.Phase) }},
		{Column: "status", Of: (*Component).Computed},
		{Column: "errors", Of: func(c *Component) string { return strconv.FormatBool(c.Troubles.Newest() != "") }},
	}
}

// shared are the strings that the nodes of a boot set have in common.
func (c *Component) shared() []*string {
	list := append(shared(&c.ActualState.BootArtifacts), shared(&c.DesiredState.BootArtifacts)...)
	list = append(list, shared(&c.StagedState.BootArtifacts)...)
	return append(list, &c.DesiredState.Configuration, &c.StagedState.Configuration, &c.Session, &c.StagedState.Session)
}

func shared(a *BootArtifacts) []*string {
	return []*string{&a.Kernel, &a.KernelParameters, &a.Initrd}
}

// token remembers what a BSS referral token stands for.
type token struct {
	Token     string        `json:"token"`
	Artifacts BootArtifacts `json:"artifacts"`
	Issued    time.Time     `json:"issued"`
	// Calls are the IDs of the power calls that it was given for.
	Calls []string `json:"calls,omitempty"`
}

// given tells whether BSS gave the token for the power-on that the component
// waits for, or left, although its record does not have it yet.
func (t *token) given(c *Component) bool {
	call, left := c.Engine.Call.ID, c.Engine.Left.ID
	return call != "" && c.DesiredState.BootArtifacts == t.Artifacts && slices.Contains(t.Calls, call) || left != "" && slices.Contains(t.Calls, left)
}

// RecordToken remembers which artifacts BSS gave the token for, and for which
// power calls: a node may report it as soon as the call is made.
func (s *Service) RecordToken(ctx context.Context, name string, a BootArtifacts, calls ...string) error {
	return s.tokens.Put(ctx, token{Token: name, Artifacts: a, Issued: s.Now(), Calls: calls})
}

// TokensOf returns the tokens that BSS gave for the power calls, by call and
// then by artifacts.
func (s *Service) TokensOf(ctx context.Context, calls map[string]bool) (map[string]map[BootArtifacts]string, error) {
	all, err := s.tokens.List(ctx, store.Query{})
	out := map[string]map[BootArtifacts]string{}
	for i := range all {
		t := &all[i]
		for _, call := range t.Calls {
			if !calls[call] {
				continue
			}
			if out[call] == nil {
				out[call] = map[BootArtifacts]string{}
			}
			out[call][t.Artifacts] = t.Token
		}
	}
	return out, err
}

// PruneTokens forgets the tokens issued before the time that no component
// booted with or is about to.
func (s *Service) PruneTokens(ctx context.Context, used map[string]bool, before time.Time) error {
	all, err := s.tokens.List(ctx, store.Query{})
	if err != nil {
		return err
	}
	var gone []string
	for _, t := range all {
		if !used[t.Token] && t.Issued.Before(before) {
			gone = append(gone, t.Token)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	_, err = s.tokens.Delete(ctx, gone...)
	return err
}

// InTx has what do writes happen all or not at all.
func (s *Service) InTx(ctx context.Context, do func(context.Context) error) error {
	return s.DB.InTx(ctx, do)
}

// Ready reports whether the database answers.
func (s *Service) Ready(ctx context.Context) error { return s.DB.Ping(ctx) }

func (s *Service) rules(o Options, op Operation) bootset.Rules {
	return bootset.Rules{RejectNIDs: o.RejectNIDs, ImagesMustExist: o.IMSImagesMustExist,
		IMSErrorsFatal: o.IMSErrorsFatal, Artifacts: op != OperationShutdown}
}

// notFound is the published answer for a thing that is not there. Components
// are never named with a tenant.
func notFound(kind, tenant, id string) error {
	if tenant != "" && kind != "Component" {
		kind += " for tenant '" + tenant + "'"
	}
	return fault.Titled(fault.NotFound, "The resource was not found", "%s '%s' does not exist", kind, id)
}

func invalid(format string, args ...any) error { return fault.New(fault.Invalid, format, args...) }
