package operators

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
)

// Spec is what an operator declares of itself.
type Spec struct {
	// Name is the one that administrators know.
	Name string
	// Inputs are the tables on whose hints it runs, empty where the service is
	// elsewhere; Else, what has it run besides, in words.
	Inputs []string
	Else   string
	// Outputs are what it writes and whom it calls, in words. No two operators
	// declare the same.
	Outputs []string
	// Resync is the time between looks at everything; nil is only at start.
	Resync func(bos.Options) time.Duration
}

// operator does one thing. Its runs never overlap.
type operator interface {
	spec() Spec
	run(ctx context.Context, options bos.Options, w events.Wake) error
}

// effector carries out what was decided of components, in its own time. What
// comes of it becomes an outcome, or is seen.
type effector interface {
	hand(ctx context.Context, options bos.Options, nodes []bos.Component)
}

// loopPrefix is what the names of BOS's operators begin with in logs and figures.
const loopPrefix = "bos "

// add has the loop run the operator.
func (o *Operators) add(c *Config, l *events.Loop, op operator) {
	spec := op.spec()
	l.Name, l.Hub, l.Log = loopPrefix+spec.Name, c.Hub, c.Log
	for _, t := range spec.Inputs {
		if t != "" {
			l.Tables = append(l.Tables, t)
		}
	}
	l.Resync = func() time.Duration {
		if spec.Resync == nil {
			return 0
		}
		options, err := c.Service.Options(context.Background())
		if err != nil {
			options = bos.DefaultOptions()
		}
		return spec.Resync(options)
	}
	l.Run = func(ctx context.Context, w events.Wake) error {
		options, err := c.Service.Options(ctx)
		if err != nil {
			return err
		}
		return op.run(ctx, options, w)
	}
	o.loops = append(o.loops, l)
	o.specs = append(o.specs, spec)
}

func every(d time.Duration) func(bos.Options) time.Duration {
	return func(bos.Options) time.Duration { return d }
}
