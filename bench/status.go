package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/drover-hpc/drover/bench/proc"
	"github.com/drover-hpc/drover/internal/cli"
)

// printStatus measures `drover status` of all nodes: the processor time of the command and
// of the server, and that of the server over its list of BOS's components alone.
func (d *droverSide) printStatus(ctx context.Context, b *bench) error {
	var took, own, list time.Duration
	for i := range repeats + 1 {
		mine, err := d.costs(func() error { return d.status(ctx) })
		if err != nil {
			return err
		}
		listed, err := d.costs(func() error { return d.get(ctx, componentsPath, &[]map[string]any{}) })
		if err != nil {
			return err
		}
		if i > 0 { // the first fills caches
			took, own, list = took+mine.server+mine.here, own+mine.server, list+listed.server
		}
	}
	r := row{name: "status", build: d.build.name, goal: "cpu ms <= 500, own over list <= 2"}
	r.add("cpu_ms", took.Seconds()*1000/repeats)
	r.add("own_cpu_ms", own.Seconds()*1000/repeats)
	r.add("own_over_list", ratio(own, list))
	return b.print(r)
}

// shares is processor time of the server and of this process.
type shares struct{ server, here time.Duration }

func (l *lab) costs(do func() error) (c shares, err error) {
	before, err := l.server.Usage()
	if err != nil {
		return c, err
	}
	here := proc.OwnCPU()
	if err := do(); err != nil {
		return c, err
	}
	c.here = proc.OwnCPU() - here
	after, err := l.server.Usage()
	c.server = after.CPU - before.CPU
	return c, err
}

// status is the command, as a user without a configuration types it.
func (l *lab) status(ctx context.Context) error {
	env := map[string]string{"HOME": l.dir, "DROVER_SERVER": l.api.Base}
	var out counter
	code := cli.Main(ctx, cli.Config{Stdout: &out, Stderr: io.Discard, Getenv: func(k string) string { return env[k] }}, []string{"status", "-o", "wide"})
	if code != 0 {
		return fmt.Errorf("drover status ended with %d", code)
	}
	if out == 0 {
		return errors.New("drover status printed nothing")
	}
	return nil
}

// counter counts what is written.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
