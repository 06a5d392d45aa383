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
)

// Config is what the operators stand on.
type Config struct {
	Service *bos.Service
	Hub     *events.Hub

	Inventory      bos.Inventory
	Power          bos.Power
	BootParameters bos.BootParameters
	Configurations bos.Configurations

	// The tables on whose hints to wake, empty when the service is elsewhere.
	// All are keyed by xname but TransitionTable, which is by transition.
	PowerTable, TransitionTable, ConfigurationTable, InventoryTable string
	// PollForeign asks often for what gives no hints.
	PollForeign bool

	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// NewID names claims; nil is a random UUID.
	NewID func() string
	// Log is where what goes wrong is told; nil is slog.Default.
	Log *slog.Logger
}

// Operators run together until Stop.
type Operators struct {
	Config
	loops    []*events.Loop
	sight    *sight
	status   *alarm
	actions  map[machine.Effect]*powerAction
	outcomes outcomes
	watching *watching
	// process names this run in the calls that it makes.
	process string
	// running are the running sessions, as of the last change of any session.
	running []bos.Session

	// calls counts the batches whose calls are under way.
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
	o := &Operators{Config: c, sight: newSight(&c), process: c.NewID()}
	o.actions = o.powerActions()
	o.transitionsLoop()
	o.statusLoops()
	o.recoveryLoop()
	o.setupLoop()
	o.completionLoop()
	o.discoveryLoop()
	o.cleanupLoops()
	return o
}

// Start begins to work. It returns at once.
func (o *Operators) Start(ctx context.Context) {
	ctx, o.cancel = context.WithCancel(ctx)
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

// Stop ends all work and waits for it. A call that is interrupted stays
// claimed: the next start finds out what became of it.
func (o *Operators) Stop() {
	if o.cancel == nil {
		return
	}
	o.cancel()
	for _, l := range o.loops {
		l.Stop()
	}
	o.calls.Wait()
}

// loop adds an operator. tables that are empty are left out.
func (o *Operators) loop(name string, resync func(bos.Options) time.Duration, run func(context.Context, bos.Options, events.Wake) error, tables ...string) *alarm {
	var hinted []string
	for _, t := range tables {
		if t != "" {
			hinted = append(hinted, t)
		}
	}
	a := &alarm{hub: o.Hub, topic: "bos operator " + name, set: map[string]time.Time{}}
	l := &events.Loop{Name: "bos " + name, Hub: o.Hub, Tables: append(hinted, a.topic), Log: o.Log}
	a.loop = l
	l.Resync = func() time.Duration {
		options, err := o.Service.Options(context.Background())
		if err != nil {
			options = bos.DefaultOptions()
		}
		return resync(options)
	}
	l.Run = func(ctx context.Context, w events.Wake) error {
		options, err := o.Service.Options(ctx)
		if err != nil {
			return err
		}
		a.rang(w.Keys)
		return run(ctx, options, w)
	}
	o.loops = append(o.loops, l)
	return a
}

// alarm wakes a loop: at a time, each key only once, or now.
type alarm struct {
	loop  *events.Loop
	hub   *events.Hub
	topic string
	mu    sync.Mutex
	set   map[string]time.Time
}

func (a *alarm) at(key string, t time.Time) {
	if t.IsZero() {
		return
	}
	a.mu.Lock()
	old, is := a.set[key]
	if is = is && old.Equal(t); !is {
		a.set[key] = t
	}
	a.mu.Unlock()
	if !is {
		a.loop.At(key, t)
	}
}

// now has the keys looked at without delay, all together.
func (a *alarm) now(keys []string) {
	if len(keys) > 0 {
		a.hub.Changed(a.topic, keys)
	}
}

func (a *alarm) rang(keys []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range keys {
		delete(a.set, k)
	}
}
