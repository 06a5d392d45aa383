// Package batcher makes sessions for components that are enabled and pending.
//
//	pending components ─► open batches, one per group ─► full, quiet or window over ─► session + Batch
//	session ends ─► outcome: skipped, failed, or nothing ─► members are looked at again
//
// A batch and its session are stored in one transaction, under a name made for
// it; so a component is never in two sessions of the batcher, whenever the
// process dies. Batches not sent are only in memory: they are collected anew.
package batcher

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

// CFS is what the batcher needs of cfs.Service.
type CFS interface {
	Options(ctx context.Context) (cfs.Options, error)
	Assess(ctx context.Context, ids []string, pendingOnly bool) ([]cfs.Assessment, error)
	PatchComponents(ctx context.Context, patches []cfs.ComponentPatch, countErrors bool) ([]cfs.Component, error)
	CreateSession(ctx context.Context, n cfs.NewSession, o cfs.CreateOptions) (cfs.Session, error)
	DeleteSession(ctx context.Context, name string) error
	Progress(ctx context.Context, names []string) (map[string]cfs.Progress, error)
	ActiveSessions(ctx context.Context) (int, error)
	BusySessions(ctx context.Context) (int, error)
	Behind(ctx context.Context, name string) (*cfs.Waiting, error)
}

// Config is what a Batcher works with.
type Config struct {
	DB      *store.DB // the one that CFS writes to
	CFS     CFS
	Journal *journal.Journal
	Hub     *events.Hub
	// MaxJobs is that of the operator: with fewer sessions than this there is
	// capacity. 0: cfs.DefaultMaxJobs.
	MaxJobs int
	// Held says that the operator starts no sessions: then none is overdue.
	Held bool
	// Quiet is how long nobody must have joined a batch that goes out before
	// it is full; 0: 300 ms.
	Quiet time.Duration
	Now   func() time.Time // nil: time.Now
	NewID func() string    // makes UUIDs; nil: random ones
}

// Batcher works between Start and Stop.
type Batcher struct {
	cfg      Config
	batches  *store.Table[Batch]
	loop     *events.Loop
	interval atomic.Int64 // seconds between looks at everything

	// mu guards what follows; the loop's run holds it.
	mu       sync.Mutex
	loaded   bool
	inFlight map[string]Batch  // by session
	assigned map[string]string // component ─► session in flight
	open     []*open
	openOf   map[string]*open    // component ─► open batch
	backoffs map[string]*backoff // by configuration
	refused  map[string]string   // by configuration: why no session was made last
}

// New returns a batcher that does nothing until Start.
func New(cfg Config) *Batcher {
	if cfg.MaxJobs == 0 {
		cfg.MaxJobs = cfs.DefaultMaxJobs()
	}
	if cfg.Quiet == 0 {
		cfg.Quiet = 300 * time.Millisecond
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = uuid.NewString
	}
	b := &Batcher{cfg: cfg, inFlight: map[string]Batch{}, assigned: map[string]string{}, openOf: map[string]*open{}, backoffs: map[string]*backoff{}, refused: map[string]string{},
		batches: store.NewTable(cfg.DB, store.Spec[Batch]{Name: "cfs_batches", Kind: "Batch", Held: true, Key: func(b *Batch) string { return b.Session }})}
	b.loop = &events.Loop{Name: "cfs batcher", Hub: cfg.Hub, Run: b.run,
		Tables: []string{cfs.ComponentsTable, cfs.SessionsTable, cfs.OptionsTable, cfs.ConfigurationsTable},
		Resync: func() time.Duration { return time.Duration(b.interval.Load()) * time.Second }}
	return b
}

// Start begins; the first look is at everything.
func (b *Batcher) Start(ctx context.Context) { b.loop.Start(ctx) }

// Stop ends the batcher and waits for it. Its sessions go on.
func (b *Batcher) Stop() { b.loop.Stop() }

