package watch

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Frame is lines at the end of a terminal that are drawn again in their place.
type Frame struct{ drawn int }

// Draw puts the lines over those that were drawn last. There have to be fewer than the
// terminal has rows, and none longer than it has columns.
func (f *Frame) Draw(w io.Writer, lines []string) {
	var b strings.Builder
	b.WriteString("\x1b[?25l")
	if f.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", f.drawn)
	}
	for _, l := range lines {
		b.WriteString("\r" + l + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	f.drawn = len(lines)
	io.WriteString(w, b.String()) //nolint:errcheck // a terminal that is gone has no reader
}

// End leaves the lines as they are and shows the cursor again.
func (f *Frame) End(w io.Writer) {
	io.WriteString(w, "\x1b[?25h") //nolint:errcheck // a terminal that is gone has no reader
}

// Cut shortens a line to the width.
func Cut(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	if width < 2 {
		return ""
	}
	return string([]rune(line)[:width-1]) + "…"
}
