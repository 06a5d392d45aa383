package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/seal"
	"github.com/drover-hpc/drover/internal/store"
)

// SecretsCommand is `drover secrets`.
func SecretsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "The key with which secrets in the database are sealed",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeyCommand(), rotateCommand())
	return cmd
}

func newKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new-key FILE",
		Short: "Make a key file for `drover serve --secret-key`",
		Long: "Make a key file for `drover serve --secret-key`. A file that is there is left as it is.\n\n" +
			"A server without one makes its own at its first start. A key file may have several keys, a line each: the first one seals, all of them open.",
		Args: cobra.ExactArgs(1), SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			keys := seal.New()
			err := keys.Create(args[0])
			if errors.Is(err, fs.ErrExist) {
				return fault.New(fault.Conflict, "%s is there already: a key that is lost takes the secrets with it; expected the name of a new file", args[0])
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "made %s with the key %s\n", args[0], keys.First())
			return err
		},
	}
}

// rotation is what `drover secrets rotate` is started with.
type rotation struct {
	data, database string
	key            SecretKey
}

func rotateCommand() *cobra.Command {
	var r rotation
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Seal the secrets in the database with a new key, while no server runs on it",
		Long: "Seal the secrets in the database with a new key, and drop the old one.\n\n" +
			"No server may run on the database meanwhile; sessions that run go on. The key file gets the new key beside the old one, then everything is sealed anew and " +
			"what is left of the old is removed, then the file loses the old key: broken off at any moment, a server starts with the file as it is, and the same command " +
			"begins anew.\n\nBackups of before need the old key. With several servers on one database, give each the new file before it starts.",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			r.key.take()
			return r.run(ctx, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.data, "data", "drover-data", "the server's data `DIR`")
	f.StringVar(&r.database, "database", "", "`URL` of the PostgreSQL database (postgres://...); without it SQLite in the data directory")
	f.StringVar(&r.key.File, "secret-key", "", "`FILE` with the key (default: "+keyFile+" in the data directory)")
	return cmd
}

func (r *rotation) run(ctx context.Context, out io.Writer) error {
	for flag, path := range map[string]*string{"data": &r.data, "secret-key": &r.key.File} {
		var err error
		if *path, err = absolute(*path); err != nil {
			return fault.New(fault.Invalid, "%s: %w", flag, err)
		}
	}
	if _, err := os.Stat(r.data); err != nil {
		return fault.New(fault.Invalid, "data: %w", err)
	}
	unlock, err := lockData(r.data)
	if err != nil {
		return err
	}
	defer unlock()
	source := r.database
	if !store.IsPostgres(source) {
		if source != "" {
			return fault.New(fault.Invalid, "database: expected a postgres:// URL, got %q", source)
		}
		source = filepath.Join(r.data, databaseFile)
		if _, err := os.Stat(source); err != nil {
			return fault.New(fault.NotFound, "data: %w: expected the data directory of a server on SQLite, or --database", err)
		}
	}
	if err := (&Config{Data: r.data, Database: r.database}).expectDatabase(ctx); err != nil {
		return err
	}
	if r.database != "" {
		conn, err := pgx.Connect(ctx, r.database)
		if err != nil {
			return fault.New(fault.Unavailable, "%w", err)
		}
		defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it goes with the process
		if err := store.Alone(ctx, conn); err != nil {
			return err
		}
	}
	return r.rotate(ctx, source, out)
}

// rotate does it, for who is alone with the database.
func (r *rotation) rotate(ctx context.Context, source string, out io.Writer) error {
	old, where, _, err := r.key.open(ctx, source, r.data)
	switch {
	case err != nil:
		return err
	case old == nil:
		return fault.New(fault.NotFound, "nothing is sealed yet, and %s is not there: a start of the server makes it", where)
	case !filepath.IsAbs(where):
		return fault.New(fault.Invalid, "the key is in the variable %s, which this cannot change: put a new key before it, a line each, and start the server, which seals everything "+
			"with that; then leave the old one out", where)
	}
	fresh := seal.New()
	both := fresh.Before(old)
	if err := both.Replace(where); err != nil {
		return err
	}
	if err := store.Prepare(ctx, source, store.Sealed(both)); err != nil {
		return err
	}
	if err := fresh.Replace(where); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "sealed everything with the key %s, which %s has now instead of %s\n", fresh.First(), where, old.First())
	return err
}
