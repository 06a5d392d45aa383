package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// rowsOf are the documents as the table's rows have them.
func rowsOf(t *testing.T, db *store.DB, name string) []rich {
	t.Helper()
	docs, err := store.NewTable(db, richSpec(name, false)).List(t.Context(), store.Query{})
	must(t, err)
	return docs
}

func TestLogIsSettledOnceNobodyWrites(t *testing.T) {
	db := openSQLite(t, sqlite(t))
	table := loggedTable(t, db, "logged")
	must(t, table.Put(t.Context(), rich{Key: "a"}, rich{Key: "b"}))
	_, err := table.Delete(t.Context(), "a")
	must(t, err)
	deadline := time.Now().Add(time.Minute)
	for rows, _ := store.LogSize(db); rows > 0; rows, _ = store.LogSize(db) {
		if time.Now().After(deadline) {
			t.Fatal("the log was not settled in a minute")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := rowsOf(t, db, "logged"); len(got) != 1 || got[0].Key != "b" {
		t.Errorf("%+v", got)
	}
}

// Who writes a little all the time, as a server at rest does, keeps nothing in the log.
func TestLogIsSettledWhileLittleIsWritten(t *testing.T) {
	db := openSQLite(t, sqlite(t))
	store.SetCalm(db, 1<<30) // as if that were little
	table := loggedTable(t, db, "logged")
	deadline := time.Now().Add(time.Minute)
	for before, i := 0, 0; ; i++ {
		must(t, table.Put(t.Context(), rich{Key: fmt.Sprint("k", i%5)}))
		rows, _ := store.LogSize(db)
		if rows < before {
			return
		}
		if before = rows; time.Now().After(deadline) {
			t.Fatalf("none of %d rows of the log was settled in a minute", rows)
		}
	}
}

// However much is written without a pause, the log keeps its length, and a change
// that a later one has made void costs no row.
func TestLogStaysShort(t *testing.T) {
	db := openSQLite(t, sqlite(t))
	store.SetLog(db, 1000, 10_000, 1<<20)
	table := loggedTable(t, db, "logged")
	before := db.Stats().Written
	for i := range 1000 {
		must(t, table.Put(t.Context(), rich{Key: fmt.Sprint("k", i%5), Size: fmt.Sprint(i)}))
		if _, bytes := store.LogSize(db); bytes > 20_500 {
			t.Fatalf("after %d changes the log has %d bytes", i, bytes)
		}
	}
	// Each of 1,000 rows of the log comes and goes, and five documents are written now and then.
	if written := db.Stats().Written - before; written > 2100 {
		t.Errorf("%d rows were written for 1,000 changes of 5 documents", written)
	}
}

// So it does if each commit is of many parts.
func TestLogStaysShortWithLargeCommits(t *testing.T) {
	db := openSQLite(t, sqlite(t))
	store.SetLog(db, 1000, 10_000, 1<<20)
	table := loggedTable(t, db, "logged")
	for i := range 20 {
		docs := make([]rich, 100)
		for k := range docs {
			docs[k] = rich{Key: fmt.Sprint("k", k), Size: fmt.Sprint(i)}
		}
		must(t, table.Put(t.Context(), docs...))
		if _, bytes := store.LogSize(db); bytes > 30_000 {
			t.Fatalf("after %d commits the log has %d bytes", i, bytes)
		}
	}
}

// However short the log is, no more documents are late than the next server is to write.
func TestFewDocumentsAreLate(t *testing.T) {
	db := openSQLite(t, sqlite(t))
	store.SetLog(db, 1000, 1<<20, 1<<20)
	store.SetMany(db, 20)
	table := loggedTable(t, db, "logged")
	for i := range 300 {
		must(t, table.Put(t.Context(), rich{Key: fmt.Sprint("k", i%100)}))
		if n := store.Late(db); n > 21 {
			t.Fatalf("after %d changes %d documents are late", i, n)
		}
	}
}

// What is much at once passes by the log, but only if that has nothing older.
func TestBulkPassesByTheLog(t *testing.T) {
	path := sqlite(t)
	db := openSQLite(t, path)
	store.SetLog(db, 1<<20, 1<<20, 100)
	table := loggedTable(t, db, "logged")
	much := rich{Key: "a", Size: strings.Repeat("x", 100)}
	for i, want := range []struct {
		doc    rich
		logged int
	}{{much, 0}, {rich{Key: "a"}, 1}, {much, 2}} {
		must(t, table.Put(t.Context(), want.doc))
		if rows, _ := store.LogSize(db); rows != want.logged {
			t.Errorf("%d: the log has %d rows, expected %d", i, rows, want.logged)
		}
	}
	must(t, db.Close())
	if got := rowsOf(t, openSQLite(t, path), "logged"); len(got) != 1 || got[0].Size != much.Size {
		t.Errorf("%+v", got)
	}
}

// A change to a logged table and one to another are committed together or not at all,
// and what fails to be settled stays in the log.
func TestLogKeepsWhatCannotBeSettled(t *testing.T) {
	db := openSQLite(t, sqlite(t))
	store.SetLog(db, 1, 1<<20, 1<<20)
	table, other := loggedTable(t, db, "logged"), richTable(t, db, "other", true)
	must(t, db.InTx(t.Context(), func(ctx context.Context) error {
		must(t, table.Put(ctx, rich{Key: "a"}))
		return other.Put(ctx, rich{Key: "a"})
	}))
	boom := fmt.Errorf("boom")
	db.Guard(func(context.Context) error { return boom })
	if some, err := store.Settle(db); !some || err == nil {
		t.Fatalf("%v, %v", some, err)
	}
	db.Guard(func(context.Context) error { return nil })
	if got := rowsOf(t, db, "logged"); len(got) > 0 {
		t.Fatalf("%+v", got)
	}
	must(t, table.Put(t.Context(), rich{Key: "a", Size: "x"}))
	for some := true; some; {
		var err error
		some, err = store.Settle(db)
		must(t, err)
	}
	if got := rowsOf(t, db, "logged"); len(got) != 1 || got[0].Size != "x" {
		t.Errorf("%+v", got)
	}
}

// Who is interrupted while it settles what a killed server left loses nothing of it.
func TestSettlingAfterAKillIsInterrupted(t *testing.T) {
	path := sqlite(t)
	db := openSQLite(t, path)
	store.SetLog(db, 1<<20, 1<<20, 1<<20)
	names := []string{"one", "two"}
	for _, name := range names {
		must(t, loggedTable(t, db, name).Put(t.Context(), rich{Key: "a"}, rich{Key: "b"}))
	}
	killed := leftBy(t, path)
	file, err := sql.Open("sqlite", killed)
	must(t, err)
	defer file.Close()
	for _, failing := range names {
		_, err = file.Exec("CREATE TRIGGER full BEFORE INSERT ON " + failing + " BEGIN SELECT RAISE(ABORT, 'no room'); END")
		must(t, err)
		if _, err := store.Open(t.Context(), killed, nil); err == nil || !strings.Contains(err.Error(), "no room") {
			t.Fatal(err)
		}
		_, err = file.Exec("DROP TRIGGER full")
		must(t, err)
	}
	again := openSQLite(t, killed)
	for _, name := range names {
		if got := rowsOf(t, again, name); len(got) != 2 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Another server that has settled the log may have written newer documents since.
func TestLogThatIsGoneIsNotSettled(t *testing.T) {
	for name, source := range map[string]func(testing.TB) string{"sqlite": storetest.Migrated, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			at := source(t)
			db := openSQLite(t, at)
			store.SetLog(db, 1<<20, 1<<20, 1<<20)
			must(t, loggedTable(t, db, "logged").Put(t.Context(), rich{Key: "a"}))
			other, err := store.Look(at)
			must(t, err)
			defer other.Close()
			last := store.LastOfLog(db)
			must(t, store.Fenced(t.Context(), other, last, func() error { return nil }))
			gone := func(number int64) {
				t.Helper()
				err := store.Fenced(t.Context(), other, number, func() error { t.Error("written"); return nil })
				if !fault.Is(err, fault.Unavailable) {
					t.Error(err)
				}
			}
			gone(last + 1)
			must(t, db.Close()) // which settles the log; the next one's is another
			again := openSQLite(t, at)
			store.SetLog(again, 1<<20, 1<<20, 1<<20)
			must(t, reopened(again, "logged").Put(t.Context(), rich{Key: "a"}))
			gone(last)
		})
	}
}

// A row that was written by a commit of which nobody learned goes with its document.
func TestRowOfAnUnnoticedSettlingIsDeleted(t *testing.T) {
	path := sqlite(t)
	db := openSQLite(t, path)
	store.SetLog(db, 1<<20, 1<<20, 1<<20)
	table := loggedTable(t, db, "logged")
	must(t, table.Put(t.Context(), rich{Key: "a"}, rich{Key: "b"}))
	some, err := store.SettleUnnoticed(db)
	if must(t, err); !some {
		t.Fatal("nothing was settled")
	}
	_, err = table.Delete(t.Context(), "a")
	must(t, err)
	must(t, db.Close())
	if got, err := reopened(openSQLite(t, path), "logged").List(t.Context(), store.Query{}); err != nil || len(got) != 1 || got[0].Key != "b" {
		t.Errorf("%+v, %v; expected b alone", got, err)
	}
}

// What is left of a log that was damaged is not taken for the whole.
func TestDamagedLogIsRefused(t *testing.T) {
	path := sqlite(t)
	db := openSQLite(t, path)
	store.SetLog(db, 1<<20, 1<<20, 1<<20)
	must(t, loggedTable(t, db, "logged").Put(t.Context(), rich{Key: "a"}, rich{Key: "b"}))
	must(t, db.Exec(t.Context(), "UPDATE held_changes SET entries = substr(entries, 1, octet_length(entries) - 3)"))
	killed := leftBy(t, path)
	_, err := store.Open(t.Context(), killed, nil)
	if want := fmt.Sprintf("row %d of held_changes: s2: corrupt input", store.LastOfLog(db)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, expected %q", err, want)
	}
}
