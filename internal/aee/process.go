package aee

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

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
