package pick

import (
	"maps"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/xname"
)

// Nearest is what the user may have meant by an unknown name: the node or word
// that differs from it least, empty if none is near.
func (i *Inventory) Nearest(name string) string {
	if i == nil {
		return ""
	}
	return Nearest(name, slices.Concat(i.ids, slices.Collect(maps.Keys(i.words))))
}

// NotKnown says which names are unknown, and what may have been meant.
func (i *Inventory) NotKnown(unknown []string) string {
	text := "HSM does not know " + xname.Fold(unknown)
	var near []string
	for _, n := range unknown[:min(len(unknown), 3)] {
		if m := i.Nearest(n); m != "" && !slices.Contains(near, m) {
			near = append(near, m)
		}
	}
	if len(near) > 0 {
		text += "; nearest is " + strings.Join(near, ", ")
	}
	return text
}

// Nearest is the candidate that differs from the name least, empty if none is
// near.
func Nearest(name string, candidates []string) string {
	best, least := "", max(len(name)/3+1, 2) // more than a third differs: something else was meant
	for _, candidate := range candidates {
		if more := len(name) - len(candidate); max(more, -more) > least { // they differ by more than that
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < least || d == least && best != "" && candidate < best {
			best, least = candidate, d
		}
	}
	return best
}

// distance is how many characters have to be put in, taken out, replaced or
// swapped with their neighbour to make one text of the other.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
