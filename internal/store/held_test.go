package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// rich is a document with whatever can be shared by mistake.
type rich struct {
	Key    string            `json:"key"`
	Color  string            `json:"color,omitempty"`
	Size   string            `json:"size,omitempty"`
	List   []string          `json:"list,omitempty"`
	Map    map[string][]int  `json:"map,omitempty"`
	Number *int              `json:"number,omitempty"`
	Any    any               `json:"any,omitempty"`
	Nested []nested          `json:"nested,omitempty"`
	Times  [2]time.Time      `json:"times,omitzero"`
	Plain  map[string]string `json:"plain,omitempty"`
}

type nested struct {
	Names []string `json:"names,omitempty"`
	Next  *nested  `json:"next,omitempty"`
}

func richTable(t testing.TB, db *store.DB, name string, held bool) *store.Table[rich] {
	t.Helper()
	if err := storetest.CreateTable(context.Background(), db, name, "color", "size"); err != nil {
		t.Fatal(err)
	}
	return store.NewTable(db, richSpec(name, held))
}

func loggedTable(t testing.TB, db *store.DB, name string) *store.Table[rich] {
	t.Helper()
	richTable(t, db, name, false)
	return reopened(db, name)
}

// reopened is the logged table that an earlier loggedTable has made.
func reopened(db *store.DB, name string) *store.Table[rich] {
	spec := richSpec(name, true)
	spec.Logged = true
	return store.NewTable(db, spec)
}

func richSpec(name string, held bool) store.Spec[rich] {
	return store.Spec[rich]{Name: name, Kind: "Rich", Held: held, Key: func(r *rich) string { return r.Key },
		Shared: func(r *rich) []*string { return []*string{&r.Color} },
		Indexes: []store.Index[rich]{{Column: "color", Of: func(r *rich) string { return r.Color }},
			{Column: "size", Of: func(r *rich) string { return r.Size }}}}
}

func openSQLite(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// leftBy is a copy of what a process that is killed now leaves of its database.
func leftBy(t testing.TB, path string) string {
	t.Helper()
	for _, part := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + part)
		must(t, err)
		must(t, os.WriteFile(path+".killed"+part, text, 0o600))
	}
	return path + ".killed"
}

