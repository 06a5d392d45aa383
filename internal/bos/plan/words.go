package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
)

// What the command line and pages say of a plan.

// Words tell where nodes stand.
func (n Now) Words() string {
	return state(n.Power, n.Status, n.Image, strings.TrimSpace(n.Configuration+" "+n.ConfigStatus))
}

// Words tell where nodes should get.
func (t Then) Words() string {
	if t.Kernel == "" {
		return "off"
	}
	return state("", "", t.Image, t.Configuration)
}

// state joins the words that there are.
func state(power, status, image, configuration string) string {
	var parts []string
	for _, p := range []string{power, status} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if image != "" {
		parts = append(parts, "image "+image)
	}
	if configuration != "" {
		parts = append(parts, "configuration "+configuration)
	}
	return strings.Join(parts, ", ")
}

// Does tells what would be done; it is empty for nodes with which nothing goes on for now.
func (g *Group) Does() string {
	if len(g.Actions) == 0 && g.Waits == "" {
		return "nothing: they are where they should be"
	}
	does := make([]string, len(g.Actions))
	for i, a := range g.Actions {
		does[i] = string(a)
	}
	return strings.Join(does, ", ")
}

// Words tell what becomes of a layer.
func (c *Change) Words() string {
	name := LayerName(c.Name, c.Repository)
	if c.Playbook != "" {
		name += " " + c.Playbook
	}
	switch {
	case !c.Runs:
		return name + ": stays at " + Short(c.To)
	case c.From == "":
		return name + ": runs at " + Short(c.To)
	case c.From == c.To:
		return name + ": runs again at " + Short(c.To)
	}
	return name + ": " + Short(c.From) + " -> " + Short(c.To)
}

// LayerName is a layer's name or else its repository's.
func LayerName(name, repository string) string {
	return cmp.Or(name, strings.TrimSuffix(repository[strings.LastIndexByte(repository, '/')+1:], ".git"))
}

// Short is how a commit is told to people.
func Short(commit string) string { return commit[:min(len(commit), 10)] }

// Words tell how long boots took.
func (t BootTime) Words() string {
	if t.Count == 0 {
		return fmt.Sprintf("how long a boot of %s takes is not known: no history", t.Image)
	}
	return fmt.Sprintf("a boot of %s takes %s from the power-on to the node's report (median of the last %d)", t.Image,
		time.Duration(t.Median*float64(time.Second)).Round(100*time.Millisecond), t.Count)
}

// Reason is why nodes and names are left out.
type Reason struct {
	Why   string
	Names []string
}

// Reasons puts those together that are left out for the same reason.
func Reasons(list []bos.LeftOut) (out []Reason) {
	for _, l := range list {
		i := slices.IndexFunc(out, func(r Reason) bool { return r.Why == l.Reason })
		if i < 0 {
			i = len(out)
			out = append(out, Reason{Why: l.Reason})
		}
		out[i].Names = append(out[i].Names, l.Name)
	}
	return out
}
