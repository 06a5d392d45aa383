package web

import (
	"fmt"
	"strings"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/progress"
)

// bar is how many of the nodes are in which part of the way, side by side.
type bar struct {
	Words string
	Parts []barPart
}

// barPart is one of a bar, in parts of a hundred.
type barPart struct {
	Class     string
	From, For string
}

// newBar has a part for each count that is not 0.
func newBar(of int, parts ...piece) bar {
	var b bar
	var words []string
	at := 0
	for _, p := range parts {
		if p.count == 0 {
			continue
		}
		words = append(words, fmt.Sprintf("%s %d", p.words, p.count))
		b.Parts = append(b.Parts, barPart{p.class, percent(at, of), percent(p.count, of)})
		at += p.count
	}
	b.Words = strings.Join(words, ", ")
	return b
}

// piece is how many nodes are a part of a bar.
type piece struct {
	class, words string
	count        int
}

func percent(n, of int) string {
	if of == 0 {
		return "0%"
	}
	return fmt.Sprintf("%.2f%%", 100*float64(n)/float64(of))
}

// barOf is a bar of all phases, those that are done first.
func barOf(t *progress.Tally) bar {
	parts := []piece{{"succeeded", "succeeded", t.Succeeded}, {"failed", "failed", t.Failed}}
	rows := t.Rows()
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].Name != progress.Finished {
			parts = append(parts, piece{"phase" + fmt.Sprint(i), rows[i].Name, rows[i].Count})
		}
	}
	return newBar(t.Nodes, parts...)
}

// barOfRow is a bar of one phase.
func barOfRow(t *progress.Tally, row progress.Row) bar {
	if row.Name == progress.Finished {
		return newBar(t.Nodes, piece{"succeeded", "succeeded", t.Succeeded}, piece{"failed", "failed", t.Failed})
	}
	return newBar(t.Nodes, piece{"running", row.Name, row.Count})
}

// barOfRun is where the nodes of a CFS session's limit stand; without one nothing is told.
func barOfRun(s *cfs.Session, status map[string]string) bar {
	if s.Ansible.Limit == nil || *s.Ansible.Limit == "" {
		return bar{}
	}
	count := map[string]int{}
	of := 0
	for name := range strings.SplitSeq(*s.Ansible.Limit, ",") {
		if stand, known := status[name]; known {
			count[stand]++
			of++
		}
	}
	return newBar(of, piece{"succeeded", "configured", count["configured"]}, piece{"failed", "failed", count["failed"]},
		piece{"running", "pending", of - count["configured"] - count["failed"]})
}
