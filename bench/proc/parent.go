package proc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// Process is a child, as the bench sees it.
type Process struct {
	name    string
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers chan line
	ended   chan struct{}

	mu sync.Mutex // one request at a time
}

// Start starts the command with the configuration and waits until the child is
// ready, which it says in answer. Events go to event, in their order; it must
// not wait for the child.
func Start(name string, cmd *exec.Cmd, config, answer any, event func(json.RawMessage)) (*Process, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the %s: %w", name, err)
	}
	p := &Process{name: name, cmd: cmd, in: in, answers: make(chan line, 1), ended: make(chan struct{})}
	go p.read(out, event)
	if err = json.NewEncoder(in).Encode(config); err == nil {
		err = p.await(answer)
	}
	if err != nil {
		p.Stop()
		return nil, fmt.Errorf("start the %s: %w", name, err)
	}
	return p, nil
}

func (p *Process) read(out io.Reader, event func(json.RawMessage)) {
	defer close(p.ended)
	lines := json.NewDecoder(out)
	for {
		var l line
		if lines.Decode(&l) != nil {
			return
		}
		if l.Event != nil {
			event(l.Event)
			continue
		}
		p.answers <- l
	}
}

// Ask has the child do something and decodes its answer into out, unless that is nil.
func (p *Process) Ask(do string, arg, out any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, err := json.Marshal(arg)
	if err != nil {
		return err
	}
	if err = json.NewEncoder(p.in).Encode(request{Do: do, Arg: text}); err == nil {
		err = p.await(out)
	}
	if err != nil {
		return fmt.Errorf("%s of the %s: %w", do, p.name, err)
	}
	return nil
}

func (p *Process) await(out any) error {
	var l line
	select {
	case l = <-p.answers:
	case <-p.ended:
		select {
		case l = <-p.answers: // its last words
		default:
			return errors.New("the process has ended")
		}
	}
	switch {
	case l.Error != "":
		return errors.New(l.Error)
	case out == nil:
		return nil
	}
	return json.Unmarshal(l.Answer, out)
}

// Usage is what the child has used so far.
func (p *Process) Usage() (u Usage, err error) {
	return u, p.Ask("usage", nil, &u)
}

// Resident is the memory that the kernel counts for the child, in bytes.
func (p *Process) Resident() (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(l, "VmRSS:"); found {
			kb, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("the kernel does not tell the resident memory")
}

// Stop ends the child and waits for it.
func (p *Process) Stop() {
	p.in.Close()
	<-p.ended
	p.cmd.Wait() //nolint:errcheck // how it ended is of no interest any more
}
