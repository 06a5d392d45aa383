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
	lines  []string
	labels map[string]int
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

// parseScript substitutes the variables that the firmware knows; others
// become nothing, as in iPXE.
func parseScript(text string, vars map[string]string) (*script, error) {
	if !strings.HasPrefix(text, "#!ipxe") {
		return nil, errors.New("not an iPXE script: it does not begin with #!ipxe")
	}
	s := &script{labels: map[string]int{}}
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(variable.ReplaceAllStringFunc(line, func(v string) string { return vars[v[2:len(v)-1]] }))
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, ":"):
			s.labels[strings.TrimSpace(line[1:])] = len(s.lines)
		default:
			s.lines = append(s.lines, line)
		}
	}
	return s, nil
}

// maxSteps bounds a script that goes in circles without a pause.
const maxSteps = 1000

// run follows the script until it boots or chains. fetch downloads and checks
// a kernel or an initrd.
func (s *script) run(fetch func(url string) error) (outcome, error) {
	var out outcome
	var have loaded
	var failed error // why the last command did not work
	for at, steps := 0, 0; at < len(s.lines); at++ {
		if steps++; steps > maxSteps {
			return out, errors.New("boot script runs in circles")
		}
		command, otherwise, _ := strings.Cut(s.lines[at], "||")
		words := strings.Fields(command)
		err := s.command(words, &have, &out, fetch)
		if err == nil && (out.boot != nil || out.chain != "") {
			return out, nil
		}
		if label, ok := target(words); ok && err == nil {
			words, otherwise, err = nil, "goto "+label, errJump
		}
		if err == nil {
			continue
		}
		if err != errJump {
			failed = err
		}
		label, jumps := target(strings.Fields(otherwise))
		next, known := s.labels[label]
		switch {
		case jumps && known:
			at = next - 1
		case jumps:
			return out, fmt.Errorf("boot script has no label %q", label)
		case strings.TrimSpace(otherwise) == "":
			return out, err
		}
	}
	if failed == nil {
		failed = errors.New("boot script ended without booting")
	}
	return out, failed
}

var errJump = errors.New("goto")

func target(words []string) (label string, ok bool) {
	if len(words) == 2 && words[0] == "goto" {
		return words[1], true
	}
	return "", false
}

func (s *script) command(words []string, have *loaded, out *outcome, fetch func(string) error) error {
	if len(words) == 0 {
		return nil
	}
	name, args := words[0], words[1:]
	if len(args) >= 2 && args[0] == "--name" {
		args = args[2:]
	}
	switch name {
	case "kernel", "initrd", "chain":
		if len(args) == 0 {
			return fmt.Errorf("boot script names no URL for %s", name)
		}
	}
	switch name {
	case "kernel":
		if err := fetch(args[0]); err != nil {
			return fmt.Errorf("kernel: %w", err)
		}
		have.kernel, have.params = args[0], strings.Join(args[1:], " ")
	case "initrd":
		if err := fetch(args[0]); err != nil {
			return fmt.Errorf("initrd: %w", err)
		}
		have.initrd = args[0]
	case "boot":
		if have.kernel == "" {
			return errors.New("boot script boots without a kernel")
		}
		out.boot = have
	case "chain":
		out.chain = args[0]
	case "sleep":
		if len(args) > 0 {
			seconds, _ := strconv.Atoi(args[0])
			out.pause += time.Duration(max(seconds, 0)) * time.Second
		}
	}
	return nil
}
