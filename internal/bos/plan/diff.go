package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/xname"
)

// parameters are the words that only one of the two has, each as often as it has it more.
func parameters(now, then string) (added, removed []string) {
	count := map[string]int{}
	for _, w := range strings.Fields(now) {
		count[w]--
	}
	for _, w := range strings.Fields(then) {
		if count[w]++; count[w] > 0 {
			added = append(added, w)
		}
	}
	for _, w := range strings.Fields(now) {
		if count[w] < 0 {
			removed = append(removed, w)
			count[w]++
		}
	}
	return added, removed
}

// Compare tells what becomes of each layer that is wanted on a node where those have run. On
// one that boots anew nothing has.
func Compare(ran, wanted []Layer, boots bool) (out []Change) {
	for _, w := range wanted {
		c := Change{Name: w.Name, Repository: w.Repository, Playbook: w.Playbook, To: w.Commit, Runs: true}
		i := slices.IndexFunc(ran, func(l Layer) bool { return l.Repository == w.Repository && l.Playbook == w.Playbook })
		if !boots && i >= 0 {
			c.From = ran[i].Commit
			c.Runs = c.From != c.To || !ran[i].Applied
		}
		out = append(out, c)
	}
	return out
}

// together puts nodes of which the same is to be said into one group, the largest first.
func together(nodes []Group) []Group {
	at := map[string]int{}
	groups := []Group{}
	for _, n := range nodes {
		key := n.said()
		i, is := at[key]
		if !is {
			i = len(groups)
			at[key] = i
			groups = append(groups, n)
			continue
		}
		groups[i].Nodes = append(groups[i].Nodes, n.Nodes...)
	}
	for i := range groups {
		slices.SortFunc(groups[i].Nodes, xname.Compare)
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(len(b.Nodes), len(a.Nodes)), xname.Compare(a.Nodes[0], b.Nodes[0]))
	})
	return groups
}

// said is all of a group but its nodes.
func (g Group) said() string {
	g.Nodes = nil
	text, err := json.Marshal(g)
	if err != nil {
		panic(err) // of strings and booleans
	}
	return string(text)
}

// differences tell in which nodes two plans of the same wish differ, and how.
func differences(before, after *Plan) (out []string) {
	was, is := before.byNode(), after.byNode()
	nodes := map[string][]string{}
	for n, a := range was {
		b, still := is[n]
		switch {
		case !still:
			nodes["no longer dealt with"] = append(nodes["no longer dealt with"], n)
		case a.said() != b.said():
			how := differs(a, b)
			nodes[how] = append(nodes[how], n)
		}
	}
	for n := range is {
		if _, had := was[n]; !had {
			nodes["not in the plan"] = append(nodes["not in the plan"], n)
		}
	}
	for _, how := range slices.Sorted(maps.Keys(nodes)) {
		out = append(out, xname.Fold(nodes[how])+": "+how)
	}
	return out
}

func (p *Plan) byNode() map[string]*Group {
	out := make(map[string]*Group, p.Nodes)
	for i := range p.Groups {
		for _, n := range p.Groups[i].Nodes {
			out[n] = &p.Groups[i]
		}
	}
	return out
}

// differs says the first of what is not the same any more.
func differs(a, b *Group) string {
	for _, one := range []struct{ what, was, is string }{
		{"power", a.Now.Power, b.Now.Power}, {"image", a.Then.Image, b.Then.Image}, {"kernel", a.Then.Kernel, b.Then.Kernel},
		{"kernel parameters", a.Then.KernelParameters, b.Then.KernelParameters}, {"configuration", a.Then.Configuration, b.Then.Configuration},
		{"running image", a.Now.Image, b.Now.Image}, {"status", a.Now.Status, b.Now.Status}, {"session", a.TakenFrom, b.TakenFrom},
		{"present configuration", a.Now.Configuration, b.Now.Configuration}, {"configuration status", a.Now.ConfigStatus, b.Now.ConfigStatus},
	} {
		if one.was != one.is {
			return fmt.Sprintf("%s was %s, is %s", one.what, cmp.Or(one.was, "none"), cmp.Or(one.is, "none"))
		}
	}
	return "layers of the configuration, or what would be done, changed"
}
