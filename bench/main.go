package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/sim"
)

// row is one line of the table.
type row struct {
	measure, result, goal string
}

// measures are the groups of rows, each with a server of its own.
var measures = []struct {
	name string
	run  func(context.Context) ([]row, error)
}{
	{"reboot of 1,000", func(ctx context.Context) ([]row, error) { return reboot(ctx, 1_000, "") }},
	{"reboot of 10,000", func(ctx context.Context) ([]row, error) { return reboot(ctx, 10_000, "<= 10 s") }},
	{"first power-on", firstPowerOn},
	{"components: list and patch", components},
	{"boot scripts", bootScripts},
	{"power transition", powerTransition},
	{"CFS session", ansibleSession},
	{"results", recordedResults},
}

func main() {
	sim.ReexecIfChild()
	stepOfSession()
	only := flag.String("only", "", "run only the measures whose name contains this")
	verbose := flag.Bool("v", false, "show the server's log")
	cpuprofile := flag.String("cpuprofile", "", "write a CPU profile of the measured part to the file")
	memprofile := flag.String("memprofile", "", "write a profile of the live heap, taken when memory is measured, to the file")
	flag.Parse()
	if !*verbose {
		slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	}
	profiles.cpu, profiles.heap = *cpuprofile, *memprofile
	if err := run(context.Background(), *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) error {
	fmt.Printf("%s, %d cores, %s, %s\n\n", cpu(), runtime.NumCPU(), runtime.Version(), time.Now().Format(time.DateOnly))
	fmt.Println("| measure | result | goal |\n|---|---|---|")
	for _, m := range measures {
		if !strings.Contains(m.name, only) {
			continue
		}
		rows, err := m.run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		for _, r := range rows {
			fmt.Printf("| %s | %s | %s |\n", r.measure, r.result, r.goal)
		}
		runtime.GC()
	}
	return nil
}

func cpu() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, found := strings.CutPrefix(line, "model name"); found {
			return strings.Trim(name, "\t :\n")
		}
	}
	return runtime.GOARCH
}

// seconds formats a duration to three digits.
func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.3g ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}
