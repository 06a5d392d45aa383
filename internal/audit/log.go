package audit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drover-hpc/drover/internal/batch"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// Log writes and reads records. Its methods are safe for concurrent use.
type Log struct {
	// Limits say what is kept, NodeAt whose address one is (empty: no node's; may be
	// nil). Set them before Run.
	Limits Limits
	NodeAt func(ctx context.Context, address string) string

	db      *store.DB
	lines   *store.Ledger
	anchors *store.Table[anchor]
	now     func() time.Time
	denials denials

	queue   batch.Pool[*entry]
	writing sync.WaitGroup
	owed    []Record    // of the one that writes: what could not be written
	dropped int         // of the same: what was too much of that
	owing   atomic.Bool // there are any

	keeping sync.Mutex // held by who removes records or follows all of them

	mu     sync.Mutex
	head   Head // newest record that this process wrote
	counts map[Outcome]int64
}

// entry is a record on its way. Who waits for it hears from done.
type entry struct {
	record Record
	done   chan error // nil: nobody waits
}

// anchor is the place of the last record that was removed.
type anchor struct {
	Name string `json:"name"`
	place
}

const (
	anchorName = "audit"
	// maxTogether bounds the records that one transaction writes.
	maxTogether = 500
	// maxOwed bounds those that wait in memory until they can be written. While any
	// do, writes are refused: only refusals come.
	maxOwed = 10_000
)

// New returns the log in db. Run has it keep its limits.
func New(db *store.DB, now func() time.Time) *Log {
	l := &Log{db: db, now: now, counts: map[Outcome]int64{}, lines: store.NewLedger(db, "audit_records"),
		anchors: store.NewTable(db, store.Spec[anchor]{Name: "audit_anchors", Kind: "Anchor of the audit log", Key: func(a *anchor) string { return a.Name }})}
	l.queue.Parallel, l.queue.Max, l.queue.Do, l.queue.Go = 1, func() int { return maxTogether }, l.write, l.writing.Go
	l.denials.put, l.denials.now, l.denials.nodeAt = l.put, now, l.nodeAt
	return l
}

// Append writes a record, together with those of others, and returns when it is
// in the database. What could not be written is tried again with the next one.
func (l *Log) Append(ctx context.Context, r Record) error {
	e := &entry{record: l.dated(r), done: make(chan error, 1)}
	l.queue.Hand(context.WithoutCancel(ctx), e)
	return <-e.done
}

// Answered records a request with its status that came by another way than Serve: one
// that was refused, or that failed and is of nobody who is known, as Denied does, of others
// when it returns without an error.
func (l *Log) Answered(ctx context.Context, r Record) error {
	r.Time, r.Outcome = l.now(), outcomeOf(r.Status)
	if r.Outcome == Denied || r.Outcome != Done && r.Who == (Who{}) { // else anybody could fill the log
		l.denials.add(ctx, r.bounded(), r.Path)
		return nil
	}
	return l.Append(ctx, r)
}

// put has a record written soon.
func (l *Log) put(r Record) {
	l.queue.Hand(context.Background(), &entry{record: l.dated(r)})
}

func (l *Log) dated(r Record) Record {
	if r.Time.IsZero() {
		r.Time = l.now()
	}
	r.Time = r.Time.UTC()
	return r.bounded()
}

// Ready is an error as long as the log cannot be written: nothing may be done
// meanwhile that would have to be in it.
func (l *Log) Ready(ctx context.Context) error {
	if !l.owing.Load() {
		return nil
	}
	return l.settle(ctx)
}

// settle returns when all is written that came before.
func (l *Log) settle(ctx context.Context) error {
	e := &entry{done: make(chan error, 1)}
	l.queue.Hand(context.WithoutCancel(ctx), e)
	return <-e.done
}

// write writes what is owed and the entries, all or none of them. One at a time
// runs.
func (l *Log) write(ctx context.Context, entries []*entry) {
	records := l.owed
	for _, e := range entries {
		if e.record.Path != "" {
			records = append(records, e.record)
		}
	}
	if l.dropped > 0 {
		records = append(records, l.dated(Record{Who: Drover("audit"), Path: "records lost while the log could not be written", Outcome: Noted, Count: l.dropped}))
	}
	err := l.append(ctx, records)
	l.owe(entries, err)
	for _, e := range entries {
		if e.done != nil {
			e.done <- err
		}
	}
}

// owe keeps what could not be written.
func (l *Log) owe(entries []*entry, err error) {
	if err == nil {
		if l.owing.Swap(false) {
			slog.Info("the audit log is written again", "lost", l.dropped)
		}
		l.owed, l.dropped = nil, 0
		return
	}
	if !l.owing.Swap(true) {
		slog.Error("the audit log cannot be written: what would have to be in it is refused until it can", "error", err)
	}
	for _, e := range entries {
		switch {
		case e.record.Path == "":
		case len(l.owed) >= maxOwed:
			l.dropped++
		default:
			if e.done != nil && e.record.Outcome == Done {
				e.record.Why = "answered with 503, because this record could not be written at the time"
			}
			l.owed = append(l.owed, e.record)
		}
	}
}

// append adds the records to the chain in a transaction of its own: who reads the
// end of the chain and who writes behind it is one, whatever server that is.
func (l *Log) append(ctx context.Context, records []Record) error {
	if len(records) == 0 {
		return nil
	}
	var end Head
	err := l.db.InTx(ctx, func(ctx context.Context) (err error) {
		end, err = l.extend(ctx, records...)
		return err
	})
	if err != nil {
		return fault.New(fault.Unavailable, "the audit log cannot be written: %w", err)
	}
	l.reached(end)
	l.count(records)
	return nil
}

func (l *Log) count(records []Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range records {
		l.counts[records[i].Outcome]++
	}
}

// Written tells how many records with the outcome this process wrote.
func (l *Log) Written(o Outcome) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts[o]
}

// Owing tells whether there are records that could not be written yet.
func (l *Log) Owing() bool { return l.owing.Load() }

// extend is append in the transaction of ctx. It returns the new head, which
// counts once that is committed.
func (l *Log) extend(ctx context.Context, records ...Record) (Head, error) {
	end, err := l.end(ctx)
	if err != nil {
		return Head{}, err
	}
	lines := make([]store.Line, len(records))
	for i := range records {
		if lines[i], end, err = end.add(records[i]); err != nil {
			return Head{}, err
		}
	}
	return end.Head, l.lines.Add(ctx, lines...)
}

// end is the place behind the newest record.
func (l *Log) end(ctx context.Context) (place, error) {
	last, err := l.lines.Lines(ctx, store.Span{Backwards: true, Limit: 1})
	if err != nil {
		return place{}, err
	}
	if len(last) > 0 {
		return placeOf(last[0]), nil
	}
	return l.anchor(ctx)
}

// anchor is the place behind what was removed.
func (l *Log) anchor(ctx context.Context) (place, error) {
	a, err := l.anchors.Get(ctx, anchorName)
	if fault.Is(err, fault.NotFound) {
		return place{}, nil
	}
	if err != nil {
		return place{}, fmt.Errorf("anchor of the audit log: %w", err)
	}
	return a.place, nil
}

func (l *Log) reached(h Head) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.Number > l.head.Number {
		l.head = h
	}
}

// written is the newest record that this process wrote.
func (l *Log) written() Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

func (l *Log) nodeAt(ctx context.Context, address string) string {
	if l.NodeAt == nil {
		return ""
	}
	return l.NodeAt(ctx, address)
}
