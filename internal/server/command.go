package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/fault"
)

// Command is `drover serve`.
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run all services on one listener, on request with simulated nodes",
		Long: "Run all services on one listener.\n\n" +
			"Every flag can also be set by an environment variable (DROVER_LISTEN for --listen)\n" +
			"or by a key of the --config file (listen). The flag wins, then the variable.",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			if err := setLog(c.LogLevel); err != nil {
				return err
			}
			return run(cmd.Context(), c)
		},
	}
	declare(cmd)
	return cmd
}

// run serves until a signal or the end of ctx.
func run(ctx context.Context, c Config) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	defer KeepMemory(c.Memory())()
	s, err := Start(ctx, c, Options{})
	if err != nil && ctx.Err() != nil {
		return nil // it was told to stop while it stood by
	}
	if lost := (*placeLost)(nil); errors.As(err, &lost) {
		return again(lost.why, c.SecretKey.environ())
	}
	if err != nil {
		return err
	}
	slog.Info("ready", "url", s.URL(), "s3", s.platform.s3Endpoint, "data", c.Data)
	select {
	case <-ctx.Done():
	case <-s.Lost():
		return again(leadLost, c.SecretKey.environ())
	case <-s.db.Unsure():
		return again(commitUnsure, c.SecretKey.environ())
	}
	slog.Info("stopping")
	s.Stop()
	return nil
}

// Why a server can neither go on nor end, but has to start again.
const (
	leadLost     = "another server on the database leads now"
	commitUnsure = "the database broke off in the middle of a commit, and nobody knows whether it happened"
)

// placeLost is a start in whose middle the server lost its place: it has to
// start again, and stands by then.
type placeLost struct {
	why string
	err error
}

func (e *placeLost) Error() string { return e.why + ": " + e.err.Error() }
func (e *placeLost) Unwrap() error { return e.err }

// whyAgain is err, of a start that failed, as a *placeLost if it comes of that.
func (s *Server) whyAgain(err error) error {
	if s.lease != nil && closed(s.lease.Lost()) {
		return &placeLost{leadLost, err}
	}
	if s.db != nil && closed(s.db.Unsure()) {
		return &placeLost{commitUnsure, err}
	}
	return err
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// again starts this program anew in the same process: nothing of what it was at
// may go on, wherever it stands, and nothing of what it remembers may be used. environ
// is what it was started with.
func again(why string, environ []string) error {
	slog.Error("starting again", "reason", why)
	program, err := os.Executable()
	if err == nil {
		err = syscall.Exec(program, os.Args, environ)
	}
	return fault.New(fault.Unavailable, "%s, and this one cannot start again: %w", why, err)
}

func setLog(level string) error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return fault.New(fault.Invalid, "log-level: expected debug, info, warn or error, got %q", level)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l})))
	return nil
}
