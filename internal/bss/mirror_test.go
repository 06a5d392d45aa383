package bss

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/events"
)

// source is a table whose every change is hinted.
type source struct {
	mu   sync.Mutex
	hub  *events.Hub
	rows map[string]int
	fail bool
}

func (s *source) set(key string, value int) {
	s.mu.Lock()
	if value == 0 {
		delete(s.rows, key)
	} else {
		s.rows[key] = value
	}
	s.mu.Unlock()
	s.hub.Changed("t", []string{key})
}

func (s *source) load(_ context.Context, keys []string) (map[string]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail {
		return nil, errors.New("source is down")
	}
	if keys == nil {
		return maps.Clone(s.rows), nil
	}
	out := map[string]int{}
	for _, k := range keys {
		if v, ok := s.rows[k]; ok {
			out[k] = v
		}
	}
	return out, nil
}

// newMirrored returns a source and its mirror, which counts rows by value in
// counts.
func newMirrored() (*source, *mirror[int], map[int]int) {
	src := &source{hub: events.NewHub(), rows: map[string]int{}}
	counts := map[int]int{}
	m := &mirror[int]{load: src.load, now: time.Now, hints: src.hub.Subscribe("t"),
		changed: func(_ string, old, now *int) {
			if old != nil {
				if counts[*old]--; counts[*old] == 0 {
					delete(counts, *old)
				}
			}
			if now != nil {
				counts[*now]++
			}
		}}
	return src, m, counts
}

func TestMirrorShowsWhatItsSourceHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src, m, counts := newMirrored()
		ctx := context.Background()
		key := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) { src.set(key.Draw(t, "key"), rapid.IntRange(0, 3).Draw(t, "value")) },
			"get": func(t *rapid.T) {
				k := key.Draw(t, "key")
				got, ok, err := m.get(ctx, k)
				if has, had := src.rows[k]; err != nil || ok != had || got != has {
					t.Fatalf("get %s: %d %v %v, source has %d %v", k, got, ok, err, has, had)
				}
			},
			"reload": func(*rapid.T) { m.newerThan(time.Now()) },
			"failure": func(t *rapid.T) {
				src.fail = true
				m.newerThan(time.Now())
				if _, _, err := m.get(ctx, "a"); err == nil {
					t.Fatal("no error from a source that is down")
				}
				src.fail = false
			},
			"": func(t *rapid.T) {
				wantCounts := map[int]int{}
				for _, v := range src.rows {
					wantCounts[v]++
				}
				err := m.view(ctx, func(rows map[string]int) {
					if !maps.Equal(rows, src.rows) {
						t.Fatalf("mirror %v, source %v", rows, src.rows)
					}
					if !maps.Equal(counts, wantCounts) {
						t.Fatalf("counts %v, want %v", counts, wantCounts)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

// A row is never older than the look at it, whoever else looks and writes.
func TestMirrorIsNeverOlderThanTheLook(t *testing.T) {
	src, m, _ := newMirrored()
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			key := fmt.Sprint("k", n)
			for v := 1; v <= 300; v++ {
				src.set(key, v)
				if got, _, err := m.get(context.Background(), key); err != nil || got != v {
					t.Errorf("%s is %d, error %v, want %d", key, got, err, v)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestMirrorFindsWhatNoHintToldOf(t *testing.T) {
	src, m, _ := newMirrored()
	ctx := t.Context()
	if _, ok, _ := m.get(ctx, "a"); ok {
		t.Fatal("found what is not there")
	}
	src.rows["a"] = 1
	if _, ok, _ := m.get(ctx, "a"); ok {
		t.Error("get asked the source without a hint")
	}
	if v, ok, err := m.fetch(ctx, "a"); v != 1 || !ok || err != nil {
		t.Errorf("fetch: %d %v %v", v, ok, err)
	}
}

func TestMirrorReadsStaleRowsTogether(t *testing.T) {
	src, m, _ := newMirrored()
	for i := range 2 * loadBatch {
		src.set(fmt.Sprint(i), 1)
	}
	var loads []int
	m.load = func(ctx context.Context, keys []string) (map[string]int, error) {
		loads = append(loads, len(keys))
		return src.load(ctx, keys)
	}
	if _, _, err := m.get(t.Context(), "0"); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * loadBatch {
		src.set(fmt.Sprint(i), 2)
	}
	for i := range 2 * loadBatch {
		if v, _, err := m.get(t.Context(), fmt.Sprint(i)); v != 2 || err != nil {
			t.Fatalf("row %d is %d, error %v", i, v, err)
		}
	}
	if !slices.Equal(loads, []int{0, loadBatch, loadBatch}) {
		t.Errorf("loads of %v keys, want everything once and then two batches", loads)
	}
}

// A host that gives up must not end the load that others wait for: one that takes
// longer than hosts wait would begin again and again.
func TestMirrorGoesOnLoadingWhenWhoAskedHasGivenUp(t *testing.T) {
	src, m, _ := newMirrored()
	src.set("a", 1)
	loads := 0
	begun, answer := make(chan struct{}), make(chan struct{})
	m.load = func(ctx context.Context, keys []string) (map[string]int, error) {
		loads++
		close(begun)
		<-answer
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return src.load(ctx, keys)
	}
	impatient, giveUp := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, _, err := m.get(impatient, "a")
		gaveUp <- err
	}()
	<-begun
	giveUp()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	close(answer)
	if v, ok, err := m.get(t.Context(), "a"); v != 1 || !ok || err != nil {
		t.Errorf("who came later: %d %v %v", v, ok, err)
	}
	if loads != 1 {
		t.Errorf("%d loads, want the one that had begun", loads)
	}
}

func TestMirrorTellsOfADefectInItsLoad(t *testing.T) {
	src, m, _ := newMirrored()
	src.set("a", 1)
	m.load = func(context.Context, []string) (map[string]int, error) { panic("nothing is here") }
	if _, _, err := m.get(t.Context(), "a"); err == nil {
		t.Error("no error")
	}
	m.load = src.load
	if v, _, err := m.get(t.Context(), "a"); v != 1 || err != nil {
		t.Errorf("afterwards: %d, %v", v, err)
	}
}
