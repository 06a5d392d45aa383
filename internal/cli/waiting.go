package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
)

// waiting is whether and how long a verb waits for the end of what it started.
type waiting struct {
	wait    bool
	timeout time.Duration
}

func (w *waiting) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&w.wait, "wait", "w", false, "follow it to its end")
	cmd.Flags().DurationVar(&w.timeout, "timeout", 0, "with --wait: end after a `DURATION` such as 30m; 0 waits as long as it takes")
}

// bounded is a context that ends with an interrupt, so that the terminal is left as it
// was, or with the timeout.
func (w *waiting) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	if w.timeout <= 0 {
		return ctx, stop
	}
	ctx, end := context.WithTimeout(ctx, w.timeout)
	return ctx, func() { end(); stop() }
}

// begun tells of what was started, as its record where data is wanted, and follows it if
// that is wished; else it says what comes next.
func (s *session) begun(ctx context.Context, w *waiting, record any, asData bool, text, next string, follow func(context.Context) error) error {
	if asData && !w.wait {
		return s.print(record)
	}
	if !w.wait {
		text += next
	}
	if _, err := fmt.Fprint(s.app.Stdout, text); err != nil || !w.wait {
		return err
	}
	ctx, stop := w.bounded(ctx)
	defer stop()
	return follow(ctx)
}

// waitError is why a wait ended that failed: the time of --timeout, in which what was
// waited for was not over, an interrupt, or else the error.
func waitError(ctx context.Context, err error, what string) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &ExitError{Code: 124, Err: fmt.Errorf("%s was not over in the time of --timeout", what)}
	case ctx.Err() != nil:
		return &ExitError{Code: 130}
	}
	return err
}
