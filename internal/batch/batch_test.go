package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// book is what was written, a batch after the other.
type book struct {
	mu      sync.Mutex
	batches [][]string
	at      []time.Time
	fail    error
}

func (b *book) write(_ context.Context, values []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.Sort(values)
	b.batches = append(b.batches, values)
	b.at = append(b.at, time.Now())
	return b.fail
}

func (b *book) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = err
}

func (b *book) take() (batches [][]string, at []time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	batches, at = b.batches, b.at
	b.batches, b.at = nil, nil
	return batches, at
}

func writer(t *testing.T, b *book, full int) *Writer[string, string] {
	w := &Writer[string, string]{What: "values", Every: 100 * time.Millisecond, Full: full, Write: b.write}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return w
}

func pass(d time.Duration) {
	time.Sleep(d) // virtual time
	synctest.Wait()
}

func TestValuesAreWrittenTogetherTheLastOfAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b book
		w := writer(t, &b, 0)
		begin := time.Now()
		w.Put("a", "a1")
		pass(50 * time.Millisecond)
		w.Put("a", "a2")
		w.Put("b", "b1")
		w.Put("c", "c1")
		w.Forget("c")
		pass(time.Second)
		got, at := b.take()
		if fmt.Sprint(got) != "[[a2 b1]]" || at[0].Sub(begin) != 100*time.Millisecond {
			t.Errorf("written %v after %v", got, at)
		}
	})
}

func TestAFullWriterDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b book
		w := writer(t, &b, 2)
		w.Put("a", "a")
		w.Put("b", "b")
		synctest.Wait()
		if got, _ := b.take(); fmt.Sprint(got) != "[[a b]]" {
			t.Errorf("written %v", got)
		}
	})
}

func TestWhatCannotBeWrittenIsKeptUnlessNewerCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b book
		b.fail = errors.New("full disk")
		w := writer(t, &b, 1)
		w.Put("a", "a1")
		w.Put("b", "b1")
		pass(10 * time.Second)
		got, at := b.take()
		if len(got) < 2 || len(got) > 6 {
			t.Errorf("tried %d times in ten seconds", len(got))
		}
		for i := 2; i < len(at); i++ {
			if at[i].Sub(at[i-1]) < at[i-1].Sub(at[i-2]) {
				t.Errorf("pauses get shorter: %v", at)
			}
		}
		w.Put("a", "a2")
		b.set(nil)
		pass(time.Minute)
		if got, _ := b.take(); fmt.Sprint(got) != "[[a2 b1]]" {
			t.Errorf("written %v", got)
		}
	})
}

func TestFlushWritesWhatWasPutBefore(t *testing.T) {
	var b book
	w := &Writer[string, string]{What: "values", Every: time.Hour, Write: b.write}
	if err := w.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	w.Put("a", "a")
	b.fail = errors.New("no")
	if err := w.Flush(t.Context()); !errors.Is(err, b.fail) {
		t.Errorf("error %v", err)
	}
	b.fail = nil
	if err := w.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if got, _ := b.take(); fmt.Sprint(got) != "[[a] [a]]" {
		t.Errorf("written %v", got)
	}
}

