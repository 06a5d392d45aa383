package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// about is text that makes a document about as long as a component of BOS, 1.2 kB.
var about = strings.Repeat("abcdefghij", 115)

// What a server has to do first that starts after one that was killed: so many documents, each of
// which was written four times.
func BenchmarkOpenAfterAKill(b *testing.B) {
	for _, documents := range []int{100_000, 400_000} {
		b.Run(fmt.Sprint(documents), func(b *testing.B) { openAfterAKill(b, documents) })
	}
}

func openAfterAKill(b *testing.B, documents int) {
	path := storetest.Migrated(b)
	db := openSQLite(b, path)
	store.SetLog(db, 512<<10, 8<<30, 8<<30)
	table := loggedTable(b, db, "logged")
	for range 4 * documents / 100 {
		some := make([]rich, 100)
		for i := range some {
			some[i] = rich{Key: fmt.Sprintf("x%06d", rand.IntN(documents)), Any: about}
		}
		must(b, table.Put(b.Context(), some...))
	}
	for b.Loop() {
		b.StopTimer()
		killed := leftBy(b, path)
		b.StartTimer()
		again, err := store.Open(b.Context(), killed, nil)
		must(b, err)
		b.StopTimer()
		must(b, again.Close())
		b.StartTimer()
	}
}

// What a row costs of 10,000 that are all written anew, 400 in a transaction: of neighbours, and of
// those that chance has put together.
func BenchmarkRows(b *testing.B) {
	const documents, atOnce = 10_000, 400
	keys := make([]string, documents)
	for i := range keys {
		keys[i] = fmt.Sprintf("x%06d", i)
	}
	scattered := slices.Clone(keys)
	rand.Shuffle(documents, func(i, j int) { scattered[i], scattered[j] = scattered[j], scattered[i] })
	for name, order := range map[string][]string{"neighbours": keys, "scattered": scattered} {
		b.Run(name, func(b *testing.B) {
			table := richTable(b, openSQLite(b, storetest.Migrated(b)), "plain", false)
			write := func(order []string) {
				for part := range slices.Chunk(order, atOnce) {
					some := make([]rich, len(part))
					for i, key := range part {
						some[i] = rich{Key: key, Any: about}
					}
					must(b, table.Put(b.Context(), some...))
				}
			}
			write(keys) // rows lie as they were made
			for b.Loop() {
				write(order)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*documents), "µs/row")
		})
	}
}
