package sim

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// script is an iPXE script, as far as boot scripts of BSS use the language:
// kernel, initrd, boot, chain, goto, labels, sleep; what else there is is
// skipped.
type script struct {
	lines  [][]command
	labels map[string]int // the line after each
	vars   map[string]string
}

// loaded is what a script loaded before it said boot.
type loaded struct {
	kernel, initrd string // URLs; initrd may be empty
	params         string
}

// outcome is where a script led to: a system to boot, or another script to
// fetch after a pause.
type outcome struct {
	boot  *loaded
	chain string
	pause time.Duration
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// parseScript reads a script with the variables that the firmware knows; others
// become nothing, as in iPXE.
func parseScript(text string, vars map[string]string) (*script, error) {
	if !strings.HasPrefix(text, "#!ipxe") {
		return nil, errors.New("not an iPXE script: it does not begin with #!ipxe")
	}
	s := &script{labels: map[string]int{}, vars: vars}
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, ":"):
			s.labels[strings.TrimSpace(line[1:])] = len(s.lines)
		default:
			s.lines = append(s.lines, s.split(line))
		}
	}
	return s, nil
}

// command is one command of a line, and when it runs.
type command struct {
	after string // the word before it: empty, "||" or "&&"
	words []string
}

// split cuts a line into commands as iPXE does (src/core/exec.c): at blanks,
// whatever quotes there are; a word that begins with # ends the line; variables
// are filled in afterwards, so that a value with blanks stays one word.
func (s *script) split(line string) []command {
	out := []command{{}}
	for word := range strings.FieldsSeq(line) {
		last := &out[len(out)-1]
		switch {
		case strings.HasPrefix(word, "#"):
			return out
		case word == "||" || word == "&&":
			out = append(out, command{after: word})
		default:
			last.words = append(last.words, variable.ReplaceAllStringFunc(word, func(v string) string { return s.vars[v[2:len(v)-1]] }))
		}
	}
	return out
}

// maxSteps bounds a script that goes in circles without a pause.
const maxSteps = 1000

// run follows the script until it boots or chains. fetch downloads and checks
// a kernel or an initrd.
func (s *script) run(fetch func(url string) error) (outcome, error) {
	r := &running{script: s, fetch: fetch}
	for steps := 0; r.at < len(s.lines); steps++ {
		if steps == maxSteps {
			return r.out, errors.New("boot script runs in circles")
		}
		line := s.lines[r.at]
		r.at++
		if err := r.line(line); err != nil || r.out.boot != nil || r.out.chain != "" {
			return r.out, err
		}
	}
	if r.failed == nil {
		r.failed = errors.New("boot script ended without booting")
	}
	return r.out, r.failed
}

// running is a script under way.
type running struct {
	*script
	fetch  func(url string) error
	at     int // the line to run next
	have   loaded
	out    outcome
	failed error // why the last command that did not work did not
}

// line runs the commands of a line. The error of the last one that ran ends the
// script.
func (r *running) line(commands []command) (err error) {
	next := r.at
	for _, c := range commands {
		if c.after == "||" && err == nil || c.after == "&&" && err != nil {
			continue
		}
		if err = r.command(c.words); err != nil {
			r.failed = err
		}
		if r.at != next || r.out.boot != nil || r.out.chain != "" {
			return err
		}
	}
	return err
}

func (r *running) command(words []string) error {
	if len(words) == 0 {
		return nil
	}
	name, args := words[0], words[1:]
	if len(args) >= 2 && args[0] == "--name" {
		args = args[2:]
	}
	switch name {
	case "kernel", "initrd", "chain", "goto":
		if len(args) == 0 {
			return fmt.Errorf("boot script names nothing for %s", name)
		}
	}
	switch name {
	case "kernel":
		if err := r.fetch(args[0]); err != nil {
			return fmt.Errorf("kernel: %w", err)
		}
		r.have.kernel, r.have.params = args[0], strings.Join(args[1:], " ")
	case "initrd":
		if err := r.fetch(args[0]); err != nil {
			return fmt.Errorf("initrd: %w", err)
		}
		r.have.initrd = args[0]
	case "boot":
		if r.have.kernel == "" {
			return errors.New("boot script boots without a kernel")
		}
		r.out.boot = &r.have
	case "chain":
		r.out.chain = args[0]
	case "goto":
		line, known := r.labels[args[0]]
		if !known {
			return fmt.Errorf("boot script has no label %q", args[0])
		}
		r.at = line
	case "sleep":
		if len(args) > 0 {
			seconds, _ := strconv.Atoi(args[0])
			r.out.pause += time.Duration(max(seconds, 0)) * time.Second
		}
	}
	return nil
}
