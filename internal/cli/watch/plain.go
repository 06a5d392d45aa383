package watch

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Plain prints a line whenever the counts change and one for each new failure.
type Plain struct {
	W    io.Writer
	last string
	told map[string]bool
}

// Show prints what is new.
func (p *Plain) Show(t *Tally, now time.Time) {
	line := p.counts(t)
	if line != p.last {
		p.last = line
		fmt.Fprintf(p.W, "%s  %s\n", clock(t.Elapsed(now)), line)
	}
	if p.told == nil {
		p.told = map[string]bool{}
	}
	for _, f := range t.Failures {
		fresh := Failure{Kind: f.Kind, Error: f.Error}
		for _, n := range f.Nodes {
			if key := f.Kind + n + "\x00" + f.Error; !p.told[key] {
				p.told[key] = true
				fresh.Nodes = append(fresh.Nodes, n)
			}
		}
		if len(fresh.Nodes) > 0 {
			fresh.Count = len(fresh.Nodes)
			fmt.Fprintf(p.W, "%s  %s\n", clock(t.Elapsed(now)), fresh)
		}
	}
}

// Note prints a remark that is no change of the session.
func (p *Plain) Note(text string) {
	if text != "" && text != p.last {
		p.last = text
		fmt.Fprintln(p.W, text)
	}
}

// Close prints the end line.
func (p *Plain) Close(outcome string) { fmt.Fprintln(p.W, outcome) }

func (p *Plain) counts(t *Tally) string {
	parts := []string{t.Session.Status.Status}
	for _, ph := range t.rows {
		if n, detail := ph.count(t); n > 0 {
			part := fmt.Sprintf("%s %d", ph.name, n)
			if len(ph.statuses) > 1 {
				part += " (" + detail + ")"
			}
			parts = append(parts, part)
		}
	}
	if len(parts) == 1 {
		parts = append(parts, "no nodes yet")
	}
	return strings.Join(parts, "  ")
}

// count is how many nodes are in the phase, and in which statuses.
func (ph *phase) count(t *Tally) (n int, detail string) {
	var parts []string
	for i, s := range ph.statuses {
		if c := t.Status[s]; c > 0 {
			n += c
			parts = append(parts, fmt.Sprintf("%s %d", ph.labels[i], c))
		}
	}
	return n, strings.Join(parts, ", ")
}
