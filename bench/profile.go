package main

import (
	"os"
	"runtime"
	"runtime/pprof"
)

// profiles are the files for what the flags ask for, empty for nothing.
var profiles struct{ cpu, heap string }

// profileCPU records until the function that it returns is called.
func profileCPU() (stop func(), err error) {
	if profiles.cpu == "" {
		return func() {}, nil
	}
	f, err := os.Create(profiles.cpu)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

// liveMemory is what the process holds after a collection, in MB.
func liveMemory() (uint64, error) {
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	inUse := (mem.HeapInuse + mem.StackInuse) >> 20
	if profiles.heap == "" {
		return inUse, nil
	}
	f, err := os.Create(profiles.heap)
	if err != nil {
		return inUse, err
	}
	defer f.Close()
	return inUse, pprof.WriteHeapProfile(f)
}
