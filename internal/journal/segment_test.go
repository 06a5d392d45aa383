package journal_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/journal"
)

func TestASegmentGivesBackWhatEachNodeWasWrittenWith(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"", "bos", "pcs", "power_on_pending -> power_on_called", "a\x00b", "\xff\xfe", "ä", strings.Repeat("long ", 100)}
	word := func() string { return words[r.IntN(len(words))] }
	for range 200 {
		want := map[string][]journal.Entry{}
		var all []journal.Entry
		for n := range r.IntN(60) + 1 {
			e := journal.Entry{Node: []string{"x1", "x10", "", "x\x00", "x2\xff"}[r.IntN(5)], Time: time.Unix(0, r.Int64N(1<<62)).UTC(),
				Source: word(), Kind: word(), Text: word(), Session: word(), Failed: r.IntN(2) == 1}
			e.Key = journal.EntryKey(e.Node, e.Time, uint32(n))
			all = append(all, e)
			want[e.Node] = append(want[e.Node], e)
		}
		data := journal.Encode(all)
		for node, entries := range want {
			slices.SortFunc(entries, func(a, b journal.Entry) int { return strings.Compare(a.Key, b.Key) })
			got, err := journal.Decode(data, node)
			if err != nil || !slices.Equal(got, entries) {
				t.Fatalf("node %q: %v\ngot  %+v\nwant %+v", node, err, got, entries)
			}
		}
		if got, err := journal.Decode(data, "x"); err != nil || len(got) > 0 {
			t.Fatalf("a node that is not there: %v %v", got, err)
		}
	}
}

func TestADamagedSegmentIsToldAndNotTakenForAnother(t *testing.T) {
	data := journal.Encode([]journal.Entry{{Node: "x1", Time: time.Unix(1, 0), Source: "bos", Text: "text"}, {Node: "x2", Time: time.Unix(2, 0), Text: "other"}})
	whole := 0
	for cut := range data {
		got, err := journal.Decode(data[:cut], "x2")
		if len(got) > 0 {
			t.Errorf("of %d bytes the first %d: %v", len(data), cut, got)
		}
		if err == nil {
			whole++ // it looks like a segment without x2
		}
	}
	if whole != 2 {
		t.Errorf("%d beginnings are not damaged, want those before and after x1's part", whole)
	}
	other := slices.Clone(data)
	other[0]++
	if _, err := journal.Decode(other, "x1"); err == nil || !strings.Contains(err.Error(), "format 2, expected 1") {
		t.Errorf("of another format: %v", err)
	}
}

func FuzzDecodeOfAnyBytes(f *testing.F) {
	f.Add(journal.Encode([]journal.Entry{{Node: "x1", Time: time.Unix(1, 0), Source: "bos", Text: "text"}}))
	f.Fuzz(func(_ *testing.T, data []byte) {
		journal.Decode(data, "x1") //nolint:errcheck // it must return
	})
}
