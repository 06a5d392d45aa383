package local

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/aee"
)

const (
	// lookEvery is the period of looking at a process where the kernel has no
	// pidfd; killWithin is how long killed processes may take to be gone.
	lookEvery  = 200 * time.Millisecond
	killWithin = 5 * time.Second
)

// await returns true when the process has ended, false when stop closes
// first. alive must report whether pid is still the process that is meant.
func await(pid int, alive func() bool, stop <-chan struct{}) bool {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err == unix.ESRCH {
		return true
	}
	if err != nil {
		return lookFor(alive, stop)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	if !alive() { // the id was another's before the pidfd was opened
		return true
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return lookFor(alive, stop)
	}
	ended := make(chan error, 1)
	go func() { ended <- conn.Read(exited) }()
	select {
	case err := <-ended:
		if err != nil {
			return lookFor(alive, stop)
		}
		return true
	case <-stop:
		f.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // only to end the goroutine
		<-ended
		return false
	}
}

// exited reports whether the pidfd is readable: its process has ended.
func exited(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

func lookFor(alive func() bool, stop <-chan struct{}) bool {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for alive() {
		select {
		case <-stop:
			return false
		case <-tick.C:
		}
	}
	return true
}

// kill ends the supervisor, if pid is not 0, and every process of the job,
// those included that left the supervisor's group, such as SSH masters. It
// returns when all are gone.
func kill(id string, pid int) error {
	if pid != 0 {
		syscall.Kill(-pid, syscall.SIGKILL) //nolint:errcheck // it may have ended by itself
	}
	for deadline := time.Now().Add(killWithin); ; time.Sleep(5 * time.Millisecond) {
		left := members(id)
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v do not end", left)
		}
		for _, pid := range left {
			syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck // the next round sees
		}
	}
}

// members are the job's processes, known by their environment.
func members(id string) (pids []int) {
	mark := []byte("\x00" + aee.JobVariable + "=" + id + "\x00")
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		env, err := os.ReadFile("/proc/" + entry.Name() + "/environ")
		if err != nil { // gone, or another user's
			continue
		}
		if bytes.Contains(append(append([]byte{0}, env...), 0), mark) {
			pids = append(pids, pid)
		}
	}
	return pids
}
