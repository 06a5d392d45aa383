package pick

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/bos/bootset"
)

// fleet has cabinets x1000 and x1001 with two chassis of four nodes each, NIDs
// from 1; Compute all, Application_UAN the last; group odd; partition p1.
func fleet() *Inventory {
	var nodes []Node
	groups, partitions := map[string][]string{}, map[string][]string{}
	for n := range 16 {
		number := n + 1
		id := fmt.Sprintf("x%dc%ds%db0n0", 1000+n/8, n/4%2, n%4)
		node := Node{ID: id, NID: &number, Role: "Compute"}
		if n == 15 {
			node.Role, node.SubRole = "Application", "UAN"
		}
		if n%2 == 1 {
			groups["odd"] = append(groups["odd"], id)
		}
		if n < 8 {
			partitions["p1"] = append(partitions["p1"], id)
		}
		nodes = append(nodes, node)
	}
	return New(nodes, groups, partitions)
}

func TestListOfNodes(t *testing.T) {
	for expr, want := range map[string]struct{ names, unknown string }{
		"":                                {"", ""},
		" X1000C0S01B0N0 ":                {"x1000c0s1b0n0", ""},
		"x1000c0s[2-3]b0n0,x1000c0s2b0n0": {"x1000c0s2b0n0 x1000c0s3b0n0", ""},
		"x1000c0s0b0n[0,1]":               {"x1000c0s0b0n0 x1000c0s0b0n1", "x1000c0s0b0n1"},
		"x1001c1":                         {"x1001c1s0b0n0 x1001c1s1b0n0 x1001c1s2b0n0 x1001c1s3b0n0", ""},
		"x100[0-1]c0s0":                   {"x1000c0s0b0n0 x1001c0s0b0n0", ""},
		"x1001c*s3b0n0":                   {"x1001c0s3b0n0 x1001c1s3b0n0", ""},
		"nid[000001-000002],NID0003":      {"x1000c0s0b0n0 x1000c0s1b0n0 x1000c0s2b0n0", ""},
		"nid99,x5,x5":                     {"nid99 x5", "nid99 x5"},
		"Application_UAN,Application":     {"x1001c1s3b0n0", ""},
		"nowhere,x77*":                    {"nowhere x77*", "nowhere x77*"},
	} {
		p, err := fleet().List(expr)
		if got := strings.Join(p.Names, " "); err != nil || got != want.names || strings.Join(p.Unknown, " ") != want.unknown {
			t.Errorf("%q: %q, unknown %q, %v; want %+v", expr, got, p.Unknown, err, want)
		}
	}
	for word, n := range map[string]int{"all": 16, "*": 16, "x1000": 8, "s0": 16, "odd": 8, "p1": 8, "Compute": 15} {
		if p, err := fleet().List(word); err != nil || len(p.Names) != n || len(p.Unknown) > 0 {
			t.Errorf("%s: %d nodes, unknown %v, %v; want %d", word, len(p.Names), p.Unknown, err, n)
		}
	}
}

