package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/store"
)

func testRollback(t *testing.T, f *fixture) {
	ctx := t.Context()
	boom := errors.New("boom")
	err := f.db.InTx(ctx, func(ctx context.Context) error {
		must(t, f.docs.Put(ctx, doc{Key: "a"}))
		if _, err := f.docs.Get(ctx, "a"); err != nil {
			t.Errorf("a transaction does not see its own write: %v", err)
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("InTx gave %v", err)
	}
	if n, _ := f.docs.Count(ctx, store.Query{}); n != 0 {
		t.Errorf("%d documents stayed after a rollback", n)
	}
	if got := f.takeHints("conformance"); len(got) != 0 {
		t.Errorf("hints %v after a rollback", got)
	}
	must(t, f.docs.Put(ctx, doc{Key: "b"})) // the connection is usable again
}

func testRollbackAmongMany(t *testing.T, f *fixture) {
	const writers = 60
	boom := errors.New("boom")
	var want []string
	for i := 0; i < writers; i += 3 {
		want = append(want, fmt.Sprintf("k%02d", i))
	}
	parallel(writers, func(i int) (err error) {
		defer func() {
			if p := recover(); p != nil && i%3 != 2 {
				t.Errorf("panic in writer %d: %v", i, p)
			}
		}()
		err = f.db.InTx(context.Background(), func(ctx context.Context) error {
			if err := f.docs.Put(ctx, doc{Key: fmt.Sprintf("k%02d", i)}); err != nil {
				return err
			}
			switch i % 3 {
			case 1:
				return boom
			case 2:
				panic("boom")
			}
			return nil
		})
		if i%3 == 0 && err != nil || i%3 == 1 && !errors.Is(err, boom) {
			t.Errorf("writer %d: %v", i, err)
		}
		if n, _ := f.docs.Count(context.Background(), store.Query{Keys: []string{fmt.Sprintf("k%02d", i)}}); err == nil && n != 1 {
			t.Errorf("writer %d does not see its own write", i)
		}
		return err
	})
	got, err := f.docs.List(t.Context(), store.Query{})
	must(t, err)
	var keys []string
	for _, d := range got {
		keys = append(keys, d.Key)
	}
	if hints := f.takeHints("conformance"); !slices.Equal(keys, want) || !slices.Equal(hints, want) {
		t.Errorf("documents %v\nhints %v\nwant %v", keys, hints, want)
	}
}

func testGiveUp(t *testing.T, f *fixture) {
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := f.db.InTx(context.Background(), func(ctx context.Context) error {
			close(inside)
			<-release
			return f.docs.Put(ctx, doc{Key: "a", N: 1})
		})
		if err != nil {
			t.Errorf("first writer: %v", err)
		}
	})
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	for range 4 {
		wg.Go(func() { f.docs.Put(ctx, doc{Key: "a", N: 2}) }) //nolint:errcheck // it may come through or not
	}
	cancel()
	close(release)
	wg.Wait()
	if _, err := f.docs.UpdateOne(t.Context(), "a", func(d *doc) error { d.N = 3; return nil }); err != nil {
		t.Error(err)
	}
}
