package overview

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/xname"
)

// Line is what is told of nodes that stand alike.
type Line struct {
	Names []string
	Cells Cells
	// Longest is for how long the first of them is in its phase; 0 if they are in none.
	Longest time.Duration
}

// Cells are what is told of a node in a table; nodes with equal ones are alike. What
// there is not is "-", what a silent service may know "?".
type Cells struct{ Power, State, Status, Image, Configuration, Session, Error string }

// Group is lines under a heading; without grouping there is one, without a title.
type Group struct {
	Title string
	Nodes int
	Lines []Line
}

// Groupings are the fields by which lines can be grouped.
var Groupings = []string{"rack", "image", "status"}

// Fold joins nodes that stand alike, in the order in which they are first met. In the
// error of several, NODE stands for the name of each. by is one
// of Groupings, or empty.
func Fold(a *roster.Answer, by string) []Group {
	title := func(*roster.Node) string { return "" }
	if f, err := fieldNamed(by); err == nil {
		title = f.of
	}
	type key struct {
		title string
		cells Cells
	}
	v := newView(a)
	var groups []Group
	at, lines := map[string]int{}, map[key]int{}
	for i := range a.Nodes {
		n := &a.Nodes[i]
		k := key{title(n), v.cells(n)}
		g, known := at[k.title]
		if !known {
			g = len(groups)
			at[k.title], groups = g, append(groups, Group{Title: k.title})
		}
		l, known := lines[k]
		if !known {
			l = len(groups[g].Lines)
			lines[k] = l
			groups[g].Lines = append(groups[g].Lines, Line{Cells: k.cells})
		}
		groups[g].Nodes++
		line := &groups[g].Lines[l]
		line.Names = append(line.Names, n.Xname)
		if n.Phase != "" && n.Since != nil {
			line.Longest = max(line.Longest, a.Time.Sub(*n.Since))
		}
	}
	for _, g := range groups {
		for i := range g.Lines {
			if l := &g.Lines[i]; len(l.Names) == 1 {
				l.Cells.Error = strings.ReplaceAll(l.Cells.Error, itsName, l.Names[0])
			}
		}
	}
	if by != "" {
		slices.SortStableFunc(groups, func(a, b Group) int { return xname.Compare(a.Title, b.Title) })
	}
	return groups
}

// view knows which services are silent.
type view struct{ silent map[roster.Service]bool }

func newView(a *roster.Answer) view {
	v := view{map[roster.Service]bool{}}
	for _, s := range a.Silent {
		v.silent[s.Service] = true
	}
	return v
}

// itsName stands for a node's name in its own error, so that nodes with the same
// trouble share a line.
const itsName = "NODE"

func (v view) cells(n *roster.Node) Cells {
	return Cells{Power: v.cell(n.Power, roster.PCS), State: v.state(n), Status: v.cell(n.Status, roster.BOS), Image: v.image(n),
		Configuration: v.configuration(n), Session: v.cell(n.Session, roster.BOS), Error: errorOf(n)}
}

func (v view) cell(text string, of roster.Service) string {
	switch {
	case text != "":
		return text
	case v.silent[of]:
		return "?"
	}
	return "-"
}

func (v view) state(n *roster.Node) string {
	text := v.cell(n.State, roster.HSM)
	if n.Flag != "" && n.Flag != "OK" {
		text += " " + n.Flag
	}
	if n.Disabled {
		text += " disabled"
	}
	if n.Locked {
		text += " locked"
	}
	return text
}

// image is what a node runs, and in parentheses what it should run if that is another one.
func (v view) image(n *roster.Node) string {
	switch {
	case n.Image == n.DesiredImage, n.DesiredImage == "":
		return v.cell(n.Image, roster.BOS)
	case n.Image == "":
		return "(" + n.DesiredImage + ")"
	}
	return n.Image + " (" + n.DesiredImage + ")"
}

// configuration is that of a node, with its status unless all is well.
func (v view) configuration(n *roster.Node) string {
	text := v.cell(n.Configuration, roster.CFS)
	if n.Configuration != "" && n.ConfigStatus != "" && n.ConfigStatus != "configured" {
		text += " " + n.ConfigStatus
	}
	return text
}

// ago writes a duration in a few characters.
func ago(d time.Duration) string {
	switch s := int(max(d, 0) / time.Second); {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
	}
}
