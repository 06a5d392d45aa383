package bss

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/events"
)

// mirror is a copy in memory of all rows of a table that is kept elsewhere.
// Hints make rows stale; a stale row is read again, with others that are, when
// someone wants it. Before each look the pending hints are taken in, so that
// whoever saw a write committed finds it here.
type mirror[T any] struct {
	// load reads the rows with the keys, nil for all. Keys that do not exist
	// are not in the result.
	load func(ctx context.Context, keys []string) (map[string]T, error)
	// changed is called for each row that came, changed (old and new) or went,
	// with the mirror locked for writing. May be nil.
	changed func(key string, old, new *T)
	// maxAge is the age at which everything is read again; 0 is never.
	maxAge time.Duration
	now    func() time.Time
	hints  *events.Subscription

	mu       sync.RWMutex
	underway *loading // one load at a time; nil: none
	rows     map[string]T
	loadedAt time.Time         // when everything was read; zero: never
	seq      uint64            // counts what makes rows stale
	stale    map[string]uint64 // rows to read again, each since which seq
	allStale uint64            // everything is to be read again since this seq; 0: it is not
}

// loading is a load for all who wait for it.
type loading struct {
	over chan struct{} // closed when it is
	err  error         // why it failed, once it is over
}

const (
	// loadBatch bounds how many stale rows one load reads.
	loadBatch = 500
	// loadPatience bounds one load.
	loadPatience = 5 * time.Minute
)

// get returns the row with the key as it is now or was a moment ago, never
// older than the call.
func (m *mirror[T]) get(ctx context.Context, key string) (row T, ok bool, err error) {
	if row, ok, fresh := m.peek(key); fresh {
		return row, ok, nil
	}
	if err := m.refresh(ctx, key); err != nil {
		return row, false, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	row, ok = m.rows[key]
	return row, ok, nil
}

// view calls look with the mirror locked for reading and no row older than the
// call.
func (m *mirror[T]) view(ctx context.Context, look func(rows map[string]T)) error {
	m.takeHints()
	m.mu.RLock()
	begun := m.seq
	m.mu.RUnlock()
	for {
		m.mu.RLock()
		if m.complete() && !m.staleBefore(begun) {
			look(m.rows)
			m.mu.RUnlock()
			return nil
		}
		m.mu.RUnlock()
		if err := m.refresh(ctx, ""); err != nil {
			return err
		}
	}
}

// staleBefore reports whether a row has been stale since the hint with the
// number or an earlier one.
func (m *mirror[T]) staleBefore(seq uint64) bool {
	for _, since := range m.stale {
		if since <= seq {
			return true
		}
	}
	return false
}

// fetch reads the row at its source, whatever the mirror holds.
func (m *mirror[T]) fetch(ctx context.Context, key string) (row T, ok bool, err error) {
	m.mu.Lock()
	m.markStale(key)
	m.mu.Unlock()
	return m.get(ctx, key)
}

// newerThan has the next look read everything again if the last time was not
// after t.
func (m *mirror[T]) newerThan(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.loadedAt.After(t) {
		m.markAllStale()
	}
}

func (m *mirror[T]) peek(key string) (row T, ok, fresh bool) {
	m.takeHints()
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.complete() || m.stale[key] > 0 {
		return row, false, false
	}
	row, ok = m.rows[key]
	return row, ok, true
}

func (m *mirror[T]) complete() bool {
	return !m.loadedAt.IsZero() && m.allStale == 0 && (m.maxAge == 0 || m.now().Sub(m.loadedAt) < m.maxAge)
}

// takeHints marks what was hinted as stale. The token of the subscription is
// taken under the lock: who finds none waits for the marks.
func (m *mirror[T]) takeHints() {
	if len(m.hints.Ready()) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.hints.Ready():
	default:
		return
	}
	keys, all := m.hints.Take()
	for _, k := range keys {
		m.markStale(k)
	}
	if all {
		m.markAllStale()
	}
}

func (m *mirror[T]) markAllStale() {
	m.seq++
	m.allStale = m.seq
}

func (m *mirror[T]) markStale(key string) {
	m.seq++
	if m.stale == nil {
		m.stale = map[string]uint64{}
	}
	m.stale[key] = m.seq
}

// refresh waits until the row with the key was read, or the next load is over if
// key is empty. A load goes on when the host that caused it has given up: others
// wait for it, and one that takes longer than hosts wait would never be over.
func (m *mirror[T]) refresh(ctx context.Context, key string) error {
	for {
		m.mu.Lock()
		l, mine := m.underway, m.underway == nil
		if mine {
			l = &loading{over: make(chan struct{})}
			m.underway = l
			go m.run(context.WithoutCancel(ctx), l, key)
		}
		m.mu.Unlock()
		select {
		case <-l.over:
		case <-ctx.Done():
			return ctx.Err()
		}
		if mine || l.err != nil || key == "" {
			return l.err
		}
		if _, _, fresh := m.peek(key); fresh {
			return nil // the one before us read it
		}
	}
}

func (m *mirror[T]) run(ctx context.Context, l *loading, key string) {
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	defer func() {
		if why := recover(); why != nil { // no request's, so nobody else would
			l.err = fmt.Errorf("a defect of this server: %v", why)
			slog.Error("what BSS knows of HSM could not be read: a defect", "panic", why, "stack", string(debug.Stack()))
		}
		m.mu.Lock()
		m.underway = nil
		m.mu.Unlock()
		close(l.over)
	}()
	l.err = m.read(ctx, key)
}

// read reads everything if it must, else the row with the key and others that
// are stale.
func (m *mirror[T]) read(ctx context.Context, key string) error {
	keys, begun, seq := m.wanted(key)
	if keys != nil && len(keys) == 0 {
		return nil
	}
	rows, err := m.load(ctx, keys)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if keys == nil {
		m.loadedAt = begun
		if m.allStale <= seq {
			m.allStale = 0
		}
		keys = m.allKeys(rows)
	}
	for _, k := range keys {
		if row, ok := rows[k]; ok {
			m.set(k, &row)
		} else {
			m.set(k, nil)
		}
		if m.stale[k] <= seq { // what was hinted during the load stays stale
			delete(m.stale, k)
		}
	}
	return nil
}

// allKeys are the keys of the rows read and of those held or stale.
func (m *mirror[T]) allKeys(rows map[string]T) []string {
	keys := make([]string, 0, len(rows))
	for k := range rows {
		keys = append(keys, k)
	}
	for k := range m.rows {
		if _, again := rows[k]; !again {
			keys = append(keys, k)
		}
	}
	for k := range m.stale {
		keys = append(keys, k)
	}
	return keys
}

// wanted are the keys to read, nil for all.
func (m *mirror[T]) wanted(key string) (keys []string, begun time.Time, seq uint64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.complete() {
		return nil, m.now(), m.seq
	}
	keys = []string{}
	if key != "" {
		keys = append(keys, key)
	}
	for k := range m.stale {
		if len(keys) >= loadBatch {
			break
		}
		if k != key {
			keys = append(keys, k)
		}
	}
	return keys, m.now(), m.seq
}

func (m *mirror[T]) set(key string, row *T) {
	old, had := m.rows[key]
	if !had && row == nil {
		return
	}
	if m.changed != nil {
		var before *T
		if had {
			before = &old
		}
		m.changed(key, before, row)
	}
	if row == nil {
		delete(m.rows, key)
		return
	}
	if m.rows == nil {
		m.rows = map[string]T{}
	}
	m.rows[key] = *row
}
