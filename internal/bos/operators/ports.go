package operators

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

// What operators need of BOS itself; *bos.Service is all of it.

// components are the records of the nodes.
type components interface {
	Components(ctx context.Context, q store.Query) ([]bos.Component, error)
	// ShownComponents are for reading alone.
	ShownComponents(ctx context.Context, q store.Query) ([]*bos.Component, error)
	// Change alters those with the IDs in one transaction; see bos.Service.
	Change(ctx context.Context, ids []string, alter func(*bos.Component) error) (after []bos.Component, missing []string, err error)
	// ChangeBySteps tells the journal of the steps that alter takes, too.
	ChangeBySteps(ctx context.Context, ids []string, alter func(c *bos.Component, step func()) error) (after []bos.Component, missing []string, err error)
}

// recorder takes down what is done; see audit.Log.
type recorder interface {
	Append(ctx context.Context, r audit.Record) error
}

// tokens remember what BSS's referral tokens stand for, and for which power
// calls they were given.
type tokens interface {
	RecordToken(ctx context.Context, token string, a bos.BootArtifacts, calls ...string) error
	TokensOf(ctx context.Context, calls map[string]bool) (map[string]map[bos.BootArtifacts]string, error)
}

// sessions are the sessions with what belongs to them.
type sessions interface {
	// InTx has what do writes happen all or not at all.
	InTx(ctx context.Context, do func(context.Context) error) error
	Change(ctx context.Context, ids []string, alter func(*bos.Component) error) (after []bos.Component, missing []string, err error)
	Sessions(ctx context.Context, tenant string, f bos.SessionFilter) ([]bos.Session, error)
	Session(ctx context.Context, name, tenant string) (bos.Session, error)
	ChangeSession(ctx context.Context, name, tenant string, alter func(*bos.Session) error) (bos.Session, error)
	// SetSessionNodes keeps the session's nodes, and counts in it those left out.
	SetSessionNodes(ctx context.Context, s *bos.Session, components string, left []bos.LeftOut) error
	DeleteSession(ctx context.Context, name, tenant string) error
	// Disown takes out of the session what belongs to a deleted one of its name.
	Disown(ctx context.Context, name, tenant string, mine map[string]bool) error
	// Active counts the nodes that the session still moves or has staged.
	Active(ctx context.Context, s *bos.Session) (int, error)
	// BusyNode is one of these nodes, the one given if it still is; empty if
	// there is none.
	BusyNode(ctx context.Context, s *bos.Session, given string) (string, error)
	// StopNodes has nothing more done to the nodes of a cancelled session.
	StopNodes(ctx context.Context, s *bos.Session, told *bos.Cancelled) error
	// SaveStatus keeps the session's status as it is now.
	SaveStatus(ctx context.Context, name, tenant string) (bos.ExtendedStatus, error)
	// NoteBoots remembers how long the boots of a session's nodes took.
	NoteBoots(ctx context.Context, s *bos.Session) error
	Template(ctx context.Context, name, tenant string) (bos.Template, error)
	// OwnedNodes are the nodes of the tenant; nil for no tenant.
	OwnedNodes(ctx context.Context, tenant string) (map[string]bool, error)
}

// notes are the journal.
type notes interface {
	Note(entries ...journal.Entry)
}

// clock tells the time.
type clock func() time.Time
