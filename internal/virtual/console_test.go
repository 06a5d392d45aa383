package virtual

import (
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// What is left of a console is what the library leaves of it.
func TestConsoleIsToldWithoutSequences(t *testing.T) {
	for _, text := range []string{
		"", "plain\r\nlines\n", "\x1b[1;31mred\x1b[0m und gr\u00fcn\x1b[2J\x1b[10;20Hat", "\x1b]0;title\x07after", "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
		"\x1b(B\x1b=ok\x1b>", "cut \x1b[3", "a\x1bPq data \x1b\\b", "\u2500\u2500 \u4e16\u754c \U0001d54f", "tab\tbell\x07",
	} {
		if got, want := withoutSequences(text), ansi.Strip(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
