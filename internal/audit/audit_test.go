package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func TestMain(m *testing.M) { code := m.Run(); storetest.StopPostgres(); os.Exit(code) }

var (
	begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ada   = &auth.Identity{Name: "ada", Role: auth.Administrator, Subject: "t1"}
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fill writes n records, a second apart.
func fill(t *testing.T, l *audit.Log, n int) {
	t.Helper()
	for i := range n {
		must(t, l.Append(t.Context(), audit.Record{Time: begin.Add(time.Duration(i) * time.Second), Path: fmt.Sprintf("/%d", i), Outcome: audit.Done}))
	}
}

func verified(t *testing.T, l *audit.Log, noted *audit.Head) audit.Report {
	t.Helper()
	r, err := l.Verify(t.Context(), noted)
	must(t, err)
	return r
}

func wantWhole(t *testing.T, l *audit.Log, records int64) audit.Report {
	t.Helper()
	r := verified(t, l, nil)
	if !r.Whole || r.Records != records {
		t.Errorf("%d records, %q; want %d and whole", r.Records, r.Broken, records)
	}
	return r
}

func clock() time.Time { return begin.Add(time.Hour) }

// newest returns the newest records that f selects, once there are n.
func newest(t *testing.T, l *audit.Log, f audit.Filter) []audit.Record {
	t.Helper()
	list, err := l.List(t.Context(), f)
	must(t, err)
	return list
}

// What somebody does to the table behind the server's back shows, and where.
func TestVerifyFindsWhatWasDoneToTheChain(t *testing.T) {
	for name, c := range map[string]struct{ statement, want string }{
		"changed":          {`UPDATE audit_records SET doc = REPLACE(doc, '"path":"/4"', '"path":"/9"') WHERE key = '0000000000000005'`, "record 5 was changed"},
		"changed to noise": {`UPDATE audit_records SET doc = 'x' WHERE key = '0000000000000005'`, "record 5 was changed"},
		"found elsewhere":  {`UPDATE audit_records SET time = 1 WHERE key = '0000000000000005'`, "record 5 was changed: what it is found by"},
		"removed":          {`DELETE FROM audit_records WHERE key = '0000000000000005'`, "record 5 is missing"},
		"first removed":    {`DELETE FROM audit_records WHERE key = '0000000000000001'`, "record 1 is missing"},
		"last removed":     {`DELETE FROM audit_records WHERE key = '0000000000000010'`, "record 10 is missing: this server has written up to 10"},
		"reordered": {`UPDATE audit_records SET key = 'x' WHERE key = '0000000000000005';
			UPDATE audit_records SET key = '0000000000000005' WHERE key = '0000000000000006';
			UPDATE audit_records SET key = '0000000000000006' WHERE key = 'x'`, "record 5 is not where it was written: it says that it is 6"},
		"front removed as if pruned": {`DELETE FROM audit_records WHERE key <= '0000000000000005';
			INSERT INTO audit_anchors (key, rev, doc) SELECT 'audit', 1, '{"name":"audit","number":5,"hash":"HASH5","total":TOTAL5}'`, "records up to 5 were removed, and not by the server"},
	} {
		t.Run(name, func(t *testing.T) {
			db, l := open(t)
			fill(t, l, 10)
			fifth, total := audit.PlaceOf(t, l, 5)
			wantWhole(t, l, 10)
			text := strings.NewReplacer("HASH5", fifth.Hash.String(), "TOTAL5", fmt.Sprint(total)).Replace(c.statement)
			for statement := range strings.SplitSeq(text, ";\n") {
				must(t, db.Exec(t.Context(), statement))
			}
			if r := verified(t, l, nil); r.Whole || !strings.Contains(r.Broken, c.want) {
				t.Errorf("got %q, want %q", r.Broken, c.want)
			}
		})
	}
}

// Who can write the table can make a chain of its own; not one that has a head that
// somebody noted.
func TestVerifyProvesThatNothingWasRewrittenSinceAHead(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		l := audit.New(db, clock)
		fill(t, l, 5)
		noted := verified(t, l, nil).Head
		fill(t, l, 5)
		if r := verified(t, l, &noted); !r.Whole {
			t.Errorf("a true chain: %s", r.Broken)
		}
		must(t, db.Exec(t.Context(), "DELETE FROM audit_records"))
		other := audit.New(db, func() time.Time { return clock().Add(time.Second) })
		must(t, other.Append(t.Context(), audit.Record{Path: "/another", Outcome: audit.Done}))
		fill(t, other, 9)
		wantWhole(t, other, 10)
		if r := verified(t, other, &noted); r.Whole || r.At != 5 || !strings.Contains(r.Broken, "record 5, or one before it, was rewritten") {
			t.Errorf("a chain that was made anew: %+v", r)
		}
		beyond := audit.Head{Number: 11}
		if r := verified(t, other, &beyond); r.Whole || !strings.Contains(r.Broken, "record 11 is missing") {
			t.Errorf("a head that is not there: %+v", r)
		}
	})
}

