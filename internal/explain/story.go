package explain

import (
	"fmt"
	"strings"
	"time"
)

// maxStory is how many entries are told; older ones are only counted.
const maxStory = 40

// story is the boot in progress, or the last one, entry by entry: when, how
// long after the one before, who saw it, what.
func (f *Facts) story() []string {
	list := f.attempt()
	var lines []string
	if len(list) > maxStory {
		lines = append(lines, fmt.Sprintf("  ... %d earlier", len(list)-maxStory))
		list = list[len(list)-maxStory:]
	}
	for i, e := range list {
		hop := ""
		if i > 0 {
			hop = "+" + span(e.Time.Sub(list[i-1].Time))
		}
		mark := " "
		if e.Failed {
			mark = "!"
		}
		text := e.Text
		if e.Kind == "status" {
			text = strings.ReplaceAll(text, "_", " ")
		}
		lines = append(lines, fmt.Sprintf("%s %s %8s  %-4s %s", mark, e.Time.Format(time.TimeOnly), hop, e.Source, text))
	}
	if n := len(list); n > 1 {
		lines = append(lines, fmt.Sprintf("  %s from the first to the last of these; the last was %s ago",
			span(list[n-1].Time.Sub(list[0].Time)), span(f.Now.Sub(list[n-1].Time))))
	}
	return lines
}

// maxConsoleLine is how much of a console's line is told.
const maxConsoleLine = 110

// console are the last lines that the node wrote.
func (f *Facts) console() []string {
	lines := f.Console[max(0, len(f.Console)-consoleTold):]
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		if r := []rune(l); len(r) > maxConsoleLine {
			l = string(r[:maxConsoleLine]) + "..."
		}
		out = append(out, "  | "+l)
	}
	return out
}

// panicked is what the kernel said of its end on the console, empty if it did
// not come to one.
func (f *Facts) panicked() string {
	const words = "Kernel panic - not syncing"
	for _, l := range f.Console {
		if i := strings.Index(l, words); i >= 0 {
			return strings.TrimSuffix(l[i:], " ]---")
		}
	}
	return ""
}

// begins tells whether a status change is the first of a boot or shutdown: a
// node that had come to rest moves again.
func begins(text string) bool {
	from, _, ok := strings.Cut(text, " -> ")
	return ok && (from == "stable" || from == "failed" || from == "")
}

// movesTo tells whether a status change led to the status.
func movesTo(text, status string) bool {
	_, to, ok := strings.Cut(text, " -> ")
	to, _, _ = strings.Cut(to, ":")
	return ok && to == status
}

// span writes a duration for people.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

func quoted(name string) string {
	if name == "" {
		return "none"
	}
	return "'" + name + "'"
}
