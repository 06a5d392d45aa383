package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// familyCPU is the processor time of the process and of its children, dead or
// alive, in the hundredths of a second in which the kernel tells of others.
func familyCPU(pid int) (time.Duration, error) {
	const ticks = 100 // a second; sysconf(_SC_CLK_TCK) on every Linux
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, f := range fields[11:15] { // utime, stime and those of children waited for
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	total := time.Duration(sum) * time.Second / ticks
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	for child := range strings.FieldsSeq(string(children)) {
		id, err := strconv.Atoi(child)
		if err != nil {
			return 0, err
		}
		if cpu, err := familyCPU(id); err == nil { // one that ends meanwhile is the parent's
			total += cpu
		}
	}
	return total, nil
}

// stat is what follows the process' name in /proc/PID/stat.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return nil, fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	return fields, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
