package server

import (
	"context"
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
	if err != nil {
		return err
	}
	slog.Info("ready", "url", s.URL(), "s3", s.platform.s3Endpoint, "data", c.Data)
	select {
	case <-ctx.Done():
	case <-s.Lost():
		return again()
	}
	slog.Info("stopping")
	s.Stop()
	return nil
}

// again starts this program anew in the same process, to stand by. Another server
// leads: nothing of what this one was at may go on, wherever it stands.
func again() error {
	slog.Error("another server on the database leads now: starting again, to stand by")
	program, err := os.Executable()
	if err == nil {
		err = syscall.Exec(program, os.Args, os.Environ())
	}
	return fault.New(fault.Unavailable, "another server on the database leads now, and this one cannot start again: %w", err)
}

func setLog(level string) error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return fault.New(fault.Invalid, "log-level: expected debug, info, warn or error, got %q", level)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l})))
	return nil
}
