package journal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

// eventsOf are what n nodes tell at about the same time.
func eventsOf(n int) []journal.Entry {
	out := make([]journal.Entry, n)
	for i := range out {
		out[i] = journal.Entry{Node: fmt.Sprintf("x%dc%ds%db0n0", 1000+i/512, i/64%8, i%64), Source: "bos", Kind: "status",
			Session: "f338873e-4221-49ca-827e-ef451fb4b14b", Text: "power_on_called -> power_on_pending"}
	}
	return out
}

func benchJournal(b *testing.B) *journal.Journal {
	db, err := store.Open(b.Context(), b.TempDir()+"/drover.db", nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return journal.New(db, time.Now)
}

func BenchmarkAppend500(b *testing.B) {
	j, events := benchJournal(b), eventsOf(500)
	b.ReportAllocs()
	for b.Loop() {
		if err := j.Append(b.Context(), events...); err != nil {
			b.Fatal(err)
		}
	}
}

// A node of 10,000 that booted once, with 20 events of each.
func BenchmarkListOneOf10000(b *testing.B) {
	j, events := benchJournal(b), eventsOf(10_000)
	for range 20 {
		for at := 0; at < len(events); at += 500 {
			if err := j.Append(b.Context(), events[at:at+500]...); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if list, err := j.List(b.Context(), events[4321].Node, "", 0); err != nil || len(list) != 20 {
			b.Fatal(len(list), err)
		}
	}
}
