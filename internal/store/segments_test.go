package store_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/drover-hpc/drover/internal/store"
)

// More than one statement reads or deletes at once.
const manySegments = 1300

func testSegments(t *testing.T, f *fixture) {
	ctx := t.Context()
	must(t, f.db.Exec(ctx, `CREATE TABLE many (key __KEY__ PRIMARY KEY, newest BIGINT NOT NULL, size BIGINT NOT NULL, idx __BLOB__ NOT NULL, data __BLOB__ NOT NULL)`))
	s := store.NewSegments(f.db, "many")
	all := make([]store.Segment, manySegments)
	for n := range all {
		all[n] = store.Segment{Key: fmt.Sprintf("k/%04d", n), Newest: int64(n), Index: store.NameIndex([]string{fmt.Sprint(n), fmt.Sprint("tens", n/10)}), Data: []byte{0, 0xff, byte(n)}}
	}
	must(t, s.Append(ctx, all...))
	if _, hinted := f.hints["many"]; !hinted {
		t.Error("no hint")
	}
	if err := s.Append(ctx, all[7]); err == nil {
		t.Error("a segment was written over")
	}
	find := func(from, to, name string) []string {
		t.Helper()
		keys, err := s.Find(ctx, from, to, store.MayHave(name))
		must(t, err)
		return keys
	}
	if got := find("", "~", "77"); !slices.Equal(got, []string{"k/0077"}) {
		t.Errorf("of 77: %v", got)
	}
	if got := find("k/0073", "k/0076", "tens7"); !slices.Equal(got, []string{"k/0073", "k/0074", "k/0075"}) {
		t.Errorf("of tens7 from 73 and below 76: %v", got)
	}
	left := func() (keys []string) {
		t.Helper()
		keys, err := s.Find(ctx, "", "~", func([]byte) bool { return true })
		must(t, err)
		n := 0
		must(t, s.Read(ctx, append(keys, "not there"), func(key string, data []byte) error {
			if at, err := strconv.Atoi(key[2:]); err != nil || !bytes.Equal(data, []byte{0, 0xff, byte(at)}) {
				t.Errorf("%s has %v", key, data)
			}
			n++
			return nil
		}))
		if n != len(keys) {
			t.Errorf("%d segments read of %d", n, len(keys))
		}
		return keys
	}
	if n := len(left()); n != manySegments {
		t.Errorf("%d segments, want %d", n, manySegments)
	}
	must(t, s.Delete(ctx, all[manySegments-1].Key, "not there"))
	if n, err := s.Prune(ctx, manySegments-101, 0); err != nil || n != manySegments-101 {
		t.Errorf("pruned %d by age, %v", n, err)
	}
	if n, err := s.Prune(ctx, 0, 5*int64(len(all[0].Index)+len(all[0].Data))); err != nil || n != 95 {
		t.Errorf("pruned %d by size, %v", n, err)
	}
	if got := left(); len(got) != 5 || got[4] != all[manySegments-2].Key {
		t.Errorf("left %v", got)
	}
}
