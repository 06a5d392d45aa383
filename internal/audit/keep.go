package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/drover-hpc/drover/internal/store"
)

// Limits say what is kept; a zero field is no limit.
type Limits struct {
	Age  time.Duration
	Size int64 // bytes that all records take together
}

const (
	// pruneEvery is the time between two looks at the limits.
	pruneEvery = time.Hour
	// pruneAtOnce bounds the records that one transaction removes.
	pruneAtOnce = 2000
)

// Run keeps the limits and has what was refused counted, until ctx is done. Then
// it writes the rest and returns.
func (l *Log) Run(ctx context.Context) {
	keep, count := time.NewTicker(pruneEvery), time.NewTicker(denialWindow)
	defer keep.Stop()
	defer count.Stop()
	l.look(ctx)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-count.C:
			l.denials.flush()
		case <-keep.C:
			l.look(ctx)
		}
	}
	l.denials.flush()
	l.writing.Wait()
	if len(l.owed) > 0 {
		slog.Error("audit records lost", "count", len(l.owed)+l.dropped)
	}
}

// look prunes, and says in the server's own log where the chain is: whoever
// rewrites it would have to change that, too.
func (l *Log) look(ctx context.Context) {
	if _, err := l.Prune(ctx); err != nil && ctx.Err() == nil {
		slog.Error("audit log not pruned; will be repeated", "after", pruneEvery, "error", err)
	}
	if end, err := l.end(ctx); err == nil && end.Number > 0 {
		slog.Info("audit log", "head", end.Head.String())
	}
}

// Prune removes the oldest records until the limits hold, and returns how many.
// That it did is a record, too.
func (l *Log) Prune(ctx context.Context) (total int, err error) {
	l.keeping.Lock()
	defer l.keeping.Unlock()
	for {
		n, err := l.pruneSome(ctx)
		total += n
		if err != nil || n < pruneAtOnce {
			if total > 0 {
				slog.Info("audit log pruned", "records", total)
			}
			return total, err
		}
	}
}

func (l *Log) pruneSome(ctx context.Context) (n int, err error) {
	var head Head
	err = l.db.InTx(ctx, func(ctx context.Context) error {
		end, err := l.end(ctx)
		if err != nil {
			return err
		}
		oldest, err := l.lines.Lines(ctx, store.Span{Limit: pruneAtOnce})
		if err != nil {
			return err
		}
		for n < len(oldest) && l.over(oldest[n], end.Total) {
			n++
		}
		if n == 0 {
			return nil
		}
		last := placeOf(oldest[n-1])
		if err := l.anchors.Put(ctx, anchor{anchorName, last}); err != nil {
			return err
		}
		head, err = l.extend(ctx, l.dated(Record{Who: Drover("audit"), Path: "oldest records removed", Outcome: Noted, Count: n, Pruned: &last.Head}))
		if err != nil {
			return err
		}
		return l.lines.DropTo(ctx, last.Number)
	})
	if err != nil {
		return 0, err
	}
	l.reached(head)
	return n, nil
}

// over tells whether the oldest line has to go, of a chain as long as total.
func (l *Log) over(oldest store.Line, total int64) bool {
	kept := total - oldest.Total + int64(len(oldest.Doc))
	return l.Limits.Age > 0 && oldest.Time < l.now().Add(-l.Limits.Age).UnixNano() || l.Limits.Size > 0 && kept > l.Limits.Size
}
