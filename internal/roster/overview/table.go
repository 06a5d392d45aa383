package overview

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/xname"
)

// maxNames is how long a list of names may be in a table; a longer one says how many more
// there are.
const maxNames = 60

// Table is the answer for people: lines of nodes that stand alike, and below them which
// services gave no answer. all are the names that an asterisk stands for.
func Table(a *roster.Answer, all []string, by string) []string {
	among := xname.NewAmong(all)
	groups := Fold(a, by)
	rows := [][]string{{"NODES", "POWER", "STATE", "STATUS", "IMAGE", "CONFIGURATION", "SESSION", "COUNT", "ERROR"}}
	titles := map[int]string{} // before which row
	troubles := false
	for _, g := range groups {
		if by != "" {
			titles[len(rows)] = fmt.Sprintf("%s: %s", cmp.Or(g.Title, "no "+by), nodes(g.Nodes))
		}
		for _, l := range g.Lines {
			c := l.Cells
			if l.Longest > 0 {
				c.Status += " " + ago(l.Longest)
			}
			troubles = troubles || c.Error != ""
			rows = append(rows, []string{brief(among, l.Names), c.Power, c.State, c.Status, c.Image, c.Configuration, c.Session, strconv.Itoa(len(l.Names)), c.Error})
		}
	}
	if !troubles {
		for i := range rows {
			rows[i] = rows[i][:len(rows[i])-1]
		}
	}
	var lines []string
	for i, line := range columns(rows) {
		if t, ok := titles[i]; ok {
			lines = append(lines, "", t)
		}
		lines = append(lines, line)
	}
	if len(a.Nodes) == 0 {
		lines = []string{"No nodes."}
	}
	return append(lines, belowTable(Silence(a))...)
}

// brief folds names; of a long list the beginning is shown.
func brief(among *xname.Among, list []string) string {
	text := among.Fold(list)
	if len(text) <= maxNames {
		return text
	}
	items := xname.Split(text)
	for n := len(items) - 1; n > 0; n-- {
		if short := strings.Join(items[:n], ","); len(short) <= maxNames-len(",...") {
			return short + ",..."
		}
	}
	return text
}

func nodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return strconv.Itoa(n) + " nodes"
}

// belowTable has a blank line before lines, if there are any.
func belowTable(lines []string) []string {
	if len(lines) > 0 {
		lines = append([]string{""}, lines...)
	}
	return lines
}

// missing is what is not known without the service.
var missing = map[roster.Service]string{
	roster.HSM: "states and roles are not known",
	roster.PCS: "power is not known",
	roster.BOS: "statuses, images and sessions are not known",
	roster.CFS: "statuses of configurations are not known",
	roster.IMS: "images have no names",
}

// columns aligns the cells of rows; the last one of a row is as long as it is.
func columns(rows [][]string) []string {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for c, text := range r {
			widths[c] = max(widths[c], utf8.RuneCountInString(text))
		}
	}
	lines := make([]string, len(rows))
	var b strings.Builder
	for i, r := range rows {
		b.Reset()
		for c, text := range r {
			b.WriteString(text)
			if c < len(r)-1 {
				b.WriteString(strings.Repeat(" ", widths[c]-utf8.RuneCountInString(text)+2))
			}
		}
		lines[i] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

// Wide is a line for each node with all that is known of it.
func Wide(a *roster.Answer) []string {
	rows := make([][]string, 1, len(a.Nodes)+1)
	for _, name := range Fields() {
		rows[0] = append(rows[0], strings.ToUpper(name))
	}
	for i := range a.Nodes {
		rows = append(rows, record(&a.Nodes[i], "-"))
	}
	return append(columns(rows), belowTable(Silence(a))...)
}

// record are all fields of a node; none is how an empty one is written.
func record(n *roster.Node, none string) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = cmp.Or(f.of(n), none)
	}
	return out
}

// CSV is the nodes as comma-separated values, with a line of names first.
func CSV(a *roster.Answer) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write(Fields()) //nolint:errcheck // into memory
	for i := range a.Nodes {
		w.Write(record(&a.Nodes[i], "")) //nolint:errcheck // into memory
	}
	w.Flush()
	return b.String()
}

// Names are the names of the nodes.
func Names(a *roster.Answer) []string {
	out := make([]string, len(a.Nodes))
	for i := range a.Nodes {
		out[i] = a.Nodes[i].Xname
	}
	return out
}
