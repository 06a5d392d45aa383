package operators

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// Config is what the operators stand on.
type Config struct {
	Service *bos.Service
	Hub     *events.Hub

	Inventory      bos.Inventory
	Power          bos.Power
	BootParameters bos.BootParameters
	Configurations bos.Configurations
	// Audit takes power calls down before they are made; nil is nobody.
	Audit recorder

	// The tables on whose hints to wake, empty when the service is elsewhere.
	// All are keyed by xname but TransitionTable, which is by transition.
	PowerTable, TransitionTable, ConfigurationTable, InventoryTable string
	// PollForeign asks often for what gives no hints.
	PollForeign bool

	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// NewID names power calls; nil is a random UUID.
	NewID func() string
	// Log is where what goes wrong is told; nil is slog.Default.
	Log *slog.Logger
}

// clockSkew is how far the clock of a PCS elsewhere may be behind.
const clockSkew = 2 * time.Second

// Operators run together until Stop.
type Operators struct {
	specs   []Spec
	loops   []*events.Loop
	service *bos.Service
	status  *status
	power   []*powerOperator
	// calls are the batches whose calls are under way.
	calls  sync.WaitGroup
	cancel context.CancelFunc
}

// New returns the operators, not running yet.
func New(c Config) *Operators {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = uuid.NewString
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	o := &Operators{service: c.Service}
	o.nodes(&c)
	o.sessions(&c)
	return o
}

// nodes adds the operators that drive nodes: status decides, the others carry
// out and tell it what came of that.
func (o *Operators) nodes(c *Config) {
	looks := &events.Loop{}
	power, config := powerView(c), configView(c)
	outcomes := &outcomes{wake: looks.Now}
	names := &callNames{process: c.NewID(), newID: c.NewID}
	transitions := &transitions{loop: &events.Loop{}, power: c.Power, outcomes: outcomes, table: c.TransitionTable,
		often: c.PollForeign, now: c.Now, log: c.Log, by: map[string]*watched{}}
	configure := &configuration{components: c.Service, cfs: c.Configurations, view: config, wake: looks.Now, calls: &o.calls, now: c.Now, log: c.Log}
	caller := caller{components: c.Service, power: c.Power, audit: c.Audit, guard: &guard{inventory: c.Inventory, sessions: c.Service}, transitions: transitions,
		outcomes: outcomes, calls: &o.calls, now: c.Now, log: c.Log}
	given := &given{}
	boot := &boot{tokens: c.Service, given: given, images: c.Service.Images, bss: c.BootParameters, cfs: c.Configurations, view: config}
	on, soft, hard := newPowerOn(caller, boot), newSoftOff(caller), newForceOff(caller)
	o.add(c, transitions.loop, transitions)
	o.status = &status{loop: looks, components: c.Service, power: power, config: config, outcomes: outcomes, given: given, driven: transitions, names: names, now: c.Now,
		hinted: c.PowerTable != "" && c.ConfigurationTable != "", unwritten: &unwritten{within: acceptedWithin, since: map[string]time.Time{}}, again: map[string]time.Time{}, options: c.Service.Options,
		effects: map[machine.Effect]effector{machine.CallPowerOn: on, machine.CallSoftOff: soft, machine.CallForceOff: hard,
			machine.Configure: configure, machine.Abandon: transitions}}
	o.add(c, looks, o.status)
	o.power = []*powerOperator{on, soft, hard}
	for _, p := range o.power {
		o.specs = append(o.specs, p.spec())
	}
	o.specs = append(o.specs, configure.spec())
	o.watch(c, "power", c.PowerTable, power, looks)
	o.watch(c, "configurations", c.ConfigurationTable, config, looks)
	r := &recovery{components: c.Service, tokens: c.Service, given: given, power: c.Power, actions: []*powerOperator{on, soft, hard}, transitions: transitions, names: names, wake: looks.Now}
	if c.TransitionTable == "" { // on another machine
		r.skew = clockSkew
	}
	o.add(c, &events.Loop{}, r)
}

// sessions adds the operators of sessions and those that keep the house.
func (o *Operators) sessions(c *Config) {
	setup := &setup{loop: &events.Loop{}, sessions: c.Service, inventory: c.Inventory, objects: c.Service.Objects, journal: c.Service.Journal,
		now: c.Now, log: c.Log}
	o.add(c, setup.loop, setup)
	completion := &completion{loop: &events.Loop{}, sessions: c.Service, now: c.Now, log: c.Log}
	o.add(c, completion.loop, completion)
	o.add(c, &events.Loop{}, &discovery{inventory: c.Inventory, table: c.InventoryTable, components: c.Service, journal: c.Service.Journal})
	o.add(c, &events.Loop{}, &sessionCleanup{sessions: c.Service, now: c.Now})
	o.add(c, &events.Loop{}, &stateCleanup{components: c.Service, now: c.Now})
}

// Specs are the operators, as they declare themselves.
func (o *Operators) Specs() []Spec { return o.specs }

// Worked is what those did that are no loops, by name.
func (o *Operators) Worked() map[string]tally.Worked {
	all := map[string]tally.Worked{}
	for _, p := range o.power {
		all[loopPrefix+p.name] = p.nodes.Worked()
	}
	return all
}

// Start begins to work. It returns at once.
func (o *Operators) Start(ctx context.Context) {
	ctx, o.cancel = context.WithCancel(ctx)
	o.service.FollowReports(o.status.reported)
	for _, l := range o.loops {
		l.Start(ctx)
	}
}

// Started waits until every operator has looked at everything once.
func (o *Operators) Started() {
	for _, l := range o.loops {
		<-l.Started()
	}
}

// Stop ends all work and waits for it. A call that is interrupted stays in the
// record: the next start finds out what became of it.
func (o *Operators) Stop() {
	if o.cancel == nil {
		return
	}
	o.cancel()
	o.service.FollowReports(nil)
	for _, l := range o.loops {
		l.Stop()
	}
	o.calls.Wait()
}