// Forms are filled in by anybody: what is unknown costs no more than what is known.
func TestManyUnknownNames(t *testing.T) {
	expr, began := "y[0-300000],y[0-300000]", time.Now()
	p, err := fleet().List(expr)
	if err != nil || len(p.Unknown) != 300_001 || len(p.Names) != 300_001 {
		t.Errorf("%d names, %d unknown, %v", len(p.Names), len(p.Unknown), err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	long := strings.Repeat("x", 10_000)
	if allocated := testing.AllocsPerRun(1, func() { fleet().Nearest(long) }); allocated > 1000 {
		t.Errorf("what is nearest to a name of %d letters took %.0f allocations", len(long), allocated)
	}
}

func TestLimitIsWrittenOut(t *testing.T) {
	for expr, want := range map[string]string{
		"":                                     "",
		"odd,&Compute,!x1000c0s1b0n0":          "odd,&Compute,!x1000c0s1b0n0",
		"all,!odd,":                            "all,!odd,",
		"x1000c0s[0-1]b0n0,!odd":               "x1000c0s0b0n0,x1000c0s1b0n0,!odd",
		"all,!x1000c0s[0-1]b0n0":               "all,!x1000c0s0b0n0,!x1000c0s1b0n0",
		"X1000C0S0B0N0, nid[2-3]":              "x1000c0s0b0n0,x1000c0s1b0n0,x1000c0s2b0n0",
		"all,&x1000c0,!odd":                    "x1000c0s0b0n0,x1000c0s2b0n0",
		"p1,&x1000c1s[2,3]b0n0,x1001c0s0b0n0":  "x1000c1s2b0n0,x1000c1s3b0n0,x1001c0s0b0n0",
		"made-up,x9999c0s0b0n0":                "made-up,x9999c0s0b0n0",
		"odd,&x1000c0s1b0n[0-1],x9999c0s0b0n0": "x1000c0s1b0n0,x9999c0s0b0n0",
	} {
		if got, _, err := fleet().Limit(expr); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", expr, got, err, want)
		}
	}
	for _, bad := range []string{"&&odd", "!", "odd,&x1001c1s[0,2]b0n0", "x[3-1]"} {
		if got, _, err := fleet().Limit(bad); err == nil {
			t.Errorf("%q became %q, want an error", bad, got)
		}
	}
}

// What is sent selects what was meant, by the rules of BOS itself.
func TestLimitWrittenOutSelectsTheSame(t *testing.T) {
	i := fleet()
	words := []string{"all", "*", "odd", "p1", "Compute", "x1000", "x1001c0", "x1000c*s1b0n0", "nid[3-6]", "x1000c[0-1]s[1-2]b0n0", "x1001c1s3b0n0"}
	rapid.Check(t, func(t *rapid.T) {
		nodes := map[string]bool{}
		for _, n := range rapid.SliceOfNDistinct(rapid.SampledFrom(i.ids), 1, -1, rapid.ID[string]).Draw(t, "boot set") {
			nodes[n] = true
		}
		signs := rapid.SampledFrom([]string{"", "&", "!"})
		want := map[string]bool{}
		var items []string
		for range rapid.IntRange(1, 5).Draw(t, "items") {
			sign, word := signs.Draw(t, "sign"), rapid.SampledFrom(words).Draw(t, "word")
			items = append(items, sign+word)
			p, err := i.List(word)
			if err != nil {
				t.Fatal(err)
			}
			want = combine(want, sign, p.Names)
		}
		maps.DeleteFunc(want, func(n string, _ bool) bool { return !nodes[n] })
		expr := strings.Join(items, ",")
		written, unknown, err := i.Limit(expr)
		if err != nil && strings.Contains(err.Error(), "selects no node") && len(want) == 0 {
			return
		}
		if err != nil || len(unknown) > 0 {
			t.Fatalf("%q: unknown %v, %v", expr, unknown, err)
		}
		got, err := bootset.Limit(written, nodes, func(name string) ([]string, bool) { m, ok := i.words[name]; return m, ok })
		if err != nil || !maps.Equal(got, want) {
			t.Fatalf("%q was written %q, which selects %v, not %v (%v)", expr, written, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)), err)
		}
	})
}

func combine(have map[string]bool, sign string, names []string) map[string]bool {
	out := map[string]bool{}
	for n := range have {
		if in := slices.Contains(names, n); sign == "" || (sign == "&") == in {
			out[n] = true
		}
	}
	if sign == "" {
		for _, n := range names {
			out[n] = true
		}
	}
	return out
}

func TestNobodyToAsk(t *testing.T) {
	var nobody *Inventory
	if got, unknown, err := nobody.Limit("x1c0s[0-1]b0n0,!group"); err != nil || got != "x1c0s0b0n0,x1c0s1b0n0,!group" || len(unknown) > 0 {
		t.Errorf("%q, unknown %v, %v", got, unknown, err)
	}
	p, err := nobody.List("X1C0S0B0N0,x1,nid[1-2],x1c*,group")
	if err != nil || strings.Join(p.Unknown, " ") != "x1 nid1 nid2 x1c*" || p.Names[0] != "x1c0s0b0n0" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, _, err := nobody.Limit("group,&x1c0s[0-1]b0n0"); err == nil {
		t.Error("a list behind & was written without knowing the group")
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"x1000c0s0b0n": "x1000c0s0b0n0", "x1000c0s3b0n1": "x1000c0s3b0n0", "x1001c1s3n0b0": "x1001c1s3b0n0",
		"Computer": "Compute", "od": "odd", "something-else": "", "x9": "",
	} {
		if got := fleet().Nearest(name); got != want {
			t.Errorf("nearest to %s is %q, want %q", name, got, want)
		}
	}
}