func TestTheEndWritesTheRest(t *testing.T) {
	var b book
	w := &Writer[string, string]{What: "values", Every: time.Hour, Write: b.write}
	w.Put("a", "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Run(ctx)
	if got, _ := b.take(); fmt.Sprint(got) != "[[a]]" {
		t.Errorf("written %v", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	w := &Writer[int, int]{What: "values", Every: time.Hour, Write: func(context.Context, []int) error { return nil }}
	for i := range maxWaiting + 3 {
		w.Put(i, i)
	}
	if w.count() != maxWaiting || w.lost() != 3 {
		t.Errorf("%d wait, %d dropped", w.count(), w.lost())
	}
}

func TestMemoryIsBoundedWhileWritesFail(t *testing.T) {
	next := 0
	var w *Writer[int, int]
	w = &Writer[int, int]{What: "values", Every: time.Hour, Write: func(context.Context, []int) error {
		for range maxWaiting / 2 {
			w.Put(next, next)
			next++
		}
		return errors.New("full disk")
	}}
	w.Put(-1, -1)
	for range 4 {
		if err := w.Flush(t.Context()); err == nil {
			t.Fatal("no error")
		}
	}
	if n := w.count(); n > maxWaiting {
		t.Errorf("%d wait, want at most %d", n, maxWaiting)
	}
	if dropped := w.lost(); dropped != next+1-w.count() {
		t.Errorf("%d told as dropped of %d of which %d wait", dropped, next+1, w.count())
	}
}

func TestAValueThatCanNeverBeWrittenHoldsUpNoOther(t *testing.T) {
	written := map[int]bool{}
	down := false
	w := &Writer[int, int]{What: "values", Every: time.Hour, Write: func(_ context.Context, values []int) error {
		if down {
			return errors.New("no connection")
		}
		for _, v := range values {
			if v%40 == 0 {
				return fault.New(fault.Invalid, "bad value")
			}
		}
		for _, v := range values {
			written[v] = true
		}
		return nil
	}}
	for i := range 100 {
		w.Put(i, i)
	}
	down = true
	if err := w.Flush(t.Context()); err == nil || w.count() != 100 {
		t.Errorf("without a connection: %v, %d wait", err, w.count())
	}
	down = false
	if err := w.Flush(t.Context()); err != nil || w.count() != 0 {
		t.Errorf("flush: %v, %d wait", err, w.count())
	}
	if len(written) != 97 {
		t.Errorf("%d of 97 written", len(written))
	}
}

func TestAnOutageIsToldWhenItBeginsAndWhenItIsOver(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	synctest.Test(t, func(t *testing.T) {
		b := book{fail: errors.New("full disk")}
		w := writer(t, &b, 0)
		w.Put("a", "a")
		pass(time.Minute)
		b.set(nil)
		pass(time.Minute)
		w.Put("b", "b")
		pass(time.Minute)
	})
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "not written") || !strings.Contains(lines[1], "written again") {
		t.Errorf("told:\n%s", log.String())
	}
}

func TestPoolBeginsAsManyBatchesAsThereIsWorkFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var sizes []int
		release := make(chan struct{})
		var group sync.WaitGroup
		p := &Pool[int]{Parallel: 3, Max: func() int { return 4 }, Go: group.Go, Do: func(_ context.Context, items []int) {
			mu.Lock()
			sizes = append(sizes, len(items))
			mu.Unlock()
			<-release
		}}
		p.Hand(t.Context(), make([]int, 9)...)
		synctest.Wait()
		slices.Sort(sizes)
		if fmt.Sprint(sizes) != "[1 4 4]" {
			t.Errorf("batches of %v at the same time", sizes)
		}
		close(release)
		group.Wait()
	})
}

func TestPoolRunsAFewBatchesOfWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var sizes []int
		release := make(chan struct{})
		var group sync.WaitGroup
		p := &Pool[int]{Parallel: 2, Max: func() int { return 4 }, Go: group.Go, Do: func(_ context.Context, items []int) {
			mu.Lock()
			sizes = append(sizes, len(items))
			mu.Unlock()
			<-release
		}}
		p.Hand(t.Context(), 1)
		synctest.Wait()
		p.Hand(t.Context(), 2, 3)
		synctest.Wait()
		for i := range 5 { // both are busy
			p.Hand(t.Context(), i)
		}
		synctest.Wait()
		if fmt.Sprint(sizes) != "[1 2]" {
			t.Errorf("batches of %v", sizes)
		}
		close(release)
		group.Wait()
		slices.Sort(sizes)
		if fmt.Sprint(sizes) != "[1 1 2 4]" {
			t.Errorf("batches of %v", sizes)
		}
		p.Hand(t.Context())
		p.Hand(t.Context(), 9)
		group.Wait()
		if len(sizes) != 5 {
			t.Error("an idle pool does not begin again")
		}
	})
}

func TestWhatAPoolDidIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Pool[int]{Parallel: 1, Max: func() int { return 2 }}
		p.Do = func(context.Context, []int) {
			time.Sleep(time.Second) // virtual time
			p.Failed(1)
		}
		p.Hand(t.Context(), 1, 2, 3)
		synctest.Wait()
		if got, want := p.Worked(), (tally.Worked{Waiting: 1}); got != want {
			t.Errorf("in its first batch: %+v, want %+v", got, want)
		}
		time.Sleep(3 * time.Second) // virtual time
		if got, want := p.Worked(), (tally.Worked{Passes: 2, Failures: 2, Items: 3, Busy: 2 * time.Second}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}
