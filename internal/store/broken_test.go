package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// wire is the way to a PostgreSQL server, which breaks when the word comes by, if
// there is one.
type wire struct {
	url  string
	word atomic.Value // string, in lower case
}

func newWire(t *testing.T, url string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	through, socket := storetest.Through(t, url, l.Addr().String())
	w := &wire{url: through}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", socket)
			if err != nil {
				near.Close()
				continue
			}
			go func() {
				io.Copy(near, far)
				near.Close()
			}()
			go w.carry(near, far)
		}
	}()
	return w
}

func (w *wire) carry(near, far net.Conn) {
	defer near.Close()
	defer far.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := near.Read(buf)
		word, _ := w.word.Load().(string)
		if err != nil || word != "" && bytes.Contains(bytes.ToLower(buf[:n]), []byte(word)) {
			return
		}
		if _, err := far.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A connection that breaks in the middle of a commit leaves it open what the
// database holds: nothing is written any more.
func TestNothingIsWrittenAfterACommitThatMayHaveHappened(t *testing.T) {
	w := newWire(t, storetest.Postgres(t))
	f := newFixture(t, w.url, inMemory)
	if err := storetest.CreateTable(t.Context(), f.db, "conformance", "color"); err != nil {
		t.Fatal(err)
	}
	if err := f.docs.Insert(t.Context(), doc{Key: "a", N: 1}); err != nil {
		t.Fatal(err)
	}
	w.word.Store("commit")
	if err := f.docs.Put(t.Context(), doc{Key: "a", N: 2}); err == nil {
		t.Error("a commit without an answer succeeded")
	}
	w.word.Store("")
	select {
	case <-f.db.Unsure():
	case <-time.After(10 * time.Second):
		t.Fatal("the database is taken for known")
	}
	if err := f.docs.Put(t.Context(), doc{Key: "a", N: 3}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("it is written to: %v", err)
	}
}

// A connection that breaks in the middle of a transaction takes that with it, and
// no more.
func TestTransactionEndsWithItsConnection(t *testing.T) {
	w := newWire(t, storetest.Postgres(t))
	f := newFixture(t, w.url, inRows)
	if err := storetest.CreateTable(t.Context(), f.db, "conformance", "color"); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"begin", "savepoint", "insert", "release"} {
		w.word.Store(word)
		if err := f.docs.Insert(t.Context(), doc{Key: word}); !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "conn") {
			t.Errorf("%s: %v", word, err)
		}
		w.word.Store("")
		if err := f.docs.Insert(t.Context(), doc{Key: word}); err != nil {
			t.Errorf("after %s: %v", word, err)
		}
	}
	select {
	case <-f.db.Unsure():
		t.Error("none of them can have happened")
	default:
	}
}

// A connection that broke while nobody used it is replaced, and nobody notices.
func TestBrokenConnectionIsReplaced(t *testing.T) {
	url := storetest.Postgres(t)
	f := newFixture(t, url, inMemory)
	if err := storetest.CreateTable(t.Context(), f.db, "conformance", "color"); err != nil {
		t.Fatal(err)
	}
	if err := f.docs.Insert(t.Context(), doc{Key: "a", N: 1}); err != nil {
		t.Fatal(err)
	}
	admin, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	if _, err := admin.Exec(t.Context(), "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
		t.Fatal(err)
	}
	if err := f.docs.Put(t.Context(), doc{Key: "a", N: 2}); err != nil {
		t.Error(err)
	}
	select {
	case <-f.db.Unsure():
		t.Error("nothing was lost")
	default:
	}
}

// What may not be committed is not, and memory does not have it either.
func TestGuardKeepsACommitFromHappening(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		if err := storetest.CreateTable(t.Context(), db, "guarded"); err != nil {
			t.Fatal(err)
		}
		for _, held := range []bool{true, false} {
			docs := store.NewTable(db, store.Spec[doc]{Name: "guarded", Kind: "Doc", Held: held, Key: func(d *doc) string { return d.Key }})
			key := fmt.Sprint(held)
			refused := errors.New("another leads")
			db.Guard(func(context.Context) error { return refused })
			if err := docs.Put(t.Context(), doc{Key: key}); !errors.Is(err, refused) {
				t.Errorf("held %v: %v", held, err)
			}
			db.Guard(func(context.Context) error { return nil })
			if _, err := docs.Get(t.Context(), key); !fault.Is(err, fault.NotFound) {
				t.Errorf("held %v: it is there: %v", held, err)
			}
			if err := docs.Put(t.Context(), doc{Key: key}); err != nil {
				t.Errorf("held %v: %v", held, err)
			}
		}
	})
}
