package progress

import (
	"fmt"
	"strings"
)

// phase is a part of the way: the statuses that belong to it, and how they are
// called there.
type phase struct {
	name     string
	statuses []string
	labels   []string
}

var phases = []phase{
	{"waiting", []string{"on_hold"}, []string{"on hold"}},
	{"powering off", []string{"power_off_pending", "power_off_gracefully_called", "power_off_forcefully_called"},
		[]string{"pending", "graceful", "forceful"}},
	{"powering on", []string{"power_on_pending", "power_on_called"}, []string{"pending", "called"}},
	{"configuring", []string{"configuring"}, []string{"configuring"}},
	finished,
}

// Finished names the last row, whose parts are those that succeeded and those that failed.
const Finished = "finished"

var finished = phase{Finished, []string{stable, failed}, []string{"succeeded", "failed"}}

// Row is how many of the nodes are in a part of the way.
type Row struct {
	Name  string
	Count int
	Parts []Part
}

// Part is how many nodes of a row have one status.
type Part struct {
	Status, Label string
	Count         int
}

// Detail names the parts that have nodes.
func (r Row) Detail() string {
	var parts []string
	for _, p := range r.Parts {
		if p.Count > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", p.Label, p.Count))
		}
	}
	return strings.Join(parts, ", ")
}

// Rows are the parts of the way in order, those without nodes as well.
func (t *Tally) Rows() []Row {
	rows := make([]Row, len(t.phases))
	for i, ph := range t.phases {
		rows[i].Name = ph.name
		for n, status := range ph.statuses {
			c := t.Status[status]
			rows[i].Count += c
			rows[i].Parts = append(rows[i].Parts, Part{status, ph.labels[n], c})
		}
	}
	return rows
}
