package proc

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what a process has used since it began.
type Usage struct {
	CPU         time.Duration `json:"cpu"`
	Allocations uint64        `json:"allocations"`
	Bytes       uint64        `json:"bytes"` // allocated
	// Programs is the processor time of those that it started and that have ended,
	// with all of theirs.
	Programs time.Duration `json:"programs"`
}

// Minus is what was used between two looks.
func (u Usage) Minus(before Usage) Usage {
	return Usage{u.CPU - before.CPU, u.Allocations - before.Allocations, u.Bytes - before.Bytes, u.Programs - before.Programs}
}

// Plus is what two processes have used.
func (u Usage) Plus(other Usage) Usage {
	return Usage{u.CPU + other.CPU, u.Allocations + other.Allocations, u.Bytes + other.Bytes, u.Programs + other.Programs}
}

// usage is this process's own.
func usage() Usage {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return Usage{OwnCPU(), samples[0].Value.Uint64(), samples[1].Value.Uint64(), cpuOf(unix.RUSAGE_CHILDREN)}
}

// OwnCPU is the processor time of this process.
func OwnCPU() time.Duration { return cpuOf(unix.RUSAGE_SELF) }

func cpuOf(whose int) time.Duration {
	var u unix.Rusage
	if unix.Getrusage(whose, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// collected is the heap and the stacks in use after a collection, in bytes.
func collected() uint64 {
	runtime.GC()
	runtime.GC() // what has a finalizer goes at the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// profiler writes a CPU profile between two requests, or a heap profile at once.
type profiler struct{ file *os.File }

// Profile is the argument of "profile": a file to begin with, or neither to
// stop.
type Profile struct {
	CPU  string `json:"cpu,omitempty"`
	Heap string `json:"heap,omitempty"`
}

func (p *profiler) set(arg json.RawMessage) (any, error) {
	var want Profile
	if err := json.Unmarshal(arg, &want); err != nil {
		return nil, err
	}
	switch {
	case want.Heap != "":
		return nil, writeHeap(want.Heap)
	case want.CPU != "":
		f, err := os.Create(want.CPU)
		if err != nil {
			return nil, err
		}
		p.file = f
		return nil, pprof.StartCPUProfile(f)
	case p.file == nil:
		return nil, errors.New("no profile is being written")
	}
	pprof.StopCPUProfile()
	err := p.file.Close()
	p.file = nil
	return nil, err
}

func writeHeap(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return pprof.WriteHeapProfile(f)
}
