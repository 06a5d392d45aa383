// Package operator runs sessions: it takes those that were created, has the
// executor run their jobs, and keeps their records where the jobs stand.
//
//	event CREATE ─► waiting ──place free──► accepted ─► Executor.Start ─► launched
//	event DELETE ─► Executor.Stop                              │
//	Executor.Changed, resync ─► Executor.State ─► pending ─► running ─► complete
//
// Nothing that matters is kept in memory alone. The job and its ID are fixed
// with the session; a restarted operator looks at every session that is not
// complete, starts what was not launched (Start does nothing for an ID it
// knows) and asks State for the rest.
package operator

import (
	"context"
	"log/slog"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

// Sessions is what the operator needs of cfs.Service.
type Sessions interface {
	OpenSessions(ctx context.Context, names []string) ([]cfs.OpenSession, error)
	AcceptSessions(ctx context.Context, names []string) ([]cfs.Run, error)
	SaveRuns(ctx context.Context, runs []cfs.Run) error
	DeleteSessions(ctx context.Context, f cfs.SessionFilter) ([]string, error)
	TakeUp(ctx context.Context, names []string) (missing []string, err error)
	SetAside(ctx context.Context, payload []byte, session, reason string) error
	ForgetDeadEvents(ctx context.Context, session string) (int, error)
	Options(ctx context.Context) (cfs.Options, error)
	Session(ctx context.Context, name string) (cfs.Session, error)
}

// Queue is where session events come from: those of one session in order, each
// at least once. store.Queue and kafka.Queue are ones.
type Queue interface {
	// Table is the table whose hints say that there are messages.
	Table() string
	// Due returns up to n messages that may be handled now, the oldest first. They
	// stay until Done.
	Due(ctx context.Context, n int) ([]store.Message, error)
	// Done is for those that were handled. A queue may forget that it was told if
	// the process ends soon after; then they come again.
	Done(ctx context.Context, ids ...int64) error
	// Retry gives one back, to be handled again after the delay. Those behind it
	// do not wait.
	Retry(ctx context.Context, id int64, delay time.Duration) error
}

// Config is what an Operator works with.
type Config struct {
	Sessions Sessions
	Queue    Queue
	// EventWait is how long a new session waits for its event, where events come
	// from outside the database; then its record alone has it run. 0: events are in
	// the same database, and a record is as good as its event.
	EventWait time.Duration
	Executor  cfs.Executor
	// ImageJobs is where sessions customize images; nil: nowhere.
	ImageJobs ImageJobs
	Hub       *events.Hub
	// MaxJobs is how many jobs run at the same time; 0: cfs.DefaultMaxJobs.
	MaxJobs int
	// Held has sessions stay pending: none is started. Those that have a job go on.
	Held bool
	// Resync is the time between looks at all sessions; 0: 30 s, or 2 s if the
	// executor cannot tell of changes.
	Resync time.Duration
	Now    func() time.Time // nil: time.Now
}

// sweepPeriod is the time between looks for sessions older than session_ttl.
const sweepPeriod = 5 * time.Minute

// Operator runs sessions between Start and Stop.
type Operator struct {
	cfg    Config
	loop   *events.Loop
	sweep  *events.Loop
	images *events.Loop
	stop   context.CancelFunc

	// What follows belongs to the loop's run.
	waiting map[string]cfs.OpenSession // no place yet
	active  map[string]cfs.Run         // accepted and not complete
	byJob   map[string]string          // job id of active ones ─► session

	counts  counts
	figures *Figures
}

// New returns an operator that does nothing until Start.
func New(cfg Config) *Operator {
	if cfg.MaxJobs == 0 {
		cfg.MaxJobs = cfs.DefaultMaxJobs()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Resync == 0 {
		cfg.Resync = 30 * time.Second
		if cfg.Executor.Changed() == nil {
			cfg.Resync = 2 * time.Second
		}
	}
	o := &Operator{cfg: cfg, waiting: map[string]cfs.OpenSession{}, active: map[string]cfs.Run{}, byJob: map[string]string{}, figures: newFigures()}
	o.loop = &events.Loop{Name: "cfs operator", Hub: cfg.Hub, Tables: []string{cfg.Queue.Table(), cfs.SessionsTable},
		Resync: func() time.Duration { return cfg.Resync }, Run: o.run}
	o.sweep = &events.Loop{Name: "cfs session ttl", Hub: cfg.Hub, Tables: []string{cfs.OptionsTable},
		Resync: func() time.Duration { return sweepPeriod }, Run: o.expire}
	o.images = &events.Loop{Name: "cfs image jobs", Resync: func() time.Duration { return imageSweep }, Run: o.sweepImages}
	return o
}

// Start begins; the first look is at everything.
func (o *Operator) Start(ctx context.Context) {
	ctx, o.stop = context.WithCancel(ctx)
	o.loop.Start(ctx)
	o.sweep.Start(ctx)
	if o.cfg.ImageJobs != nil {
		o.images.Start(ctx)
	}
	if changed := o.cfg.Executor.Changed(); changed != nil {
		go o.forward(ctx, changed)
	}
}

// Stop ends the operator and waits for it. Jobs go on.
func (o *Operator) Stop() {
	if o.stop == nil {
		return
	}
	o.stop()
	o.loop.Stop()
	o.sweep.Stop()
	o.images.Stop()
}

// Started is closed when every session has been looked at once.
func (o *Operator) Started() <-chan struct{} { return o.loop.Started() }

// jobKey marks the loop's keys that are job ids; no session is named so.
const jobKey = "job:"

// forward has the loop look at jobs whose state changed.
func (o *Operator) forward(ctx context.Context, changed <-chan string) {
	for {
		select {
		case <-ctx.Done():
			return
		case id, open := <-changed:
			if !open {
				return
			}
			o.loop.At(jobKey+id, time.Now())
		}
	}
}

// expire deletes complete sessions that are older than session_ttl.
func (o *Operator) expire(ctx context.Context, _ events.Wake) error {
	options, err := o.cfg.Sessions.Options(ctx)
	if err != nil || options.SessionTTL == "" {
		return err
	}
	gone, err := o.cfg.Sessions.DeleteSessions(ctx, cfs.SessionFilter{Status: string(cfs.StageComplete), MinAge: options.SessionTTL})
	if len(gone) > 0 {
		slog.Info("deleted old sessions", "count", len(gone), "session_ttl", options.SessionTTL)
	}
	return err
}

// retryPause grows from one second to a minute.
func retryPause(attempts int) time.Duration {
	return min(time.Second<<min(attempts, 6), time.Minute)
}
