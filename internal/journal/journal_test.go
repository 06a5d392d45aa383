package journal_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// texts are those of a node's entries after the key.
func texts(t *testing.T, j *journal.Journal, node, after string) []string {
	t.Helper()
	list, err := j.List(t.Context(), node, after, 0)
	must(t, err)
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = e.Text
	}
	return out
}

func wantTexts(t *testing.T, j *journal.Journal, node string, want ...string) {
	t.Helper()
	if got := texts(t, j, node, ""); !slices.Equal(got, want) {
		t.Errorf("%q has %q, want %q", node, got, want)
	}
}

func TestAReaderOfOneNodeReadsTheSegmentsThatHaveIt(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		now := time.Unix(1_000_000, 0)
		j := journal.New(db, func() time.Time { return now })
		node := func(n int) string { return fmt.Sprintf("x1000c%ds%db%dn0", n/1000, n/10%100, n%10) }
		for at := 0; at < 10_000; at += 250 { // 40 times 500 entries, two of each node
			var entries []journal.Entry
			for n := at; n < at+250; n++ {
				entries = append(entries, journal.Entry{Node: node(n), Text: "first"}, journal.Entry{Node: node(n), Text: "second"})
			}
			now = now.Add(time.Second)
			must(t, j.Append(t.Context(), entries...))
		}
		must(t, j.Append(t.Context(), journal.Entry{Node: node(7), Text: "alone", Time: now.Add(time.Second)}))
		for n, want := range map[int]int{7: 2, 8: 1, 9999: 1} {
			keys, err := j.Find(t.Context(), node(n), "")
			must(t, err)
			if len(keys) != want {
				t.Errorf("a reader of %s reads %d of 41 segments, want %d", node(n), len(keys), want)
			}
		}
		wantTexts(t, j, node(7), "first", "second", "alone")
		wantTexts(t, j, node(9999), "first", "second")
		list, err := j.List(t.Context(), node(7), "", 0)
		must(t, err)
		if keys, err := j.Find(t.Context(), node(7), list[2].Key); err != nil || len(keys) != 1 {
			t.Errorf("a reader who knows all but what comes now reads %d segments, %v", len(keys), err)
		}
	})
}

func TestEntriesArePagedInTheOrderOfTheirTimes(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		now := time.Unix(1_000_000, 0)
		j := journal.New(db, func() time.Time { return now })
		r := rand.New(rand.NewPCG(3, 4))
		for n := range 100 { // written in an order that is not that of their times
			e := journal.Entry{Node: "x1", Text: fmt.Sprint(n), Time: now.Add(time.Duration(r.IntN(50)) * time.Second)}
			others := []journal.Entry{{Node: "x10"}, {Node: "x1/a"}, {Node: "*"}, {Node: "x"}}[:r.IntN(5)]
			must(t, j.Append(t.Context(), append(others, e)...))
		}
		all, err := j.List(t.Context(), "x1", "", 0)
		must(t, err)
		if len(all) != 100 || !slices.IsSortedFunc(all, func(a, b journal.Entry) int { return a.Time.Compare(b.Time) }) {
			t.Fatalf("%d entries, sorted by time: %v", len(all), all)
		}
		var paged []journal.Entry
		for after := ""; ; {
			page, err := j.List(t.Context(), "x1", after, 7)
			must(t, err)
			if len(page) == 0 {
				break
			}
			paged, after = append(paged, page...), page[len(page)-1].Key
		}
		if !slices.Equal(paged, all) {
			t.Errorf("in pages %v\nat once %v", paged, all)
		}
	})
}

func TestServersThatWriteAtTheSameInstantKeepAllEntries(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		now := func() time.Time { return time.Unix(1_000_000, 0) }
		var writing sync.WaitGroup
		for range 8 {
			j := journal.New(db, now)
			writing.Go(func() {
				for range 20 {
					for _, nodes := range [][]journal.Entry{{{Node: "x1"}}, {{Node: "x1"}, {Node: "x2"}}} {
						if err := j.Append(t.Context(), nodes...); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		writing.Wait()
		if got := len(texts(t, journal.New(db, now), "x1", "")); got != 8*20*2 {
			t.Errorf("%d entries, want %d", got, 8*20*2)
		}
	})
}

func TestAnEntryThatIsWrittenAgainIsToldOnce(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		j := journal.New(db, time.Now)
		must(t, j.WriteTwice(t.Context(), journal.Entry{Node: "x1", Text: "a"}, journal.Entry{Node: "x2", Text: "b"}))
		wantTexts(t, j, "x1", "a", "a") // the third was another one, of the same text
		wantTexts(t, j, "x2", "b")
	})
}

func TestAnEntryGoesWithTheTransactionThatWroteIt(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		j := journal.New(db, time.Now)
		undone := errors.New("undone")
		err := db.InTx(t.Context(), func(ctx context.Context) error {
			must(t, j.Append(ctx, journal.Entry{Node: "x1", Text: "never was"}))
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		must(t, db.InTx(t.Context(), func(ctx context.Context) error { return j.Append(ctx, journal.Entry{Node: "x1", Text: "was"}) }))
		wantTexts(t, j, "x1", "was")
	})
}

func TestTheOldestEntriesGoByAgeAndBySize(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		now := time.Unix(1_000_000, 0)
		j := journal.New(db, func() time.Time { return now })
		for n := range 10 {
			now = now.Add(time.Hour)
			long := strings.Repeat("x", 1000)
			must(t, j.Append(t.Context(), journal.Entry{Node: "x1", Text: fmt.Sprint(n)}, journal.Entry{Node: "x2", Text: long}))
			must(t, j.Append(t.Context(), journal.Entry{Node: "x3", Text: fmt.Sprint(n)}))
		}
		prune := func(l journal.Limits, want ...string) {
			t.Helper()
			j.Limits = l
			_, err := j.Prune(t.Context())
			must(t, err)
			wantTexts(t, j, "x1", want...)
			wantTexts(t, j, "x3", want...)
		}
		prune(journal.Limits{}, "0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
		prune(journal.Limits{Age: 4 * time.Hour}, "5", "6", "7", "8", "9")
		prune(journal.Limits{Age: 4 * time.Hour, Size: 1 << 20}, "5", "6", "7", "8", "9")
		prune(journal.Limits{Size: 2500}, "8", "9")
	})
}

