package store

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// An index has what a list of all documents has.
func TestIndexHasWhatWasAdded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	ix, all := index{}, map[string]string{} // value by key
	values := []string{"", "a", "b", "c"}
	for range 5000 {
		key := string(rune('k' + random.IntN(6)))
		if value, is := all[key]; is {
			ix.remove(value, key)
			delete(all, key)
		}
		if random.IntN(3) > 0 {
			all[key] = values[random.IntN(len(values))]
			ix.add(all[key], key)
			ix.add(all[key], key) // twice is once
		}
		for _, value := range values {
			var want []string
			for k, v := range all {
				if v == value {
					want = append(want, k)
				}
			}
			slices.Sort(want)
			if got := ix.keys(value); !slices.Equal(got, want) || ix.count(value) != len(want) {
				t.Fatalf("%q: %v, %d; want %v", value, got, ix.count(value), want)
			}
		}
	}
	for key, value := range all {
		ix.remove(value, key)
	}
	if len(ix) != 0 {
		t.Errorf("values of no document stay: %v", ix)
	}
}
