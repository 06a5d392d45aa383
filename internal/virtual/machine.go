package virtual

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// machine is a QEMU process.
type machine struct {
	process *os.Process
	monitor *monitor
	ended   chan struct{}
	told    chan struct{} // closed once the BMC has told of its end
	said    *tail         // on standard error

	mu       sync.Mutex
	pressing bool // its power button
	again    bool // start it once more when it has ended
}

const (
	// startTimeout is what QEMU may take until it answers.
	startTimeout = 20 * time.Second
	// pressEvery is how often the power button is pressed until the system
	// obeys: firmware and a system that is still starting miss it.
	pressEvery   = 3 * time.Second
	pressTimeout = 2 * time.Second
)

// start runs QEMU with the arguments and returns when its monitor answers. What
// comes on the serial line goes to console until the process ends.
func start(args []string, console io.Writer) (*machine, error) {
	line, lineEnd, err := pair("console")
	if err != nil {
		return nil, err
	}
	defer lineEnd.Close()
	control, controlEnd, err := pair("monitor")
	if err != nil {
		line.Close()
		return nil, err
	}
	defer controlEnd.Close()
	m := &machine{monitor: newMonitor(control), ended: make(chan struct{}), told: make(chan struct{}), said: &tail{}}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stderr = "/", m.said
	cmd.ExtraFiles = []*os.File{lineEnd, controlEnd}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go m.live(cmd, started, line, console)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := m.monitor.open(ctx); err != nil {
		m.kill()
		if words := m.said.String(); words != "" {
			for _, a := range args {
				words = strings.ReplaceAll(words, " "+a+":", ":") // it repeats what it was given
			}
			return nil, fmt.Errorf("start QEMU: %s", words)
		}
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	return m, nil
}

// live starts the process and waits for its end. The kernel kills the process
// when the thread that started it ends, so this one stays.
func (m *machine) live(cmd *exec.Cmd, started chan<- error, line net.Conn, console io.Writer) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer m.monitor.conn.Close()
	defer line.Close()
	err := cmd.Start()
	m.process = cmd.Process
	started <- err
	if err != nil {
		return
	}
	var copying sync.WaitGroup
	copying.Go(func() { io.Copy(console, line) })      //nolint:errcheck // ends with the line
	cmd.Wait()                                         //nolint:errcheck // how it ended is told by what it said
	line.SetReadDeadline(time.Now().Add(drainTimeout)) //nolint:errcheck // then it ends by itself
	copying.Wait()
	close(m.ended)
}

// drainTimeout bounds the reading of a machine's last words.
const drainTimeout = time.Second

// pair is a connection and the file of its other end.
func pair(name string) (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to QEMU's %s: %w", name, err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name)
	defer ours.Close() // FileConn has a copy
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("connect to QEMU's %s: %w", name, err)
	}
	return conn, theirs, nil
}

func (m *machine) runs() bool {
	select {
	case <-m.ended:
		return false
	default:
		return true
	}
}

// kill cuts the power and returns when it is off.
func (m *machine) kill() {
	m.mu.Lock()
	m.again = false
	m.mu.Unlock()
	m.process.Kill() //nolint:errcheck // it may have ended
	<-m.ended
}

// shutDown presses the power button until the system obeys; then it is started
// once more if again is set.
func (m *machine) shutDown(again bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.again = again
	if !m.pressing {
		m.pressing = true
		go m.press()
	}
}

func (m *machine) press() {
	next := time.NewTicker(pressEvery)
	defer next.Stop()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), pressTimeout)
		m.monitor.run(ctx, "system_powerdown") //nolint:errcheck // it is repeated
		cancel()
		select {
		case <-m.ended:
			return
		case <-next.C:
		}
	}
}

func (m *machine) startsAgain() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.again
}

// tail keeps the end of what is written.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const maxTail = 2 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-maxTail):]
	return len(p), nil
}

// String is the text as one line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(bytes.ToValidUTF8(t.text, nil))), " ")
}
