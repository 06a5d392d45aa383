package inner

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// reserve is how many threads process 1 may have when the command may have
	// no more.
	reserve = 64
	// lookPause is the least time between two looks at what the command uses;
	// looking takes no more than one part in lookShare of a processor.
	lookPause = 100 * time.Millisecond
	lookShare = 20
)

// Limits are what a cage bounds, as the options are called that say how much: a verdict
// ends with one of them in parentheses.
var Limits = [...]string{memoryLimit, processLimit}

const memoryLimit, processLimit = "session-memory", "session-processes"

// attend runs the command and takes what its processes leave behind, until
// it ends or uses too much.
func (c *Spec) attend() (int, error) {
	pid, err := c.launch()
	if err != nil {
		return 0, err
	}
	if c.Memory > 0 || c.Processes > 0 {
		go c.watch()
	}
	for {
		var ws syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait for the command: %w", err)
		}
		if ended != pid || !(ws.Exited() || ws.Signaled()) {
			continue
		}
		c.look() // what it ended of may be seen in what is left
		if ws.Signaled() {
			return 128 + int(ws.Signal()), nil
		}
		return ws.ExitStatus(), nil
	}
}

// launch starts the command with the kernel's limits, which are beyond those
// at which watch ends it: so that it is known to have been too much.
func (c *Spec) launch() (pid int, err error) {
	if c.Memory > 0 {
		most := uint64(2*c.Memory + 1<<30)
		if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
			return 0, fmt.Errorf("limit memory: %w", err)
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return 0, fmt.Errorf("limit dumps: %w", err)
	}
	most := uint64(c.Processes + c.Processes/8 + reserve)
	if c.Processes > 0 {
		if err := syscall.Setrlimit(limitProcesses, &syscall.Rlimit{Cur: most, Max: most + reserve}); err != nil {
			return 0, fmt.Errorf("limit processes: %w", err)
		}
	}
	if err := os.Chdir(c.Dir); err != nil {
		return 0, err
	}
	pid, err = syscall.ForkExec(c.Program, c.Argv, &syscall.ProcAttr{Env: c.Env, Files: []uintptr{0, 1, 2}})
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", c.Program, err)
	}
	if c.Processes > 0 {
		err = syscall.Setrlimit(limitProcesses, &syscall.Rlimit{Cur: most + reserve, Max: most + reserve})
	}
	return pid, err
}

// watch looks at what the cage uses again and again. What counts of a look is
// what it used of a processor: among hundreds of processes that all want to run
// it waits long for its turn, and those are what it is to end.
func (c *Spec) watch() {
	runtime.LockOSThread()
	for {
		before := threadTime()
		c.look()
		time.Sleep(max(lookPause, lookShare*(threadTime()-before)))
	}
}

// threadTime is how long the calling thread has run on a processor.
func threadTime() time.Duration {
	const ofThread = 1 // RUSAGE_THREAD
	var used syscall.Rusage
	if err := syscall.Getrusage(ofThread, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// look ends the cage if its processes use too much.
func (c *Spec) look() {
	threads, resident := usage()
	switch {
	case c.Processes > 0 && threads > c.Processes:
		verdict(fmt.Sprintf("ended: it had more than %d processes (%s)", c.Processes, processLimit))
	case c.Memory > 0 && resident > c.Memory && shared() > c.Memory:
		verdict(fmt.Sprintf("ended: it used more than %d MiB of memory (%s)", c.Memory>>20, memoryLimit))
	default:
		return
	}
	os.Exit(BrokenExit)
}

// processes calls do with the folder of each process in the cage.
func processes(do func(dir string)) {
	names, err := readNames("/proc")
	if err != nil {
		return
	}
	for _, name := range names {
		if _, err := strconv.Atoi(name); err == nil {
			do("/proc/" + name)
		}
	}
}

func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// usage is how many threads there are, and how much memory their processes
// have at most, with what they share counted for each.
func usage() (threads int, resident int64) {
	processes(func(dir string) {
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			return
		}
		// The second field, the name in parentheses, may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		const count, pages = 17, 21
		if len(fields) <= pages {
			return
		}
		n, _ := strconv.Atoi(fields[count])
		rss, _ := strconv.ParseInt(fields[pages], 10, 64)
		threads += n
		resident += rss * int64(os.Getpagesize())
	})
	return threads, resident
}

// shared is how much memory the processes have, with what they share counted
// once; it takes the kernel more to tell.
func shared() (size int64) {
	processes(func(dir string) {
		text, err := os.ReadFile(dir + "/smaps_rollup")
		if err != nil {
			return
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
				size += kib << 10
			}
		}
	})
	return size
}
