package bss

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopPostgres()
	os.Exit(code)
}

func accessOf(name string, at int64) EndpointAccess {
	return EndpointAccess{Name: name, Endpoint: bootscriptEndpoint, LastEpoch: at}
}

func wantAccesses(t *testing.T, l *accessLog, name string, want ...EndpointAccess) {
	t.Helper()
	got, err := l.list(t.Context(), name)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("of %q: %v, error %v; want %v", name, got, err, want)
	}
}

func TestTheLastAccessIsToldHoweverOftenTheLogIsWrittenAnew(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		l := newAccessLog(db)
		for n := range int64(2*shortenAfter + 5) {
			if err := l.add(t.Context(), []EndpointAccess{accessOf("x1", n), accessOf("x2", 1000-n)}); err != nil {
				t.Fatal(err)
			}
		}
		x1, x2 := accessOf("x1", 2*shortenAfter+4), accessOf("x2", 1000)
		wantAccesses(t, l, "x1", x1)
		wantAccesses(t, l, "", x1, x2)
		wantAccesses(t, l, "x")
		if _, keys, err := l.read(t.Context(), ""); err != nil || len(keys) != 6 {
			t.Errorf("%d segments, error %v; want one and the five that came since", len(keys), err)
		}
	})
}

func TestALogOfManyHostsIsReadInPartForOne(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		l := newAccessLog(db)
		var all []EndpointAccess
		for n := range 5000 {
			all = append(all, accessOf(fmt.Sprintf("x%04d", n), int64(n)))
		}
		for part := range slices.Chunk(all, 700) {
			if err := l.add(t.Context(), part); err != nil {
				t.Fatal(err)
			}
		}
		l.shorten(t.Context())
		wantAccesses(t, l, "", all...)
		wantAccesses(t, l, "x4321", all[4321])
		if found, _, err := l.read(t.Context(), "x4321"); err != nil || len(found) != accessesOfSegment {
			t.Errorf("%d accesses read, error %v; want those of one segment", len(found), err)
		}
	})
}

func TestReadersFindAllAccessesWhileTheLogIsWrittenAnew(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		l := newAccessLog(db)
		for n := range 10 {
			if err := l.add(t.Context(), []EndpointAccess{accessOf(fmt.Sprint("x", n), 1)}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for ctx.Err() == nil {
				l.shorten(ctx)
				if err := l.add(ctx, []EndpointAccess{accessOf("x0", 1)}); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		}()
		for range 200 {
			if got, err := l.list(t.Context(), ""); err != nil || len(got) != 10 {
				t.Fatalf("%v, error %v; want ten", got, err)
			}
		}
		stop()
		<-ended
	})
}

func TestAccessesWithRowsOfTheirOwnMove(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		l := newAccessLog(db)
		if err := l.former.Put(t.Context(), accessOf("x1", 1), accessOf("x2", 1)); err != nil {
			t.Fatal(err)
		}
		if err := l.add(t.Context(), []EndpointAccess{accessOf("x2", 2)}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			wantAccesses(t, l, "", accessOf("x1", 1), accessOf("x2", 2))
			wantAccesses(t, l, "x1", accessOf("x1", 1))
			l.shorten(t.Context())
		}
		if n, err := l.former.Count(t.Context(), store.Query{}); err != nil || n != 0 {
			t.Errorf("%d rows left, error %v", n, err)
		}
	})
}
