package pod

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// child runs the command to its end and returns its exit status: 128 and the
// signal's number if one ended it. As a container's first process it also buries
// whatever the step leaves behind, such as SSH masters.
func child(ctx context.Context, argv []string, stdout, stderr io.Writer) (int, error) {
	if os.Getpid() != 1 {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Stdout, cmd.Stderr = stdout, stderr
		err := cmd.Run()
		if cmd.ProcessState == nil {
			return 1, fmt.Errorf("start the step: %w", err)
		}
		return status(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 1, fmt.Errorf("start the step: %w", err)
	}
	p, err := os.StartProcess(path, argv, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return 1, fmt.Errorf("start the step: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { p.Signal(syscall.SIGKILL) }) //nolint:errcheck // it may have ended
	defer stop()
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return 1, fmt.Errorf("wait for the step: %w", err)
		}
		if pid == p.Pid {
			return status(ws), nil
		}
	}
}

func status(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}