func TestNobodyChangesAHeldDocumentButByWritingIt(t *testing.T) {
	table := richTable(t, openSQLite(t, filepath.Join(t.TempDir(), "db")), "riches", true)
	ctx, one := t.Context(), 1
	fresh := func() rich {
		number := one
		return rich{Key: "a", List: []string{"x"}, Map: map[string][]int{"m": {1}}, Number: &number, Any: map[string]any{"k": []any{"v"}},
			Nested: []nested{{Names: []string{"n"}, Next: &nested{Names: []string{"deep"}}}}, Plain: map[string]string{"p": "q"}}
	}
	spoil := func(r *rich) {
		r.List[0], r.Map["m"][0], *r.Number, r.Plain["p"] = "spoilt", 9, 9, "spoilt"
		r.Any.(map[string]any)["k"].([]any)[0] = "spoilt"
		r.Nested[0].Names[0], r.Nested[0].Next.Names[0] = "spoilt", "spoilt"
	}
	same := func(when string) {
		t.Helper()
		got, err := table.Get(ctx, "a")
		must(t, err)
		if diff := cmp.Diff(fresh(), got); diff != "" {
			t.Fatalf("%s: %s", when, diff)
		}
	}
	given := fresh()
	must(t, table.Insert(ctx, given))
	spoil(&given)
	same("after the caller changed what it had given")
	got, err := table.Get(ctx, "a")
	must(t, err)
	spoil(&got)
	same("after a reader changed what it got")
	after, _, err := table.Update(ctx, []string{"a"}, func(r *rich) error { r.Color = ""; return nil })
	must(t, err)
	spoil(&after[0])
	same("after a writer changed what Update returned")
	boom := errors.New("boom")
	if _, _, err := table.Update(ctx, []string{"a"}, func(r *rich) error { spoil(r); return boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	same("after an update that failed")
	_, _, err = table.Update(ctx, []string{"a"}, func(r *rich) error { spoil(r); return store.ErrUnchanged })
	must(t, err)
	same("after an update that changed nothing")
}

// Tables that are held, held and logged, and neither, get the same random transactions,
// and say the same of them while they run, afterwards, and after the end of the process, whether
// it was killed or not, and whatever part of the log was settled before.
func TestHeldTableAnswersAsTheDatabaseDoes(t *testing.T) {
	dir, n := t.TempDir(), 0
	empty, err := os.ReadFile(storetest.Migrated(t))
	must(t, err)
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		must(t, os.WriteFile(path, empty, 0o600))
		db := openSQLite(t, path)
		store.SetLog(db, rapid.SampledFrom([]int{1, 100}).Draw(rt, "row"), rapid.SampledFrom([]int{0, 1000, 1 << 20}).Draw(rt, "long log"), rapid.SampledFrom([]int{1, 200, 1 << 20}).Draw(rt, "bulk"))
		tables := [3]*store.Table[rich]{richTable(t, db, "held", true), loggedTable(t, db, "logged"), richTable(t, db, "plain", false)}
		keys := rapid.StringMatching(`[a-c]/?[a-c]`)
		queries := rapid.Custom(func(rt *rapid.T) (q store.Query) {
			if rapid.Bool().Draw(rt, "by keys") {
				q.Keys = rapid.SliceOf(keys).Draw(rt, "keys")
			}
			q.Prefix = rapid.SampledFrom([]string{"", "", "a", "b/"}).Draw(rt, "prefix")
			q.After = rapid.SampledFrom([]string{"", "", "a/b", "bc"}).Draw(rt, "after")
			q.Limit = rapid.IntRange(0, 3).Draw(rt, "limit")
			for _, column := range []string{"color", "size"} {
				if rapid.Bool().Draw(rt, column) {
					q.Where = append(q.Where, store.Match{Column: column, In: rapid.SliceOfN(rapid.SampledFrom([]string{"", "x", "y"}), 1, 3).Draw(rt, "values")})
				}
			}
			return q
		})
		look := func(ctx context.Context, tables [3]*store.Table[rich]) {
			q := queries.Draw(rt, "query")
			b, errB := tables[2].List(ctx, q)
			countB, _ := tables[2].Count(ctx, q)
			for _, held := range tables[:2] {
				a, errA := held.List(ctx, q)
				if diff := cmp.Diff(b, a); diff != "" || errA != nil || errB != nil {
					rt.Fatalf("%s: %+v: %v, %v, %s", held.Name(), q, errA, errB, diff)
				}
				if countA, _ := held.Count(ctx, q); countA != countB {
					rt.Fatalf("%s: %+v: count %d, %d", held.Name(), q, countA, countB)
				}
			}
		}
		step := func(ctx context.Context) {
			d := rich{Key: keys.Draw(rt, "key"), Color: rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "color"),
				Size: rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "size")}
			what := rapid.SampledFrom([]string{"put", "insert", "update", "delete", "look"}).Draw(rt, "step")
			var said [3]string
			for i, table := range tables {
				switch what {
				case "put":
					said[i] = fmt.Sprint(table.Put(ctx, d))
				case "insert":
					said[i] = fmt.Sprint(table.Insert(ctx, d) != nil)
				case "update":
					after, missing, err := table.Update(ctx, []string{d.Key, "a/a", d.Key}, func(r *rich) error { r.Color = d.Color; return nil })
					said[i] = fmt.Sprint(after, missing, err)
				case "delete":
					gone, err := table.Delete(ctx, d.Key, "c/c")
					said[i] = fmt.Sprint(gone, err)
				}
			}
			if said[0] != said[2] || said[1] != said[2] {
				rt.Fatalf("%s: %s", what, said)
			}
			look(ctx, tables)
		}
		for range rapid.IntRange(1, 6).Draw(rt, "transactions") {
			fails := rapid.Bool().Draw(rt, "fails")
			err := db.InTx(t.Context(), func(ctx context.Context) error {
				for range rapid.IntRange(1, 4).Draw(rt, "steps") {
					step(ctx)
				}
				if fails {
					return errors.New("boom")
				}
				return nil
			})
			if (err != nil) != fails {
				rt.Fatal(err)
			}
			look(t.Context(), tables)
			for range rapid.IntRange(0, 4).Draw(rt, "settles") {
				settle := store.Settle
				if rapid.Bool().Draw(rt, "unnoticed") {
					settle = store.SettleUnnoticed
				}
				if _, err := settle(db); err != nil {
					rt.Fatal(err)
				}
			}
		}
		killed := leftBy(t, path)
		must(t, db.Close())
		for _, left := range []string{path, killed} {
			again := openSQLite(t, left)
			for _, name := range []string{"held", "logged"} { // held, and as the rows of the table have it
				look(t.Context(), [3]*store.Table[rich]{store.NewTable(again, richSpec(name, true)), store.NewTable(again, richSpec(name, false)), store.NewTable(again, richSpec("plain", false))})
			}
			must(t, again.Close())
		}
	})
}

