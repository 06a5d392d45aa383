package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func TestStatsCountRowsWrittenAndDecoded(t *testing.T) {
	for where, want := range map[place]store.Stats{
		inRows:   {Written: 4, Decoded: 4}, // a delete reads what it returns
		inMemory: {Written: 4, Decoded: 0},
		inLog:    {Written: 2, Decoded: 0}, // a row for each of two commits
	} {
		f := newFixture(t, sqlite(t), where)
		store.SetLog(f.db, 1<<20, 1<<20, 1<<20)
		if err := storetest.CreateTable(t.Context(), f.db, "conformance", "color"); err != nil {
			t.Fatal(err)
		}
		if err := f.docs.Put(t.Context(), doc{Key: "z"}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.docs.Delete(t.Context(), "z"); err != nil { // what is held is read at its first use
			t.Fatal(err)
		}
		before := f.db.Stats()
		if err := f.docs.Put(t.Context(), doc{Key: "a"}, doc{Key: "b"}, doc{Key: "c"}); err != nil {
			t.Fatal(err)
		}
		if all, err := f.docs.List(t.Context(), store.Query{}); err != nil || len(all) != 3 {
			t.Fatalf("%v, %v", all, err)
		}
		if gone, err := f.docs.Delete(t.Context(), "a", "none"); err != nil || len(gone) != 1 {
			t.Fatalf("%v, %v", gone, err)
		}
		after := f.db.Stats()
		if got := (store.Stats{Written: after.Written - before.Written, Decoded: after.Decoded - before.Decoded}); got != want {
			t.Errorf("%d: %+v, expected %+v", where, got, want)
		}
	}
}

func testSizes(t *testing.T, f *fixture) {
	short, long := doc{Key: "a"}, doc{Key: "b", Color: strings.Repeat("ä", 1000)}
	if err := f.docs.Put(t.Context(), short, long); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{}
	for _, d := range []doc{short, long} {
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		want[d.Key] = int64(len(text))
	}
	if got, err := f.docs.Sizes(t.Context()); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func testCountBy(t *testing.T, f *fixture) {
	must(t, f.docs.Put(t.Context(), doc{Key: "a", Color: "red"}, doc{Key: "b", Color: "red"}, doc{Key: "c", Color: "blue"}))
	color := func(d *doc) string { return d.Color }
	for _, c := range []struct {
		of   store.Query
		want map[string]int
	}{
		{store.Query{}, map[string]int{"red": 2, "blue": 1}},
		{store.Query{Where: []store.Match{store.Is("color", "red")}}, map[string]int{"red": 2}},
		{store.Query{Prefix: "z"}, map[string]int{}},
	} {
		if got, err := f.docs.CountBy(t.Context(), c.of, color); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%+v: %v, %v, want %v", c.of, got, err, c.want)
		}
	}
}

func testFigures(t *testing.T, f *fixture) {
	before := f.db.Stats()
	_, commits, _ := f.db.Commits().Read()
	must(t, f.docs.Put(t.Context(), doc{Key: "a"}))
	away := errors.New("away")
	f.db.Guard(func(context.Context) error { return away })
	if err := f.docs.Put(t.Context(), doc{Key: "b"}); !errors.Is(err, away) {
		t.Fatal(err)
	}
	f.db.Guard(func(context.Context) error { return nil })
	after := f.db.Stats()
	if after.Parts-before.Parts != 1 || after.Failed-before.Failed != 1 {
		t.Errorf("%d transactions and %d that failed, want one of each", after.Parts-before.Parts, after.Failed-before.Failed)
	}
	if _, n, took := f.db.Commits().Read(); n-commits != 1 || took <= 0 {
		t.Errorf("%d commits, which took %v, want one", n-commits, took)
	}
	if size, err := f.db.Size(t.Context()); err != nil || size < 4096 {
		t.Errorf("size %d, %v", size, err)
	}
}
