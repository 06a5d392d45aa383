package watch

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/xname"
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
	last  *progress.Tally
}

// Show draws a frame over the last one.
func (s *Screen) Show(t *progress.Tally, now time.Time) {
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

// spare is how many rows are left free: for a remark, the cursor, and the end line
// with its blank.
const spare = 4

// lines are a frame. Where there is little room, phases without nodes are left out before
// any failure is, and the first failure never.
func (s *Screen) lines(t *progress.Tally, now time.Time, columns, rows int) []string {
	room := max(rows-spare, 2)
	told := s.troubles(t, columns, room)
	lines := append([]string{s.heading(t, now, columns), ""}, s.phases(t, columns, true)...)
	lines = append(append(lines, ""), told...)
	if len(lines) > room {
		lines = append([]string{s.heading(t, now, columns)}, s.phases(t, columns, false)...)
		told = s.troubles(t, columns, max(room-len(lines), 1))
		lines = append(lines[:min(len(lines), room-len(told))], told...)
	}
	if s.note != "" {
		lines = append(lines, "  "+cut(s.note, columns-2))
	}
	return lines
}

// phases are the rows of bars, of all phases or of those that have nodes.
func (s *Screen) phases(t *progress.Tally, columns int, all bool) (lines []string) {
	bar := max(min(columns-nameWidth-countWidth-detailWidth-4, maxBar), 5)
	for _, row := range t.Rows() {
		if all || row.Count > 0 {
			lines = append(lines, s.row(row, t, bar, columns))
		}
	}
	return lines
}

// troubles are what went wrong, what configures nodes and who is late, in as many lines as there is room for.
func (s *Screen) troubles(t *progress.Tally, columns, room int) (lines []string) {
	var kinds [][]string
	if p := t.Problem(); p != "" {
		kinds = append(kinds, []string{s.paint(red, "  the session failed: ") + cut(p, columns-23)})
	}
	for _, f := range t.Failures {
		text := folded(f.String(), columns-2)
		for i := range text {
			text[i] = "  " + s.paint(red, text[i])
		}
		kinds = append(kinds, text)
	}
	for _, w := range t.Work {
		kinds = append(kinds, []string{"  " + cut(w.String(), columns-2)})
	}
	for _, l := range t.Late {
		kinds = append(kinds, []string{"  " + cut("still "+l.Phase+": "+xname.Fold(l.Nodes), columns-2)})
	}
	return fit(kinds, room)
}

// fit takes of the texts what there is room for, a line of the first one at least, and
// says how many are left.
func fit(texts [][]string, room int) (lines []string) {
	for i, text := range texts {
		need := len(text)
		if i < len(texts)-1 {
			need++ // to say that there are more
		}
		switch {
		case len(lines)+need <= room:
			lines = append(lines, text...)
		case i == 0:
			lines = append(lines, text[0])
		case len(lines) < room:
			return append(lines, more(len(texts)-i))
		default:
			return lines
		}
	}
	return lines
}

func more(things int) string {
	if things == 1 {
		return "  and 1 thing more"
	}
	return fmt.Sprintf("  and %d things more", things)
}

func (s *Screen) heading(t *progress.Tally, now time.Time, columns int) string {
	left := fmt.Sprintf("%s  %s of %s", t.Session.Name, t.Session.Operation, t.Session.TemplateName)
	if t.Session.Limit != "" {
		left += "  limit " + xname.FoldLimit(t.Session.Limit)
	}
	right := fmt.Sprintf("%s  %s  %s", progress.Nodes(t.Nodes), t.Session.Status.Status, progress.Clock(t.Elapsed(now)))
	if t.Nodes > 0 {
		right = fmt.Sprintf("%d%% of ", 100*(t.Succeeded+t.Failed)/t.Nodes) + right
	}
	left = cut(left, columns-len(right)-2)
	gap := max(columns-utf8.RuneCountInString(left)-len(right)-1, 1)
	return s.paint(bold, left) + strings.Repeat(" ", gap) + right
}

func (s *Screen) row(row progress.Row, t *progress.Tally, bar, columns int) string {
	cells, colors := []int{row.Count}, []string{blue}
	if row.Name == progress.Finished {
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
	if row.Count > 0 {
		count = fmt.Sprint(row.Count)
	}
	return fmt.Sprintf("  %-*s%s%*s  %s", nameWidth, row.Name, b.String(), countWidth, count,
		cut(row.Detail(), columns-nameWidth-bar-countWidth-4))
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
