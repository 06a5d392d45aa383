package pcs

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
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
	capsTable       = "pcs_power_caps"           // key: task id
	capRowsTable    = "pcs_power_cap_components" // key: task id and place
)

// BMC is how components are driven; *redfish.Driver is one.
type BMC interface {
	PowerState(ctx context.Context, address string, login redfish.Login, odataID string) (string, error)
	Reset(ctx context.Context, address string, login redfish.Login, target, resetType string) error
	ResetTypes(ctx context.Context, address string, login redfish.Login, odataID, target string) ([]string, error)
	PowerLimits(ctx context.Context, address string, login redfish.Login, odataID string) ([]redfish.PowerLimit, error)
	SetPowerLimit(ctx context.Context, address string, login redfish.Login, limit redfish.PowerLimit, watts int) error
}

// Credentials knows the login of each BMC, by xname.
type Credentials interface {
	Credentials(ctx context.Context, bmc string) (redfish.Login, error)
}

// State takes what is seen of components' power: HSM.
type State interface {
	SetState(ctx context.Context, ids []string, state, flag string) error
}

// Config is what a Service needs. Locks, State and Roles may be nil: nothing is
// reserved, or told, and nobody's power may not be capped.
type Config struct {
	DB          *store.DB
	Journal     *journal.Journal
	Hub         *events.Hub
	Inventory   Inventory
	Credentials Credentials
	BMC         BMC
	State       State
	Locks       Locks
	Roles       Roles
	// Teller has BMCs tell of changes themselves, each by the subscription that
	// Subscriptions has for it, whose events are handed to Heard. nil: they are
	// looked at alone.
	Teller        Teller
	Subscriptions func(bmc string) redfish.Subscription
	// WakeOn are the hint tables whose keys are component endpoints that
	// appeared or changed. Without any, the inventory is read at each poll.
	WakeOn []string
	// PollEvery is the time between two looks at each component; default 30 s.
	PollEvery time.Duration
	// KeepSize is how many bytes finished transitions may take with their tasks
	// before those that ended first are removed; 0: any number. A transition is kept
	// at least until reservations that it may have left are over. Completed power cap
	// tasks may take as many, before the oldest are removed.
	KeepSize int64
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Random spreads what is repeated: from 0 to below 1; default rand.Float64.
	Random func() float64
}

// Service is the Power Control Service.
type Service struct {
	db          *store.DB
	statuses    *store.Table[PowerStatus]
	transitions *store.Table[transitionRecord]
	tasks       *store.Table[taskList]
	caps        *store.Table[CapTask]
	capRows     *store.Table[capRow]

	journal   *journal.Journal
	bmc       BMC
	hub       *events.Hub
	now       func() time.Time
	random    func() float64
	pollEvery time.Duration
	keepSize  int64

	catalog  *catalog
	logins   *logins
	reserved reservations
	leases   *leases
	recorder *recorder
	loops    []*events.Loop
	roles    Roles
	capOrder sync.Mutex // held while a power cap task gets its turns
	turns    turns

	teller        Teller
	subscriptions func(bmc string) redfish.Subscription
	ears          ears
	listener      *events.Loop // looks at BMCs that told of power
	second        *events.Loop // looks at them once more
	subscriber    *events.Loop
	hearing       chan struct{} // one for each BMC that is looked at because it told
	heard, untold atomic.Int64  // events, and changes without one

	completed, aborted atomic.Int64 // transitions

	mu      sync.Mutex
	ctx     context.Context // of the runs; nil unless started
	runs    map[string]*run
	running sync.WaitGroup
	stop    context.CancelFunc // of the runs
	workers sync.WaitGroup
	halt    context.CancelFunc // of the recorder and the leases
}

const defaultPollEvery = 30 * time.Second