// Started is closed when every component has been looked at once.
func (b *Batcher) Started() <-chan struct{} { return b.loop.Started() }

// run is one look: batches that ended, components that are pending, batches
// that are due.
func (b *Batcher) run(ctx context.Context, w events.Wake) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	options, err := b.cfg.CFS.Options(ctx)
	if err != nil {
		return err
	}
	b.interval.Store(int64(options.BatcherCheckInterval))
	if err := b.load(ctx); err != nil {
		return err
	}
	held := b.holdsAny()
	released, err := b.check(ctx, w, options)
	if err != nil {
		return err
	}
	ids := append(slices.Clone(w.Keys), released...)
	changed := func(key string) bool { return key == "options" || b.backoffs[key] != nil }
	if w.All || slices.ContainsFunc(w.Keys, changed) || len(released) > 0 && (held || b.holdsAny()) {
		// The batcher may just have been enabled, or a back-off have begun or ended.
		ids = nil
	}
	if err := b.collect(ctx, ids, options); err != nil {
		return err
	}
	return b.send(ctx, options)
}

// load reads the batches in flight, once.
func (b *Batcher) load(ctx context.Context) error {
	if b.loaded {
		return nil
	}
	all, err := b.batches.List(ctx, store.Query{})
	for _, batch := range all {
		b.assign(batch)
	}
	b.loaded = err == nil
	return err
}

func (b *Batcher) assign(batch Batch) {
	b.inFlight[batch.Session] = batch
	for _, m := range batch.Members {
		b.assigned[m.ID] = batch.Session
	}
}

// check looks at the batches woken for and returns the components of those
// that ended.
func (b *Batcher) check(ctx context.Context, w events.Wake, options cfs.Options) (released []string, err error) {
	var names []string
	for name := range b.inFlight {
		if _, woken := slices.BinarySearch(w.Keys, name); woken || w.All {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	slices.Sort(names)
	progress, err := b.cfg.CFS.Progress(ctx, names)
	if err != nil {
		return nil, err
	}
	running, err := b.cfg.CFS.ActiveSessions(ctx)
	if err != nil {
		return nil, err
	}
	now := b.cfg.Now()
	for _, name := range names {
		batch := b.inFlight[name]
		// A session that waits for its turn behind others, or is held, is not stuck.
		stuck := !b.cfg.Held && running <= b.cfg.MaxJobs && now.Sub(batch.Sent) >= seconds(options.BatcherPendingTimeout)
		at, exists := progress[name]
		how := judge(at, exists, stuck)
		if how == waiting {
			continue
		}
		if err := b.finish(ctx, &batch, how); err != nil {
			return nil, err
		}
		b.note(&batch, how, now, seconds(options.BatcherMaxBackoff))
		for _, m := range batch.Members {
			delete(b.assigned, m.ID)
			released = append(released, m.ID)
		}
		delete(b.inFlight, name)
	}
	return released, nil
}

// finish writes what a batch's end entails and forgets it, in one transaction.
func (b *Batcher) finish(ctx context.Context, batch *Batch, how outcome) error {
	return b.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		ids := make([]string, len(batch.Members))
		for i, m := range batch.Members {
			ids[i] = m.ID
		}
		now, err := b.cfg.CFS.Assess(ctx, ids, false)
		if err != nil {
			return err
		}
		if patches := settle(batch, how, now); len(patches) > 0 {
			if _, err := b.cfg.CFS.PatchComponents(ctx, patches, true); err != nil {
				return err
			}
			if err := b.cfg.Journal.Append(ctx, missed(batch, how, patches)...); err != nil {
				return err
			}
		}
		if how == overdue {
			slog.Warn("session did not start in time; it is deleted and its nodes are batched anew", "session", batch.Session)
			if err := b.cfg.CFS.DeleteSession(ctx, batch.Session); err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		_, err = b.batches.Delete(ctx, batch.Session)
		return err
	})
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
