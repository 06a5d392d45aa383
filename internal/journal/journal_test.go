package journal_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopPostgres()
	os.Exit(code)
}

// The names of nodes come from URLs that anybody can ask the object store for.
// PostgreSQL takes no text with a zero byte or damaged UTF-8.
func TestAnEntryThatTheDatabaseRefusesHoldsUpNoOther(t *testing.T) {
	for name, at := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return t.TempDir() + "/drover.db" },
		"postgres": storetest.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			written := make(chan struct{}, 1)
			db, err := store.Open(t.Context(), at(t), func(string, []string) {
				select {
				case written <- struct{}{}:
				default:
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			j := journal.New(db, time.Now)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				j.Run(ctx)
			}()
			t.Cleanup(func() {
				cancel()
				<-done
			})
			for range 20 {
				j.Note(journal.Entry{Node: "x1c0s0b0n0", Text: "before"},
					journal.Entry{Node: "x1\x00", Text: "zero byte"}, journal.Entry{Node: "x1\xff", Text: "no UTF-8"})
			}
			awaitEntries(t, j, written, 20)
			j.Note(journal.Entry{Node: "x1c0s0b0n0", Text: "after"})
			awaitEntries(t, j, written, 21)
		})
	}
}

// awaitEntries looks each time that something was committed.
func awaitEntries(t *testing.T, j *journal.Journal, written <-chan struct{}, want int) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		list, err := j.List(t.Context(), "x1c0s0b0n0", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == want {
			return
		}
		select {
		case <-written:
		case <-late:
			t.Fatalf("%d entries, want %d", len(list), want)
		}
	}
}