// Readers outside the transaction see nothing before the commit, and all that
// was acknowledged.
func TestWritersOfAHeldTableAreSeenOnceTheyAreCommitted(t *testing.T) {
	db := openSQLite(t, filepath.Join(t.TempDir(), "db"))
	table := richTable(t, db, "riches", true)
	must(t, db.InTx(t.Context(), func(ctx context.Context) error {
		must(t, table.Put(ctx, rich{Key: "a", Color: "x"}))
		if got, err := table.List(t.Context(), store.Query{Where: []store.Match{store.Is("color", "x")}}); err != nil || len(got) > 0 {
			t.Errorf("a reader sees %v, %v before the commit", got, err)
		}
		return nil
	}))
	parallel(200, func(i int) error {
		key := fmt.Sprintf("k%03d", i%20)
		if err := table.Put(t.Context(), rich{Key: key, Size: fmt.Sprint(i)}); err != nil {
			t.Error(err)
		}
		// The disk has what was acknowledged: a reader of its own sees at least this or a later one.
		plain := store.NewTable(db, richSpec("riches", false))
		if got, err := plain.Get(t.Context(), key); err != nil || got.Size == "" {
			t.Errorf("not on disk: %+v, %v", got, err)
		}
		return nil
	})
	held, err := table.List(t.Context(), store.Query{})
	must(t, err)
	plain, err := store.NewTable(db, richSpec("riches", false)).List(t.Context(), store.Query{})
	must(t, err)
	if diff := cmp.Diff(plain, held); diff != "" || !slices.IsSortedFunc(held, func(a, b rich) int { return strings.Compare(a.Key, b.Key) }) {
		t.Error(diff)
	}
}

// Of a transaction on several tables, held and not, readers see nothing or all.
func TestReadersSeeWholeCommits(t *testing.T) {
	db := openSQLite(t, filepath.Join(t.TempDir(), "db"))
	tables := []*store.Table[rich]{richTable(t, db, "plain", false), richTable(t, db, "held", true), richTable(t, db, "held2", true)}
	write := func(n int) {
		must(t, db.InTx(context.Background(), func(ctx context.Context) error {
			for _, table := range tables {
				must(t, table.Put(ctx, rich{Key: "a", Number: &n}))
			}
			return nil
		}))
	}
	write(0)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for _, order := range [][2]int{{0, 1}, {1, 0}, {1, 2}, {2, 1}} {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				first, err := tables[order[0]].Get(context.Background(), "a")
				must(t, err)
				second, err := tables[order[1]].Get(context.Background(), "a")
				must(t, err)
				if *second.Number < *first.Number {
					t.Errorf("tables %v: %d, then %d", order, *first.Number, *second.Number)
					return
				}
			}
		})
	}
	for n := range 500 {
		write(n)
	}
	close(done)
	wg.Wait()
}
