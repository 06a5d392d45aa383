package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopPostgres()
	os.Exit(code)
}

func sqlite(t *testing.T) string { return storetest.Migrated(t) }

func TestSQLite(t *testing.T) { conformance(t, sqlite, inRows) }

func TestSQLiteHeldInMemory(t *testing.T) { conformance(t, sqlite, inMemory) }

func TestSQLiteLogged(t *testing.T) { conformance(t, sqlite, inLog) }

func TestPostgres(t *testing.T) {
	conformance(t, func(t *testing.T) string { return storetest.Postgres(t) }, inRows)
}

type doc struct {
	Key   string `json:"key"`
	Color string `json:"color"`
	N     int    `json:"n"`
}

// place is where a table's documents are.
type place int

const (
	inRows   place = iota
	inMemory       // and in rows
	inLog          // in memory and in the log, later in rows
)

// fixture is an open database with a table of its own and the hints it posted.
type fixture struct {
	db    *store.DB
	docs  *store.Table[doc]
	mu    sync.Mutex
	hints map[string][]string
}

func newFixture(t *testing.T, source string, where place) *fixture {
	t.Helper()
	f := &fixture{hints: map[string][]string{}}
	db, err := store.Open(t.Context(), source, func(table string, keys []string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.hints[table] = append(f.hints[table], keys...)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	f.db = db
	f.docs = store.NewTable(db, store.Spec[doc]{Name: "conformance", Kind: "Doc", Held: where != inRows, Logged: where == inLog,
		Key:     func(d *doc) string { return d.Key },
		Indexes: []store.Index[doc]{{Column: "color", Of: func(d *doc) string { return d.Color }}}})
	return f
}

func (f *fixture) takeHints(table string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := f.hints[table]
	delete(f.hints, table)
	slices.Sort(keys)
	return keys
}

func conformance(t *testing.T, source func(*testing.T) string, where place) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *fixture)
	}{
		{"insert refuses what exists", testInsert},
		{"put replaces", testPut},
		{"lists page by key in byte order", testPaging},
		{"queries match indexes and keys", testQuery},
		{"sizes are those of the documents", testSizes},
		{"documents are counted by what they say", testCountBy},
		{"commits and the size of the database are counted", testFigures},
		{"a trial of writing succeeds", func(t *testing.T, f *fixture) {
			if err := f.db.TryWrite(t.Context()); err != nil {
				t.Error(err)
			}
		}},
		{"update merges inside the transaction", testConcurrentUpdate},
		{"update reports the missing and leaves the unchanged", testUpdate},
		{"an error rolls everything back", testRollback},
		{"an error among many undoes its own part only", testRollbackAmongMany},
		{"who gives up waiting leaves the others alone", testGiveUp},
		{"who comes shortly after shares the commit", testLinger},
		{"who lingers is committed though nobody comes", testLingerEnds},
		{"who writes alone does not linger", testAloneNobodyLingers},
		{"one of many deletes wins", testDelete},
		{"ten thousand at once", testBulk},
		{"the queue delivers in order until done", testQueue},
		{"the journal keeps order", testJournal},
		{"segments are found by what is in them, and go by age and size", testSegments},
		{"text that the database cannot have is invalid", testTextThatIsRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, source(t), where)
			createTable(t, f.db)
			c.test(t, f)
		})
	}
	t.Run("a second open finds the data", func(t *testing.T) {
		url := source(t)
		f := newFixture(t, url, where)
		createTable(t, f.db)
		must(t, f.docs.Put(t.Context(), doc{Key: "a"}))
		f.db.Close()
		g := newFixture(t, url, where)
		if _, err := g.docs.Get(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func createTable(t *testing.T, db *store.DB) {
	t.Helper()
	must(t, storetest.CreateTable(t.Context(), db, "conformance", "color"))
}

func testInsert(t *testing.T, f *fixture) {
	ctx := t.Context()
	must(t, f.docs.Insert(ctx, doc{Key: "a", N: 1}))
	if got := f.takeHints("conformance"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("hints %v, want a", got)
	}
	if err := f.docs.Insert(ctx, doc{Key: "b"}, doc{Key: "a", N: 2}); !fault.Is(err, fault.Conflict) {
		t.Errorf("second insert of a: %v, want a conflict", err)
	}
	if _, err := f.docs.Get(ctx, "b"); !fault.Is(err, fault.NotFound) {
		t.Errorf("b was written beside a refused document: %v", err)
	}
	if got := f.takeHints("conformance"); len(got) > 0 {
		t.Errorf("hints %v of a refused insert", got)
	}
	// Of many at once exactly one succeeds.
	wins := parallel(16, func(i int) error { return f.docs.Insert(context.Background(), doc{Key: "race", N: i}) })
	if wins != 1 {
		t.Errorf("%d of 16 concurrent inserts succeeded, want 1", wins)
	}
}

func testPut(t *testing.T, f *fixture) {
	ctx := t.Context()
	must(t, f.docs.Put(ctx, doc{Key: "a", N: 1}, doc{Key: "b", N: 1}))
	must(t, f.docs.Put(ctx, doc{Key: "a", N: 2}, doc{Key: "a", N: 3}))
	got, err := f.docs.List(ctx, store.Query{})
	must(t, err)
	if diff := cmp.Diff([]doc{{Key: "a", N: 3}, {Key: "b", N: 1}}, got); diff != "" {
		t.Error(diff)
	}
}

func testPaging(t *testing.T, f *fixture) {
	ctx := t.Context()
	keys := []string{"A", "Z", "_", "a", "a-b", "a.b", "aB", "ab", "x10", "x9", "é"} // byte order
	for _, k := range keys {
		must(t, f.docs.Put(ctx, doc{Key: k}))
	}
	var seen []string
	for after := ""; ; {
		page, err := f.docs.List(ctx, store.Query{After: after, Limit: 2})
		must(t, err)
		for _, d := range page {
			seen = append(seen, d.Key)
		}
		if len(page) < 2 {
			break
		}
		after = page[1].Key
	}
	if !slices.Equal(seen, keys) {
		t.Errorf("pages gave %v, want %v", seen, keys)
	}
}

func testQuery(t *testing.T, f *fixture) {
	ctx := t.Context()
	must(t, f.docs.Put(ctx, doc{"a", "red", 0}, doc{"ab", "blue", 0}, doc{"b", "red", 0}, doc{"c", "", 0}))
	for _, c := range []struct {
		q    store.Query
		want []string
	}{
		{store.Query{Where: []store.Match{store.Is("color", "red")}}, []string{"a", "b"}},
		{store.Query{Where: []store.Match{{Column: "color", In: []string{"blue", ""}}}}, []string{"ab", "c"}},
		{store.Query{Keys: []string{"c", "a", "nope", "a"}}, []string{"a", "c"}},
		{store.Query{Keys: []string{}}, nil},
		{store.Query{Prefix: "a"}, []string{"a", "ab"}},
		{store.Query{Keys: []string{"a", "ab"}, Where: []store.Match{store.Is("color", "blue")}}, []string{"ab"}},
		{store.Query{After: "ab", Where: []store.Match{store.Is("color", "red")}, Limit: 5}, []string{"b"}},
		{store.Query{Where: []store.Match{{Column: "color"}}}, nil},
	} {
		docs, err := f.docs.List(ctx, c.q)
		must(t, err)
		var got []string
		for _, d := range docs {
			got = append(got, d.Key)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v gave %v, want %v", c.q, got, c.want)
		}
	}
	if n, err := f.docs.Count(ctx, store.Query{Where: []store.Match{store.Is("color", "red")}}); err != nil || n != 2 {
		t.Errorf("Count = %d, %v; want 2", n, err)
	}
}

func testConcurrentUpdate(t *testing.T, f *fixture) {
	must(t, f.docs.Put(t.Context(), doc{Key: "a"}, doc{Key: "b"}))
	const writers = 40
	done := parallel(writers, func(i int) error {
		keys := []string{"a", "b"}
		if i%2 == 1 {
			slices.Reverse(keys)
		}
		_, _, err := f.docs.Update(context.Background(), keys, func(d *doc) error { d.N++; return nil })
		return err
	})
	got, err := f.docs.List(t.Context(), store.Query{})
	must(t, err)
	if done != writers || got[0].N != writers || got[1].N != writers {
		t.Errorf("%d updates succeeded, counters %d and %d; want %d each", done, got[0].N, got[1].N, writers)
	}
}

func testUpdate(t *testing.T, f *fixture) {
	ctx := t.Context()
	must(t, f.docs.Put(ctx, doc{Key: "a"}, doc{Key: "b"}))
	f.takeHints("conformance")
	after, missing, err := f.docs.Update(ctx, []string{"z", "b", "a", "a", "y"}, func(d *doc) error {
		if d.Key == "b" {
			return store.ErrUnchanged
		}
		d.N++
		return nil
	})
	must(t, err)
	if diff := cmp.Diff([]doc{{Key: "a", N: 1}, {Key: "b"}}, after); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(missing, []string{"y", "z"}) {
		t.Errorf("missing %v, want y and z", missing)
	}
	if got := f.takeHints("conformance"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("hints %v, want only a, which changed", got)
	}
	if _, err := f.docs.UpdateOne(ctx, "z", func(*doc) error { return nil }); !fault.Is(err, fault.NotFound) {
		t.Errorf("UpdateOne of a missing document: %v", err)
	}
}

func testDelete(t *testing.T, f *fixture) {
	must(t, f.docs.Put(t.Context(), doc{Key: "a"}, doc{Key: "b"}))
	if gone, err := f.docs.Delete(t.Context()); err != nil || len(gone) > 0 {
		t.Errorf("delete of no keys removed %v, %v", gone, err)
	}
	if after, _, err := f.docs.Update(t.Context(), nil, func(*doc) error { return nil }); err != nil || len(after) > 0 {
		t.Errorf("update of no keys touched %v, %v", after, err)
	}
	wins := parallel(8, func(int) error {
		gone, err := f.docs.Delete(context.Background(), "a", "nope")
		if err == nil && len(gone) == 0 {
			err = errors.New("came late")
		}
		return err
	})
	if n, _ := f.docs.Count(t.Context(), store.Query{}); wins != 1 || n != 1 {
		t.Errorf("%d deletes won and %d documents stayed; want 1 and 1", wins, n)
	}
}

func testBulk(t *testing.T, f *fixture) {
	ctx := t.Context()
	docs := make([]doc, 10_000)
	keys := make([]string, len(docs))
	for i := range docs {
		docs[i] = doc{Key: fmt.Sprintf("k%05d", i), Color: "red"}
		keys[i] = docs[i].Key
	}
	must(t, f.db.InTx(ctx, func(ctx context.Context) error {
		must(t, f.docs.Insert(ctx, docs[:5000]...))
		return f.docs.Put(ctx, docs...) // twice in one transaction, half of them there already
	}))
	if got := f.takeHints("conformance"); len(got) != len(docs) {
		t.Errorf("%d hints, want %d", len(got), len(docs))
	}
	after, missing, err := f.docs.Update(ctx, keys, func(d *doc) error { d.Color = "blue"; return nil })
	must(t, err)
	n, err := f.docs.Count(ctx, store.Query{Where: []store.Match{store.Is("color", "blue")}})
	must(t, err)
	if len(after) != len(docs) || len(missing) != 0 || n != len(docs) {
		t.Errorf("updated %d, missing %d, blue %d", len(after), len(missing), n)
	}
}

func testQueue(t *testing.T, f *fixture) {
	ctx := t.Context()
	now := time.Unix(1000, 0)
	q := store.NewQueue(f.db, "topic", func() time.Time { return now })
	other := store.NewQueue(f.db, "other", func() time.Time { return now })
	must(t, other.Put(ctx, []byte("not mine")))
	for _, p := range []string{"1", "2", "3"} {
		must(t, q.Put(ctx, []byte(p)))
	}
	if _, hinted := f.hints[q.Table()]; !hinted {
		t.Error("Put posted no hint")
	}
	due, err := q.Due(ctx, 10)
	must(t, err)
	must(t, q.Retry(ctx, due[0].ID, time.Minute))
	must(t, q.Done(ctx, due[1].ID))
	payloads := func() (out []string) {
		due, err = q.Due(ctx, 10)
		must(t, err)
		for _, m := range due {
			out = append(out, fmt.Sprint(string(m.Payload), ":", m.Attempts))
		}
		return out
	}
	if got := payloads(); !slices.Equal(got, []string{"3:0"}) {
		t.Errorf("due now %v, want 3", got)
	}
	now = now.Add(time.Minute)
	if got := payloads(); !slices.Equal(got, []string{"1:1", "3:0"}) {
		t.Errorf("due a minute later %v, want 1 again, before 3", got)
	}
}

func testJournal(t *testing.T, f *fixture) {
	ctx := t.Context()
	now := time.Unix(1000, 0)
	j := journal.New(f.db, func() time.Time { return now })
	must(t, j.Append(ctx, journal.Entry{Node: "x1", Text: "first"}, journal.Entry{Node: "x10", Text: "of another node"}))
	must(t, j.Append(ctx, journal.Entry{Node: "x1", Text: "second"}))
	running, stop := context.WithCancel(ctx)
	j.Note(journal.Entry{Node: "x1", Text: "third", Time: now.Add(time.Second)})
	stop()
	j.Run(running) // writes what waits, then returns
	list, err := j.List(ctx, "x1", "", 0)
	must(t, err)
	var texts []string
	for _, e := range list {
		texts = append(texts, e.Text)
	}
	if !slices.Equal(texts, []string{"first", "second", "third"}) {
		t.Errorf("entries %v", texts)
	}
	rest, err := j.List(ctx, "x1", list[0].Key, 1)
	must(t, err)
	if len(rest) != 1 || rest[0].Text != "second" {
		t.Errorf("after the first: %v", rest)
	}
	j.Limits.Age = time.Second
	now = now.Add(2 * time.Second)
	_, err = j.Prune(ctx)
	must(t, err)
	if list, _ = j.List(ctx, "x1", "", 0); len(list) != 1 || list[0].Text != "third" {
		t.Errorf("after pruning: %v", list)
	}
}

// parallel calls do n times at once and counts the successes.
func parallel(n int, do func(i int) error) int {
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	ok := 0
	for _, err := range errs {
		if err == nil {
			ok++
		}
	}
	return ok
}

func TestPostgresHeldInMemory(t *testing.T) {
	conformance(t, func(t *testing.T) string { return storetest.Postgres(t) }, inMemory)
}

func TestPostgresLogged(t *testing.T) {
	conformance(t, func(t *testing.T) string { return storetest.Postgres(t) }, inLog)
}
