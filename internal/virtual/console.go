package virtual

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi/parser"
)

// console keeps what a node writes on its serial line in a file: the boot that
// runs, and beside it, as .1, the one before.
type console struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
}

const (
	// maxConsole bounds a file; a node that writes more starts another.
	maxConsole = 4 << 20
	// consoleShown is how much of the end is told over Redfish.
	consoleShown = 256 << 10
)

// begin starts the file of a new boot.
func (c *console) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rotate()
}

func (c *console) rotate() error {
	if c.file != nil {
		c.file.Close()
	}
	c.file, c.size = nil, 0
	if err := os.Rename(c.path, c.path+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("keep the console of the boot before: %w", err)
	}
	var err error
	c.file, err = os.OpenFile(c.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	return err
}

// Write keeps what it can and takes all: a machine whose line nobody reads
// stands still, so a full disk must not end the reading.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil || c.size > maxConsole {
		if c.rotate() != nil {
			return len(p), nil
		}
	}
	n, _ := c.file.Write(p)
	c.size += int64(n)
	return len(p), nil
}

// end closes the file; it stays to be read.
func (c *console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != nil {
		c.file.Close()
	}
	c.file = nil
}

// lines are the last ones of the newest boot, none if there was none yet.
func (c *console) lines() []string {
	file, err := os.Open(c.path)
	if err != nil {
		return nil
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > consoleShown {
		file.Seek(-consoleShown, io.SeekEnd) //nolint:errcheck // then it is shown from its begin
	}
	text, _ := io.ReadAll(io.LimitReader(file, consoleShown)) // what can be read is told
	return readable(string(text))
}

// readable is terminal output as lines of text: no control sequences, of what
// was overwritten the last, no empty lines.
func readable(text string) []string {
	var lines []string
	for line := range strings.SplitSeq(withoutSequences(text), "\n") {
		line = strings.TrimRight(line, "\r ")
		line = line[strings.LastIndexByte(line, '\r')+1:]
		line = strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' {
				return -1
			}
			return r
		}, strings.ToValidUTF8(line, ""))
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// withoutSequences is the text without what moves cursors and changes colors. It has
// the library's parser alone: all of the library makes tables of widths as a program
// starts, a third of what a step of a session took to start.
func withoutSequences(text string) string {
	var b strings.Builder
	state := parser.GroundState
	for i := 0; i < len(text); i++ {
		next, action := parser.Table.Transition(state, text[i])
		switch {
		case next == parser.Utf8State:
			_, n := utf8.DecodeRuneInString(text[i:])
			b.WriteString(text[i : i+n])
			i += n - 1
			next = parser.GroundState
		case action == parser.PrintAction, action == parser.ExecuteAction:
			b.WriteByte(text[i])
		}
		state = next
	}
	return b.String()
}