// NewService returns a service that does nothing before Start.
func NewService(c Config) *Service {
	if c.PollEvery <= 0 {
		c.PollEvery = defaultPollEvery
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	s := &Service{
		db: c.DB, journal: c.Journal, bmc: c.BMC, hub: c.Hub, now: c.Now, random: c.Random, pollEvery: c.PollEvery, keepSize: c.KeepSize,
		statuses: store.NewTable(c.DB, store.Spec[PowerStatus]{Name: StatusTable, Kind: "Power status", Held: true, Logged: true,
			Key: func(p *PowerStatus) string { return p.Xname }}),
		transitions: store.NewTable(c.DB, store.Spec[transitionRecord]{Name: TransitionTable, Kind: "Transition",
			Key: func(r *transitionRecord) string { return r.TransitionID },
			Indexes: []store.Index[transitionRecord]{{Column: "status",
				Of: func(r *transitionRecord) string { return string(r.TransitionStatus) }}}}),
		tasks: store.NewTable(c.DB, store.Spec[taskList]{Name: tasksTable, Kind: "Transition",
			Key: func(l *taskList) string { return l.TransitionID }}),
		caps: store.NewTable(c.DB, store.Spec[CapTask]{Name: capsTable, Kind: "Power cap task",
			Key:     func(t *CapTask) string { return t.TaskID },
			Indexes: []store.Index[CapTask]{{Column: "status", Of: func(t *CapTask) string { return string(t.TaskStatus) }}}}),
		capRows: store.NewTable(c.DB, store.Spec[capRow]{Name: capRowsTable, Kind: "Power cap", Key: (*capRow).key,
			Indexes: []store.Index[capRow]{{Column: "task", Of: func(r *capRow) string { return r.TaskID }}}}),
		roles: c.Roles, teller: c.Teller, subscriptions: c.Subscriptions,
		catalog: newCatalog(c.Inventory),
		logins:  &logins{source: c.Credentials, now: c.Now, byBMC: map[string]loginUntil{}},
		runs:    map[string]*run{},
	}
	s.leases = newLeases(c.Locks, c.Now)
	s.recorder = newRecorder(s.statuses, c.State, c.Now)
	s.hearing = make(chan struct{}, pollsAtOnce)
	s.loops = s.newLoops(c)
	return s
}

// newLoops are what wakes the service.
func (s *Service) newLoops(c Config) []*events.Loop {
	reload := reloadEvery
	if len(c.WakeOn) == 0 {
		reload = c.PollEvery
	}
	every := func(d time.Duration) func() time.Duration { return func() time.Duration { return d } }
	s.listener = &events.Loop{Name: "pcs events", Hub: c.Hub, Run: s.listen}
	s.second = &events.Loop{Name: "pcs second looks", Hub: c.Hub, Run: s.listenAgain}
	s.subscriber = &events.Loop{Name: "pcs subscriptions", Hub: c.Hub, Resync: every(c.PollEvery), Run: s.subscribe}
	loops := []*events.Loop{
		{Name: "pcs inventory", Hub: c.Hub, Tables: c.WakeOn, Resync: every(reload), Run: s.follow},
		{Name: "pcs poll", Hub: c.Hub, Resync: every(c.PollEvery), Run: s.patrol},
		{Name: "pcs prune", Hub: c.Hub, Resync: every(pruneEvery), Run: s.prune},
	}
	if c.Teller != nil {
		loops = append(loops, s.listener, s.second, s.subscriber)
	}
	return loops
}

// Start goes on with unfinished transitions and begins to watch the
// components. It returns when the unfinished transitions hold their components.
func (s *Service) Start(ctx context.Context) error {
	unfinished, err := s.unfinished(ctx)
	if err != nil {
		return fmt.Errorf("read unfinished transitions: %w", err)
	}
	caps, rows, err := s.unfinishedCaps(ctx)
	if err != nil {
		return fmt.Errorf("read unfinished power cap tasks: %w", err)
	}
	workCtx, halt := context.WithCancel(ctx)
	s.halt = halt
	s.workers.Go(func() { s.recorder.run(workCtx) })
	s.workers.Go(func() { s.recorder.tell(workCtx) })
	s.workers.Go(func() { s.leases.run(workCtx) })

	s.mu.Lock()
	s.ctx, s.stop = context.WithCancel(ctx)
	s.mu.Unlock()
	for _, r := range unfinished {
		slog.Info("going on with transition", "transition", r.record.TransitionID, "operation", r.record.Operation)
		s.launch(r)
	}
	for _, t := range caps {
		slog.Info("going on with power cap task", "task", t.TaskID, "type", t.Type, "components", len(rows[t.TaskID]))
		s.launchCaps(t, rows[t.TaskID])
	}
	for _, l := range s.loops {
		l.Start(ctx)
	}
	return nil
}

// Stop ends everything. Unfinished transitions are saved and go on at the next
// Start.
func (s *Service) Stop() {
	for _, l := range s.loops {
		l.Stop()
	}
	s.mu.Lock()
	stop := s.stop
	s.ctx = nil
	s.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	s.running.Wait()
	s.halt()
	s.workers.Wait()
}
