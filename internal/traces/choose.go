package traces

import (
	"cmp"
	"slices"
	"time"
)

// Candidate is a node that may be told of: whether it failed, and how long it took.
type Candidate struct {
	Name   string
	Failed bool
	Took   time.Duration
}

// Choose returns the nodes to tell of, at most so many, in order: of those that failed up
// to half, of the slowest others a quarter, and the rest evenly from what is left. The
// same candidates, in whatever order, make the same choice.
func Choose(from []Candidate, most int) []Candidate {
	list := slices.SortedFunc(slices.Values(from), func(a, b Candidate) int { return cmp.Compare(a.Name, b.Name) })
	if len(list) <= most {
		return list
	}
	var failed, others []Candidate
	for _, c := range list {
		if c.Failed {
			failed = append(failed, c)
		} else {
			others = append(others, c)
		}
	}
	chosen := evenly(failed, max(most/2, most-len(others)))
	slices.SortStableFunc(others, func(a, b Candidate) int { return cmp.Compare(b.Took, a.Took) })
	slow := min(most/4, most-len(chosen))
	chosen = append(chosen, others[:slow]...)
	others = others[slow:]
	slices.SortFunc(others, func(a, b Candidate) int { return cmp.Compare(a.Name, b.Name) })
	chosen = append(chosen, evenly(others, most-len(chosen))...)
	slices.SortFunc(chosen, func(a, b Candidate) int { return cmp.Compare(a.Name, b.Name) })
	return chosen
}

// evenly takes n of the list, as far from each other as may be.
func evenly(list []Candidate, n int) []Candidate {
	n = min(n, len(list))
	out := make([]Candidate, n)
	for i := range out {
		out[i] = list[i*len(list)/n]
	}
	return out
}
