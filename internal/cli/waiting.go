package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli/watch"
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

// begun tells of what was started and follows it if that is wished; else it says what comes
// next. Where data is wanted it is the record, or where it stood when it had been followed,
// which follow returns.
func (s *session) begun(ctx context.Context, w *waiting, record any, text, next string, follow func(context.Context) (any, error)) error {
	if s.asData && !w.wait {
		return s.print(record)
	}
	if !w.wait {
		text += next
	}
	if _, err := fmt.Fprint(s.progress(), text); err != nil || !w.wait {
		return err
	}
	ctx, stop := w.bounded(ctx)
	defer stop()
	return s.finally(follow(ctx))
}

// progress is where is told how far things are: nowhere if data is wanted.
func (s *session) progress() io.Writer {
	if s.asData {
		return io.Discard
	}
	return s.app.Stdout
}

// finally prints how what was followed ended, if data is wanted and it was seen at all; err
// is the outcome.
func (s *session) finally(end any, err error) error {
	var never *failure
	if !s.asData || end == nil || errors.As(err, &never) && never.code == 2 { // nothing is known of it
		return err
	}
	return cmp.Or(s.print(end), err)
}

// await looks at once and at changes, or now and then where changes is nil, until a look is
// the last one. A server that does not answer for a while, as when another one takes its
// place, is waited for; that it refuses is an error at once.
func await(ctx context.Context, changes <-chan struct{}, look func() (over bool, err error)) error {
	pace, answered := watch.DefaultPace, time.Now()
	return pace.Repeat(ctx, changes, func() (bool, error) {
		over, err := look()
		if err == nil {
			answered = time.Now()
		} else if ctx.Err() == nil && passing(err) && time.Since(answered) < pace.Patience {
			err = nil
		}
		return over, err
	}, func(time.Time) {})
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
