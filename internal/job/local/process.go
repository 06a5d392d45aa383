package local

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/job"
)

// lookEvery is the period of looking at a process where the kernel has no pidfd.
const lookEvery = 200 * time.Millisecond

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

// kill ends the supervisor, if pid is not 0, and every process of the job. It
// returns when all are gone.
func kill(id string, pid int) error {
	if pid != 0 {
		syscall.Kill(-pid, syscall.SIGKILL) //nolint:errcheck // it may have ended by itself
	}
	return job.EndProcesses(id)
}
