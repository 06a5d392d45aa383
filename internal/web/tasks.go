package web

import (
	"context"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/xname"
)

// matrix is what each task came to on each host. Hosts with the same results share a line.
type matrix struct {
	Tasks []task
	Lines []taskLine
	// Hosts is how many it is about; Cut that there were more results than were asked for.
	Hosts int
	Cut   bool
}

// task is a column.
type task struct {
	Number, Layer int
	Play, Name    string
}

// taskLine is the results of hosts that had the same ones.
type taskLine struct {
	Folded string
	Count  int
	Host   string // the only one
	Cells  []taskCell
}

// taskCell is what a task came to; it is empty where the host did not get there.
type taskCell struct {
	Status cfs.Outcome
	Words  string // with the task's name, for who hears the page
}

// Mark is a letter for the status.
func (c taskCell) Mark() string { return outcomeMarks[c.Status] }

var outcomeMarks = map[cfs.Outcome]string{cfs.OutcomeOK: "·", cfs.OutcomeChanged: "~", cfs.OutcomeSkipped: "-", cfs.OutcomeIgnored: "i",
	cfs.OutcomeRescued: "r", cfs.OutcomeFailed: "✕", cfs.OutcomeUnreachable: "!"}

// Bounds of the matrix: hosts, tasks, and results that are asked for.
const (
	matrixHosts   = 200
	matrixTasks   = 500
	matrixResults = 20_000
)

// tasks are what the tasks came to on the first of the hosts.
func (h handler) tasks(ctx context.Context, session string, hosts []cfs.HostResults) (matrix, error) {
	m := matrix{Hosts: min(len(hosts), matrixHosts)}
	var f cfs.ResultFilter
	for _, one := range hosts[:m.Hosts] {
		f.Hosts = append(f.Hosts, one.Host)
	}
	if m.Hosts == 0 {
		return m, nil
	}
	var all []cfs.TaskResult
	for after := int64(0); ; {
		page, err := h.of.Results.Results(ctx, session, f, after, resultRows)
		if err != nil {
			return m, err
		}
		all = append(all, page.Results...)
		if !page.More || len(page.Results) == 0 {
			break
		}
		last := page.Results[len(page.Results)-1].ID
		if m.Cut = len(all) >= matrixResults; m.Cut || last <= after {
			break
		}
		after = last
	}
	m.fill(all, f.Hosts)
	return m, nil
}

// column is where a result belongs.
type column struct {
	layer      int
	play, name string
	nth        int // time that the host met a task of that name
}

// fill makes columns in the order in which tasks were first met, and folds hosts.
func (m *matrix) fill(all []cfs.TaskResult, hosts []string) {
	at := map[column]int{}
	met := map[string]map[column]int{}
	rows := map[string][]cfs.Outcome{}
	for i := range all {
		r := &all[i]
		c := column{layer: r.Layer, play: r.Play, name: r.Task}
		if met[r.Host] == nil {
			met[r.Host] = map[column]int{}
		}
		plain := c
		c.nth = met[r.Host][plain]
		met[r.Host][plain]++
		k, known := at[c]
		if !known && len(m.Tasks) == matrixTasks {
			m.Cut = true
			continue
		}
		if !known {
			k = len(m.Tasks)
			at[c], m.Tasks = k, append(m.Tasks, task{k + 1, r.Layer, r.Play, r.Task})
		}
		row := rows[r.Host]
		for len(row) <= k {
			row = append(row, "")
		}
		row[k] = r.Status
		rows[r.Host] = row
	}
	alike := map[string]int{}
	var names [][]string
	for _, host := range hosts {
		row := rows[host]
		row = append(row, make([]cfs.Outcome, len(m.Tasks)-len(row))...)
		key := joined(row)
		k, known := alike[key]
		if !known {
			k = len(m.Lines)
			alike[key], m.Lines, names = k, append(m.Lines, m.line(row)), append(names, nil)
		}
		names[k] = append(names[k], host)
	}
	for i := range m.Lines {
		slices.Sort(names[i])
		m.Lines[i].Folded, m.Lines[i].Count = xname.Fold(names[i]), len(names[i])
		if len(names[i]) == 1 {
			m.Lines[i].Host = names[i][0]
		}
	}
}

func (m *matrix) line(row []cfs.Outcome) (l taskLine) {
	for i, status := range row {
		c := taskCell{Status: status}
		if status != "" {
			c.Words = m.Tasks[i].Name + ": " + string(status)
		}
		l.Cells = append(l.Cells, c)
	}
	return l
}

func joined(row []cfs.Outcome) string {
	words := make([]string, len(row))
	for i, status := range row {
		words[i] = string(status)
	}
	return strings.Join(words, " ")
}
