package batch

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
)

// Writer writes values later, many at a time. A killed process loses what
// waits. Set the fields before the first Put, and start Run.
type Writer[K comparable, V any] struct {
	// What names the values in the log.
	What string
	// Every is how long a value waits for others.
	Every time.Duration
	// Full is how many values are written without that wait; 0 is none.
	Full int
	// Write writes the values, in no order, all or none of them. It may be
	// given a value again that it has written. A fault.Invalid says that one of
	// them can never be written: that one is looked for, dropped and told, so
	// that it holds up no other.
	Write func(ctx context.Context, values []V) error

	writing sync.Mutex // one Write at a time: who waits for it finds his value written

	mu      sync.Mutex
	waiting map[K]V
	taken   int // being written, and back in waiting if that fails
	dropped int // not told yet
	wake    chan struct{}
	full    chan struct{}
}

const (
	// maxWaiting bounds the values in memory while nothing can be written,
	// those that are being tried among them; further ones are dropped, counted
	// and told.
	maxWaiting = 200_000
	// retryFirst and retryMost are the first and the longest pause after a
	// Write that failed; it doubles between.
	retryFirst = time.Second
	retryMost  = 15 * time.Second
)

// Put has the value written soon. It does not block.
func (w *Writer[K, V]) Put(key K, value V) {
	w.mu.Lock()
	w.ensure()
	_, known := w.waiting[key]
	switch {
	case known || len(w.waiting)+w.taken < maxWaiting:
		w.waiting[key] = value
	default:
		w.dropped++
	}
	full := w.Full > 0 && len(w.waiting) >= w.Full
	w.mu.Unlock()
	signal(w.wake)
	if full {
		signal(w.full)
	}
}

// Forget drops the values of the keys that are not written yet.
func (w *Writer[K, V]) Forget(keys ...K) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range keys {
		delete(w.waiting, k)
	}
}

// Flush writes what was put before the call. What cannot be written waits on.
func (w *Writer[K, V]) Flush(ctx context.Context) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	taken := w.waiting
	w.waiting, w.taken = map[K]V{}, len(taken)
	w.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	values := make([]V, 0, len(taken))
	for _, v := range taken {
		values = append(values, v)
	}
	err := w.write(ctx, values)
	w.end(taken, err)
	return err
}

// write writes the values but those that can never be written.
func (w *Writer[K, V]) write(ctx context.Context, values []V) error {
	err := w.Write(ctx, values)
	if !fault.Is(err, fault.Invalid) {
		return err
	}
	if len(values) == 1 {
		slog.Error("one of the "+w.What+" cannot be written; dropped", "value", fmt.Sprintf("%.300s", fmt.Sprintf("%+v", values[0])), "error", err)
		return nil
	}
	half := len(values) / 2
	if err := w.write(ctx, values[:half:half]); err != nil {
		return err
	}
	return w.write(ctx, values[half:])
}

// end has what was taken wait again if writing failed.
func (w *Writer[K, V]) end(taken map[K]V, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken = 0
	if err == nil {
		return
	}
	w.ensure()
	for k, v := range taken {
		if _, newer := w.waiting[k]; !newer {
			w.waiting[k] = v
		}
	}
	signal(w.wake)
}

// Run writes until ctx is done, then writes the rest and returns. That writing
// fails is told when it begins and when it is over.
func (w *Writer[K, V]) Run(ctx context.Context) {
	w.mu.Lock()
	w.ensure()
	w.mu.Unlock()
	pause := time.Duration(0)
	for {
		select {
		case <-w.wake:
			sleep(ctx, max(w.Every, pause), w.fullUnless(pause > 0))
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			if err := w.Flush(context.WithoutCancel(ctx)); err != nil {
				slog.Error(w.What+" lost", "count", w.count()+w.lost(), "error", err)
			}
			return
		}
		err := w.Flush(ctx)
		switch {
		case err == nil && pause > 0:
			slog.Info(w.What+" are written again", "dropped", w.lost())
			pause = 0
		case err != nil && ctx.Err() == nil:
			if pause == 0 {
				slog.Error(w.What+" not written; will be repeated until they are", "count", w.count(), "error", err)
			}
			pause = min(max(retryFirst, 2*pause), retryMost)
		}
	}
}

// fullUnless is what ends a wait early: nothing while writing fails.
func (w *Writer[K, V]) fullUnless(failing bool) <-chan struct{} {
	if failing {
		return nil
	}
	return w.full
}

func (w *Writer[K, V]) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}

// lost counts what was dropped since the last call.
func (w *Writer[K, V]) lost() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.dropped
	w.dropped = 0
	return n
}

func (w *Writer[K, V]) ensure() {
	if w.wake == nil {
		w.wake, w.full = make(chan struct{}, 1), make(chan struct{}, 1)
	}
	if w.waiting == nil {
		w.waiting = map[K]V{}
	}
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// sleep waits for d, until early is signalled or until ctx is done.
func sleep(ctx context.Context, d time.Duration, early <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-early:
	case <-t.C:
	}
}
