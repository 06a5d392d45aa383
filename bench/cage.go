package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// memoryDir is a file system in memory, on Linux.
const memoryDir = "/dev/shm"

// cages measures what cages add to a session: BenchmarkCage, by turns the same steps of a
// program that does nothing in cages and without. A real session takes seconds, and one
// differs from the next by ten times of what is looked for. It is built as the product is,
// without cgo, and its files lie in memory, where nobody else writes.
func cages(ctx context.Context, b *bench) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkCage$", "-benchtime", "100x", "./internal/aee")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if info, err := os.Stat(memoryDir); err == nil && info.IsDir() {
		cmd.Env = append(cmd.Env, "TMPDIR="+memoryDir)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("measure cages: %w: %s", err, out)
	}
	r := row{name: "cage", build: b.builds[0].name, goal: "more ms <= 30"}
	for _, one := range []struct{ name, unit string }{{"more_ms", "ms-elapsed-more"}, {"more_cpu_ms", "ms-processor-more"}, {"ms_without", "ms-elapsed-uncaged"}} {
		number, err := metric(string(out), one.unit)
		if err != nil {
			return err
		}
		r.add(one.name, number)
	}
	return b.print(r)
}

// metric is the figure before the unit in what a benchmark printed.
func metric(printed, unit string) (float64, error) {
	fields := strings.Fields(printed)
	for i, f := range fields {
		if f == unit && i > 0 {
			return strconv.ParseFloat(fields[i-1], 64)
		}
	}
	return 0, fmt.Errorf("the benchmark tells no %s: %s", unit, printed)
}
