package store_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/store"
)

func until(is func() bool) {
	for !is() {
		runtime.Gosched()
	}
}

func commits(f *fixture) int64 {
	_, n, _ := f.db.Commits().Read()
	return n
}

// begin has a document written, and returns when that is done or waits for a commit.
func (f *fixture) begin(key string) (ended chan error) {
	ended = make(chan error, 1)
	did := make(chan struct{})
	go func() {
		ended <- f.db.InTx(context.Background(), func(ctx context.Context) error {
			defer close(did)
			return f.docs.Put(ctx, doc{Key: key})
		})
	}()
	<-did
	until(func() bool { return store.Idle(f.db) })
	return ended
}

func testLinger(t *testing.T, f *fixture) {
	store.Linger(f.db, time.Hour)
	before := commits(f)
	a := f.begin("a")
	if n := commits(f) - before; n != 0 {
		t.Fatalf("%d commits while others may come", n)
	}
	if all, err := f.docs.List(t.Context(), store.Query{}); err != nil || len(all) != 0 {
		t.Errorf("readers see %v, %v before the commit", all, err)
	}
	b := f.begin("b")
	must(t, f.db.Close())
	must(t, <-a)
	must(t, <-b)
	if n := commits(f) - before; n != 1 {
		t.Errorf("%d commits for both", n)
	}
}

func testLingerEnds(t *testing.T, f *fixture) {
	store.Linger(f.db, time.Millisecond)
	before := commits(f)
	must(t, <-f.begin("a"))
	if n := commits(f) - before; n != 1 || store.Shared(f.db) {
		t.Errorf("%d commits, of several %v", n, store.Shared(f.db))
	}
}

func testAloneNobodyLingers(t *testing.T, f *fixture) {
	inside, release := make(chan struct{}), make(chan struct{})
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		first <- f.db.InTx(context.Background(), func(ctx context.Context) error {
			close(inside)
			<-release
			return f.docs.Put(ctx, doc{Key: "a"})
		})
	}()
	<-inside
	go func() { second <- f.docs.Put(context.Background(), doc{Key: "b"}) }()
	until(func() bool { return store.Waiting(f.db) == 1 })
	close(release)
	must(t, <-first)
	must(t, <-second)
	if !store.Shared(f.db) {
		t.Error("a commit of two is not taken for one")
	}
	must(t, f.docs.Put(t.Context(), doc{Key: "c"})) // it may linger
	if store.Shared(f.db) {
		t.Error("a commit of one is taken for one of several")
	}
	before := commits(f)
	f.begin("d")
	if n := commits(f) - before; n != 1 {
		t.Errorf("%d commits of one who writes alone, at the end of whose turn", n)
	}
}
