package traces_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/traces"
)

func fleet(nodes, failed int) (list []traces.Candidate) {
	for i := range nodes {
		list = append(list, traces.Candidate{Name: fmt.Sprintf("x%06d", i), Failed: i < failed, Took: time.Duration(i*7919%nodes) * time.Second})
	}
	return list
}

func TestChoiceOfNodes(t *testing.T) {
	list := fleet(10_000, 300)
	chosen := traces.Choose(list, 100)
	failed := 0
	for _, c := range chosen {
		if c.Failed {
			failed++
		}
	}
	if len(chosen) != 100 || failed != 50 {
		t.Errorf("%d nodes, %d of them failed; expected 100 and 50", len(chosen), failed)
	}
	if !slices.ContainsFunc(chosen, func(c traces.Candidate) bool { return c.Took == 9999*time.Second }) {
		t.Error("the slowest is not there")
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	if !slices.Equal(traces.Choose(list, 100), chosen) {
		t.Error("another order makes another choice")
	}
}

func TestChoiceIsOfAsManyAsThereMayBe(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		nodes := rapid.IntRange(0, 60).Draw(rt, "nodes")
		list := fleet(nodes, rapid.IntRange(0, nodes).Draw(rt, "failed"))
		most := rapid.IntRange(0, 70).Draw(rt, "most")
		chosen := traces.Choose(list, most)
		if len(chosen) != min(nodes, most) {
			rt.Fatalf("%d nodes", len(chosen))
		}
		for i := 1; i < len(chosen); i++ {
			if chosen[i].Name <= chosen[i-1].Name {
				rt.Fatalf("%s after %s", chosen[i].Name, chosen[i-1].Name)
			}
		}
	})
}
