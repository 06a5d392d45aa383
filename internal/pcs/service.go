package pcs

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/store"
)

// The tables, which are also the names of their hints.
const (
	StatusTable     = "pcs_status"      // key: xname
	TransitionTable = "pcs_transitions" // key: transition id
	tasksTable      = "pcs_tasks"
)

// BMC is how components are driven; *redfish.Driver is one.
type BMC interface {
	PowerState(ctx context.Context, address string, login redfish.Login, odataID string) (string, error)
	Reset(ctx context.Context, address string, login redfish.Login, target, resetType string) error
}

// Credentials knows the login of each BMC, by xname.
type Credentials interface {
	Credentials(ctx context.Context, bmc string) (redfish.Login, error)
}

// State takes what is seen of components' power: HSM.
type State interface {
	SetState(ctx context.Context, ids []string, state, flag string) error
}

// Locks tells which nodes must be left alone: HSM.
type Locks interface {
	LockedNodes(ctx context.Context) ([]string, error)
}

// Config is what a Service needs. Locks and State may be nil.
type Config struct {
	DB          *store.DB
	Journal     *journal.Journal
	Hub         *events.Hub
	Inventory   Inventory
	Credentials Credentials
	BMC         BMC
	State       State
	Locks       Locks
	// WakeOn are the hint tables whose keys are component endpoints that
	// appeared or changed.
	WakeOn []string
	// PollEvery is the time between two looks at each component; default 30 s.
	PollEvery time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
}
