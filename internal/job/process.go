package job

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// killWithin is how long killed processes may take to be gone.
const killWithin = 5 * time.Second

// StartTime names the process among all that ever had its id: the boot and the
// tick at which it started. A process that is dead, though not yet reaped, has
// none: the error is fs.ErrNotExist.
func StartTime(pid int) (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", fmt.Errorf("process %d: %w", pid, os.ErrNotExist)
	}
	// The second field, the name in parentheses, may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, start = 0, 19
	if len(fields) <= start || fields[state] == "Z" || fields[state] == "X" {
		return "", fmt.Errorf("process %d: %w", pid, os.ErrNotExist)
	}
	return strings.TrimSpace(string(boot)) + "/" + fields[start], nil
}

// Alive reports whether the supervisor still runs.
func (s Supervisor) Alive() bool {
	start, err := StartTime(s.PID)
	return err == nil && start == s.Start
}

// EndProcesses kills every process of the job, those included that left the
// supervisor's group, such as SSH masters; not the caller. It returns when all
// are gone.
func EndProcesses(job string) error {
	for deadline := time.Now().Add(killWithin); ; time.Sleep(5 * time.Millisecond) {
		left := slices.DeleteFunc(Processes(job), func(pid int) bool { return pid == os.Getpid() })
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

// Processes are those of the job, known by their environment.
func Processes(job string) (pids []int) {
	mark := []byte("\x00" + Variable + "=" + job + "\x00")
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