func TestPruneKeepsTheChainTrue(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		l := audit.New(db, clock)
		fill(t, l, 10)
		early, late := audit.PlaceAt(t, l, 3), audit.PlaceAt(t, l, 6)
		l.Limits.Age = time.Hour - 4*time.Second // the first four
		if n, err := l.Prune(t.Context()); err != nil || n != 4 {
			t.Fatalf("removed %d, %v", n, err)
		}
		r := wantWhole(t, l, 7) // with the record of that
		if r.First != 5 {
			t.Errorf("first %d, want 5", r.First)
		}
		if n, err := l.Prune(t.Context()); err != nil || n != 0 {
			t.Errorf("again: removed %d, %v", n, err)
		}
		if r := verified(t, l, &late); !r.Whole {
			t.Errorf("a head that is kept: %s", r.Broken)
		}
		if r := verified(t, l, &early); r.Whole || !strings.Contains(r.Broken, "is not kept any more") {
			t.Errorf("a head that is not: %+v", r)
		}
		list := newest(t, l, audit.Filter{Limit: 1})
		if list[0].Pruned == nil || list[0].Count != 4 || list[0].Pruned.Number != 4 {
			t.Errorf("record of it: %+v", list[0])
		}
		l.Limits = audit.Limits{Size: 400}
		if n, err := l.Prune(t.Context()); err != nil || n < 3 {
			t.Errorf("by size: removed %d, %v", n, err)
		}
		r = verified(t, l, nil)
		if !r.Whole {
			t.Errorf("by size: %s", r.Broken)
		}
		next := audit.New(db, func() time.Time { return clock().Add(time.Hour) }) // of a server that starts later
		next.Limits.Age = time.Second
		must(t, errOf(next.Prune(t.Context())))
		wantWhole(t, next, 1)
	})
}

func errOf[T any](_ T, err error) error { return err }

func TestManyWritersMakeOneChain(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		l := audit.New(db, clock)
		other := audit.New(db, clock) // as of a server that leads next
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for i := range 20 {
					if err := []*audit.Log{l, other}[i%2].Append(t.Context(), audit.Record{Path: "/", Outcome: audit.Done}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		wantWhole(t, l, 400)
	})
}

// A server that no longer leads adds nothing: its commit is refused, and the chain
// of the next one goes on from what was there.
func TestALostLeaderAddsNothing(t *testing.T) {
	url := storetest.Postgres(t)
	open := func(may error) *audit.Log {
		db, err := store.Open(t.Context(), url, nil)
		must(t, err)
		db.Guard(func(context.Context) error { return may })
		t.Cleanup(func() { db.Close() })
		return audit.New(db, clock)
	}
	first := open(nil)
	fill(t, first, 3)
	if err := open(errors.New("another leads")).Append(t.Context(), audit.Record{Path: "/late", Outcome: audit.Done}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a lost leader: %v", err)
	}
	next := open(nil)
	fill(t, next, 2)
	wantWhole(t, next, 5)
	if list := newest(t, next, audit.Filter{}); list[1].Path != "/0" || list[2].Path != "/2" {
		t.Errorf("records %v", list)
	}
}

func TestListFiltersAndPages(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		l := audit.New(db, clock)
		for i := range 1200 { // more than is read at once
			r := audit.Record{Time: begin.Add(time.Duration(i) * time.Second), Path: "/", Outcome: audit.Done, Who: audit.Who{Name: "otto", ID: "t2"}}
			switch {
			case i%100 == 0:
				r.Who, r.Outcome = audit.Who{Name: "Ada", ID: "t1"}, audit.Denied
			case i%100 == 1:
				r.Nodes, r.Session = "x1000c0s[0-3]b0n[0-1]", "s1,s2"
			}
			must(t, l.Append(t.Context(), r))
		}
		for name, c := range map[string]struct {
			filter audit.Filter
			want   int
		}{
			"all":              {audit.Filter{}, 1200},
			"some":             {audit.Filter{Limit: 7}, 7},
			"by name":          {audit.Filter{Who: "ada"}, 12},
			"by id":            {audit.Filter{Who: "t1"}, 12},
			"by outcome":       {audit.Filter{Outcomes: []audit.Outcome{audit.Denied, audit.Failed}}, 12},
			"by node":          {audit.Filter{Node: "X1000C0S2B0N1"}, 12},
			"by what is above": {audit.Filter{Node: "x1000c0"}, 12},
			"by another node":  {audit.Filter{Node: "x1000c0s4b0n0"}, 0},
			"by time":          {audit.Filter{Since: begin.Add(100 * time.Second), Until: begin.Add(300 * time.Second)}, 200},
			"by session":       {audit.Filter{Session: "s2"}, 12},
			"by all":           {audit.Filter{Since: begin.Add(100 * time.Second), Who: "ada", Outcomes: []audit.Outcome{audit.Denied}}, 11},
		} {
			if got := newest(t, l, c.filter); len(got) != c.want {
				t.Errorf("%s: %d records, want %d", name, len(got), c.want)
			}
		}
		var before int64
		for page := 0; ; page++ {
			list := newest(t, l, audit.Filter{Who: "ada", Before: before, Limit: 5})
			if len(list) == 0 {
				if page != 3 {
					t.Errorf("%d pages, want 3", page)
				}
				return
			}
			before = list[len(list)-1].Number
		}
	})
}

func TestWrittenRecordsAreCounted(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		l := audit.New(db, clock)
		fill(t, l, 3)
		must(t, l.Append(t.Context(), audit.Record{Path: "/x", Outcome: audit.Failed}))
		db.Guard(func(context.Context) error { return errors.New("away") })
		if err := l.Append(t.Context(), audit.Record{Path: "/y", Outcome: audit.Done}); err == nil || !l.Owing() {
			t.Errorf("%v, owing %t", err, l.Owing())
		}
		if done, failed := l.Written(audit.Done), l.Written(audit.Failed); done != 3 || failed != 1 {
			t.Errorf("%d done and %d failed, want 3 and 1", done, failed)
		}
	})
}
