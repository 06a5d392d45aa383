package watch

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/progress"
)

// Plain prints a line whenever the counts change and one for each new failure.
type Plain struct {
	W    io.Writer
	last string
	work string
	told map[string]bool
}

// Show prints what is new.
func (p *Plain) Show(t *progress.Tally, now time.Time) {
	line := p.counts(t)
	if line != p.last {
		p.last = line
		fmt.Fprintf(p.W, "%s  %s\n", progress.Clock(t.Elapsed(now)), line)
	}
	p.working(t, now)
	if p.told == nil {
		p.told = map[string]bool{}
	}
	for _, f := range t.Failures {
		fresh := progress.Failure{Kind: f.Kind, Error: f.Error}
		for _, n := range f.Nodes {
			if key := f.Kind + n + "\x00" + f.Error; !p.told[key] {
				p.told[key] = true
				fresh.Nodes = append(fresh.Nodes, n)
			}
		}
		if len(fresh.Nodes) > 0 {
			fresh.Count = len(fresh.Nodes)
			fmt.Fprintf(p.W, "%s  %s\n", progress.Clock(t.Elapsed(now)), fresh)
		}
	}
}

// working prints what configures the nodes, when that is another playbook or step.
func (p *Plain) working(t *progress.Tally, now time.Time) {
	var all []string
	for _, w := range t.Work {
		all = append(all, w.Session+" "+w.Playbook+" "+w.Step)
	}
	if is := strings.Join(all, "\n"); is != p.work {
		p.work = is
		for _, w := range t.Work {
			fmt.Fprintf(p.W, "%s  %s\n", progress.Clock(t.Elapsed(now)), w)
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

func (p *Plain) counts(t *progress.Tally) string {
	parts := []string{t.Session.Status.Status}
	for _, row := range t.Rows() {
		if row.Count == 0 {
			continue
		}
		part := fmt.Sprintf("%s %d", row.Name, row.Count)
		if len(row.Parts) > 1 {
			part += " (" + row.Detail() + ")"
		}
		parts = append(parts, part)
	}
	if len(parts) == 1 {
		parts = append(parts, "no nodes yet")
	}
	return strings.Join(parts, "  ")
}
