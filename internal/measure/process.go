package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a child that runs until stop.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// start starts the binary; what it says goes to a file in dir.
func start(binary, dir string, args ...string) (*process, error) {
	p := &process{log: filepath.Join(dir, args[0]+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(binary, args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env = environ(dir)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait() //nolint:errcheck // why it ended is in its log
		close(p.ended)
	}()
	return p, nil
}

// environ is that of all programs here: the server leaves word of its token in dir,
// and not in the user's home.
func environ(dir string) []string { return append(os.Environ(), "XDG_CONFIG_HOME="+dir) }

// stop ends the process in order, and waits for that.
func (p *process) stop() {
	if p == nil {
		return
	}
	p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it has ended then
	<-p.ended
}

// failed is what the process said last if it ended by itself, else nil.
func (p *process) failed() error {
	select {
	case <-p.ended:
	default:
		return nil
	}
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("%s ended: %s", filepath.Base(p.cmd.Path)+" "+p.cmd.Args[1], lines[len(lines)-1])
}

// cpu is the processor time of the process, zero once it has ended.
func (p *process) cpu() time.Duration {
	const scheduled = 2 // of the three clocks of a process, see clock_getcpuclockid
	var t unix.Timespec
	if unix.ClockGettime(int32(^p.cmd.Process.Pid)<<3|scheduled, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// resident is the memory that the process has, in bytes.
func (p *process) resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, errors.New("/proc/PID/statm: expected the pages in memory as its second number")
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// until polls a condition, rarely if looking takes long, as long as none of the
// processes ends.
func until(ctx context.Context, what string, processes []*process, holds func() (bool, error)) error {
	for {
		began := time.Now()
		ok, err := holds()
		if ok || err != nil {
			return err
		}
		for _, p := range processes {
			if err := p.failed(); err != nil {
				return fmt.Errorf("wait until %s: %w", what, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, ctx.Err())
		case <-time.After(max(50*time.Millisecond, 10*time.Since(began))):
		}
	}
}
