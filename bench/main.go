package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/drover-hpc/drover/internal/sim"
)

// bench is one run of this program.
type bench struct {
	printer
	builds []build
	rounds int
	page   page
}

// measure gives the rows that it is named after, with servers of its own.
type measure struct {
	rows string
	run  func(context.Context, *bench) error
}

// measures are all; main sets them, for they know of each other's names.
var measures []measure

func init() {
	measures = []measure{
		{"reboot-1000", reboot(1_000)},
		{"reboot-10000", reboot(10_000)},
		{"reboot-100000", reboot(100_000)},
		{"storm-10000", storm(10_000)},
		{"storm-100000", storm(100_000)},
		{"postgres", onPostgres},
		{"two-servers", onTwoServers},
		{"idle memory status", idle},
		{"idle-events", idleTold},
		{"list patch", components},
		{"bootscripts", bootScripts},
		{"tokens", tokens},
		{"s3-small", smallObjects},
		{"first-power-on", firstPowerOn},
		{"power-transition", powerTransition},
		{"cfs-session", ansibleSession},
		{"cage", cages},
		{"results", recordedResults},
	}
}

// What the flags say to all.
var (
	verbose  bool
	profiles string // a directory, or empty
)

func main() {
	sim.ReexecIfChild()
	playRole()
	b := &bench{printer: printer{out: os.Stdout}}
	only := flag.String("only", "", "`ROWS` to measure, with commas between them; the beginnings of their names will do")
	old := flag.String("old", "", "measure the server of this git `REVISION` as well, in turns with that of this tree")
	guard := flag.String("guard", "", "compare the counts of a small reboot with the ceilings of this `FILE`, and measure nothing else")
	flag.StringVar(&b.page.base, "page", "", "bring `FILE`.md, .json and .svg up to date with what is measured")
	flag.BoolVar(&b.json, "json", false, "print a JSON object for each row")
	flag.IntVar(&b.rounds, "rounds", 0, "how many reboots are measured; 0: nine of 1,000 nodes and fewer, three of 10,000")
	flag.BoolVar(&verbose, "v", false, "show the servers' log")
	flag.StringVar(&profiles, "profiles", "", "write profiles of CPU and heap of each process measured to this `DIR`")
	flag.Parse()
	quiet()
	if profiles != "" {
		if err := os.MkdirAll(profiles, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := b.run(ctx, *only, *old, *guard); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, only, old, guard string) error {
	dir, err := os.MkdirTemp("", "drover-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if b.builds, err = builds(ctx, dir, old); err != nil {
		return err
	}
	if guard != "" {
		return b.guard(ctx, guard)
	}
	b.page.machine = fmt.Sprintf("%s, %d cores, %s, %s", cpu(), runtime.NumCPU(), runtime.Version(), time.Now().Format(time.DateOnly))
	if !b.json {
		fmt.Print(b.page.machine, "\n\n")
	}
	for _, m := range measures {
		if !wanted(m.rows, only) {
			continue
		}
		if err := m.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", m.rows, err)
		}
	}
	if b.page.base == "" {
		return nil
	}
	b.page.fresh = b.rows
	return b.page.write()
}

// wanted tells whether one of the rows, with blanks between, is asked for: by its
// name, or by the beginning of its name where that is no row's whole name.
func wanted(rows, only string) bool {
	for word := range strings.SplitSeq(only, ",") {
		whole := slices.ContainsFunc(measures, func(m measure) bool { return slices.Contains(strings.Fields(m.rows), word) })
		for name := range strings.FieldsSeq(rows) {
			if name == word || !whole && strings.HasPrefix(name, word) {
				return true
			}
		}
	}
	return false
}

// quiet keeps the logs of this process off the terminal.
func quiet() {
	if !verbose {
		slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	}
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