func TestEntriesWithRowsOfTheirOwnMoveIntoSegments(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		former := store.NewTable(db, store.Spec[journal.Entry]{Name: "journal", Kind: "Journal entry", Key: func(e *journal.Entry) string { return e.Key }})
		at := time.Unix(1_000_000, 0).UTC()
		var rows []journal.Entry
		for n := range 1500 { // more than one step of moving
			for _, node := range []string{"x1", "x2"} {
				e := journal.Entry{Node: node, Time: at.Add(time.Duration(n) * time.Second), Source: "bos", Kind: "status", Text: fmt.Sprint(n), Session: "s", Failed: n%2 == 0}
				e.Key = journal.EntryKey(node, e.Time, uint32(n))
				rows = append(rows, e)
			}
		}
		must(t, former.Put(t.Context(), rows...))
		j := journal.New(db, time.Now)
		must(t, j.Append(t.Context(), journal.Entry{Node: "x1", Text: "newer", Time: at.Add(time.Hour)}))
		before, err := j.List(t.Context(), "x1", "", 0)
		must(t, err)
		if len(before) != 1501 || before[1500].Text != "newer" {
			t.Fatalf("%d entries before the move", len(before))
		}
		must(t, j.MoveFormer(t.Context()))
		if n, err := former.Count(t.Context(), store.Query{}); err != nil || n != 0 {
			t.Errorf("%d rows left, %v", n, err)
		}
		after, err := j.List(t.Context(), "x1", "", 0)
		must(t, err)
		if !slices.Equal(after, before) {
			t.Errorf("%d entries after the move, %d before, or others", len(after), len(before))
		}
		if got := texts(t, j, "x2", before[1498].Key); !slices.Equal(got, texts(t, j, "x2", "")) {
			t.Errorf("x2 after a key of x1: %d entries", len(got))
		}
		if got := texts(t, j, "x1", before[1498].Key); !slices.Equal(got, []string{"1499", "newer"}) {
			t.Errorf("after a key that was read before the move: %q", got)
		}
	})
}

func TestARowOfANameThatIsNoTextHoldsUpNoMove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "drover.db")
	db, err := store.Open(t.Context(), path, nil)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	former, err := sql.Open("sqlite", path)
	must(t, err)
	t.Cleanup(func() { former.Close() })
	for _, node := range []string{"x1", "x1\xff", "x2"} { // SQLite takes any string
		e := journal.Entry{Node: node, Text: "kept", Time: time.Unix(1_000_000, 0)}
		e.Key = journal.EntryKey(node, e.Time, 1)
		doc, err := json.Marshal(e)
		must(t, err)
		_, err = former.ExecContext(t.Context(), "INSERT INTO journal (key, rev, doc) VALUES (?, 1, ?)", e.Key, string(doc))
		must(t, err)
	}
	j := journal.New(db, time.Now)
	must(t, j.MoveFormer(t.Context()))
	var n int
	if err := former.QueryRowContext(t.Context(), "SELECT count(*) FROM journal").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows left, want the one of the bad name; %v", n, err)
	}
	wantTexts(t, j, "x1", "kept")
	wantTexts(t, j, "x2", "kept")
}

// The names of nodes come from URLs that anybody can ask the object store for.
// PostgreSQL takes no text with a zero byte or damaged UTF-8.
func TestAnEntryThatTheDatabaseRefusesHoldsUpNoOther(t *testing.T) {
	for name, at := range map[string]func(testing.TB) string{
		"sqlite":   storetest.SQLite,
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

func TestWrittenEntriesAreCounted(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		j := journal.New(db, time.Now)
		must(t, j.Append(t.Context(), journal.Entry{Node: "a", Text: "one"}, journal.Entry{Node: "b", Text: "two"}))
		must(t, j.Append(t.Context(), journal.Entry{Node: "a", Text: "three"}))
		if w := j.Written(); w.Entries != 3 || w.Bytes < 10 || w.Bytes > 10_000 {
			t.Errorf("%+v, want 3 entries", w)
		}
	})
}

func TestEntriesFromATimeOn(t *testing.T) {
	db, err := store.Open(t.Context(), storetest.Migrated(t), nil)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	at := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	j := journal.New(db, func() time.Time { return at })
	for _, e := range []journal.Entry{{Time: at.Add(-1), Text: "before"}, {Time: at, Text: "then"}, {Time: at.Add(1), Text: "after"}} {
		e.Node = "x1000c0s0b0n0"
		must(t, j.Append(t.Context(), e))
	}
	if got := texts(t, j, "x1000c0s0b0n0", journal.Before("x1000c0s0b0n0", at)); !slices.Equal(got, []string{"then", "after"}) {
		t.Errorf("%q", got)
	}
}
