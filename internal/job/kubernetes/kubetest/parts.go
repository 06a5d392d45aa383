package kubetest

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// starter starts processes from one thread that lives as long as it does: they
// end when that thread does, so that a test which is killed leaves none.
type starter struct {
	requests chan func()
	once     sync.Once
}

func newStarter() *starter {
	s := &starter{requests: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for do := range s.requests {
			do()
		}
	}()
	return s
}

func (s *starter) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := make(chan error)
	s.requests <- func() { err <- cmd.Start() }
	return <-err
}

func (s *starter) end() { s.once.Do(func() { close(s.requests) }) }

// part is one of the cluster's processes.
type part struct {
	name  string
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// start runs a part, whose output goes to a log of its own.
func (c *Cluster) start(name, program string, args ...string) {
	c.t.Helper()
	p := &part{name: name, cmd: exec.Command(program, args...), log: c.path(name + ".log"), ended: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer out.Close()
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := c.starter.start(p.cmd); err != nil {
		c.t.Fatal(err)
	}
	c.parts[name] = p
	go func() {
		p.cmd.Wait() //nolint:errcheck // its log tells
		close(p.ended)
	}()
}

func (p *part) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *part) kill() {
	p.cmd.Process.Kill() //nolint:errcheck // it may have ended
	<-p.ended
}

// tail is the end of its log.
func (p *part) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-3000):])
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
