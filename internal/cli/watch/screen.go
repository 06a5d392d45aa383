package watch

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Screen redraws the state in place.
type Screen struct {
	W io.Writer
	// Size is the terminal's columns and rows, asked at each frame.
	Size func() (columns, rows int)
	// Color allows colors.
	Color bool

	frame Frame
	note  string
	last  *Tally
}

// Show draws a frame over the last one.
func (s *Screen) Show(t *Tally, now time.Time) {
	s.last, s.note = t, ""
	s.draw(now)
}

// Tick draws the last state with a new time.
func (s *Screen) Tick(now time.Time) {
	if s.last != nil {
		s.draw(now)
	}
}

// Note shows a remark below the frame until the next Show.
func (s *Screen) Note(text string) { s.note = text }

// Close leaves the last frame and prints the end line below it.
func (s *Screen) Close(outcome string) {
	s.frame.End(s.W)
	fmt.Fprintf(s.W, "\n%s\n", outcome)
}

func (s *Screen) draw(now time.Time) {
	columns, rows := s.Size()
	s.frame.Draw(s.W, s.lines(s.last, now, columns, rows))
}

// Widths of a row's columns.
const (
	nameWidth   = 14
	countWidth  = 7
	detailWidth = 26
	maxBar      = 60
)

func (s *Screen) lines(t *Tally, now time.Time, columns, rows int) []string {
	lines := []string{s.heading(t, now, columns), ""}
	bar := max(min(columns-nameWidth-countWidth-detailWidth-4, maxBar), 5)
	for i := range t.rows {
		lines = append(lines, s.row(&t.rows[i], t, bar, columns))
	}
	lines = append(lines, "")
	if p := t.Problem(); p != "" {
		lines = append(lines, s.paint(red, "  the session failed: ")+cut(p, columns-23))
	}
	room := rows - len(lines) - 4
	for i, f := range t.Failures {
		text := folded(f.String(), columns-2)
		if room -= len(text); room < 0 {
			lines = append(lines, fmt.Sprintf("  and %d more kinds of failure", len(t.Failures)-i))
			break
		}
		for _, l := range text {
			lines = append(lines, "  "+s.paint(red, l))
		}
	}
	if s.note != "" {
		lines = append(lines, "  "+cut(s.note, columns-2))
	}
	return lines
}

func (s *Screen) heading(t *Tally, now time.Time, columns int) string {
	left := fmt.Sprintf("%s  %s of %s", t.Session.Name, t.Session.Operation, t.Session.TemplateName)
	if t.Session.Limit != "" {
		left += "  limit " + t.Session.Limit
	}
	right := fmt.Sprintf("%s  %s  %s", nodes(t.Nodes), t.Session.Status.Status, clock(t.Elapsed(now)))
	left = cut(left, columns-len(right)-2)
	gap := max(columns-utf8.RuneCountInString(left)-len(right)-1, 1)
	return s.paint(bold, left) + strings.Repeat(" ", gap) + right
}

func (s *Screen) row(ph *phase, t *Tally, bar, columns int) string {
	n, detail := ph.count(t)
	cells, colors := []int{n}, []string{blue}
	if ph.name == "finished" {
		cells, colors = []int{t.Succeeded, t.Failed}, []string{green, red}
	}
	var b strings.Builder
	used := 0
	for i, c := range cells {
		width := cellsOf(c, t.Nodes, bar-used, bar)
		b.WriteString(s.paint(colors[i], strings.Repeat("█", width)))
		used += width
	}
	b.WriteString(s.paint(faint, strings.Repeat("░", bar-used)))
	count := ""
	if n > 0 {
		count = fmt.Sprint(n)
	}
	return fmt.Sprintf("  %-*s%s%*s  %s", nameWidth, ph.name, b.String(), countWidth, count,
		cut(detail, columns-nameWidth-bar-countWidth-4))
}

// cellsOf is the length of a part of a bar: at least one cell for what is
// there, the whole only for everything.
func cellsOf(n, of, room, bar int) int {
	if n == 0 || of == 0 {
		return 0
	}
	cells := n * bar / of
	return min(max(cells, 1), room)
}

const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
	blue  = "34"
)

func (s *Screen) paint(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// maxFolded is how many lines a failure may take.
const maxFolded = 3

// folded breaks a text into lines of the width.
func folded(text string, width int) (lines []string) {
	rest := strings.Fields(text)
	for len(rest) > 0 && len(lines) < maxFolded-1 {
		line, n := cut(rest[0], width), 1
		for n < len(rest) && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(rest[n]) <= width {
			line += " " + rest[n]
			n++
		}
		lines, rest = append(lines, line), rest[n:]
	}
	if len(rest) > 0 {
		lines = append(lines, cut(strings.Join(rest, " "), width))
	}
	return lines
}

// cut shortens a text to the width, on one line.
func cut(text string, width int) string { return Cut(strings.Join(strings.Fields(text), " "), width) }
