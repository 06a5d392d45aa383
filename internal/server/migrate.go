package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/seal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/transfer"
)

// migration is what `drover migrate` is started with.
type migration struct {
	data, database, format string
	do                     func(*transfer.Copy, context.Context) (*transfer.Report, error)
	back                   bool
	key                    SecretKey // of the source, and then of the target
}

// MigrateCommand is `drover migrate`.
func MigrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Carry a whole site from SQLite to PostgreSQL, or back",
		Long: "Carry a whole site from SQLite to PostgreSQL, or back: every table, row by row, then compared.\n\n" +
			"No server may run on either side meanwhile. The target must be empty. What is copied becomes visible in one moment, after the comparison:\n" +
			"a copy that is broken off has never happened, and is made again by the same command. The source stays as it is (its schema is brought up to date, as by a start of the server).",
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		migrateCommand("sqlite-to-postgres", "Carry a site from the data directory to a PostgreSQL database", migration{do: (*transfer.Copy).ToPostgres}),
		migrateCommand("postgres-to-sqlite", "Carry a site from a PostgreSQL database to the data directory", migration{do: (*transfer.Copy).ToSQLite, back: true}),
	)
	return cmd
}

func migrateCommand(use, short string, m migration) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		Long: short + ".\n\n" +
			"Progress is printed on standard error, the comparison of each table on standard output. The exit code is 0 when every table is equal.",
		SilenceUsage: true, SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fault.New(fault.Invalid, "expected no arguments, got %q", args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			return m.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&m.data, "data", "drover-data", "the server's data `DIR`")
	f.StringVar(&m.database, "database", "", "`URL` of the PostgreSQL database (postgres://...)")
	f.StringVar(&m.key.File, "secret-key", "", "`FILE` with the key of secrets (default: "+keyFile+" in the data directory)")
	f.StringVar(&m.format, "format", "text", "what to print: text or json")
	return cmd
}

func (m migration) check() (dir string, err error) {
	switch {
	case !store.IsPostgres(m.database):
		return "", fault.New(fault.Invalid, "database: expected a postgres:// URL, got %q", m.database)
	case m.format != "text" && m.format != "json":
		return "", fault.New(fault.Invalid, "format: expected text or json, got %q", m.format)
	case m.data == "":
		return "", fault.New(fault.Invalid, "data: expected a directory")
	}
	if dir, err = absolute(m.data); err != nil {
		return "", fault.New(fault.Invalid, "data: %w", err)
	}
	if m.back {
		err = os.MkdirAll(dir, 0o700) // as a start of the server would
	} else {
		_, err = os.Stat(dir)
	}
	if err != nil {
		return "", fault.New(fault.Invalid, "data: %w", err)
	}
	return dir, nil
}

func (m migration) run(ctx context.Context, out, errs io.Writer) error {
	dir, err := m.check()
	if err != nil {
		return err
	}
	unlock, err := lockData(dir)
	if err != nil {
		return err
	}
	defer unlock()
	if !m.back {
		if err := (&Config{Data: dir}).expectDatabase(ctx); err != nil {
			return err
		}
	}
	keys, err := m.keys(ctx, dir)
	if err != nil {
		return err
	}
	c := &transfer.Copy{
		Keys:   keys,
		SQLite: filepath.Join(dir, databaseFile), Postgres: m.database,
		Progress: tellNowAndThen(errs, time.Now),
		Say:      func(line string) { fmt.Fprintln(errs, line) },
	}
	report, err := m.do(c, ctx)
	if report == nil {
		return store.Unreached(err)
	}
	kept, kerr := keptIn(dir)
	if kerr != nil {
		fmt.Fprintln(errs, kerr)
	}
	report.Stays = kept
	if perr := m.print(out, dir, report); err == nil {
		err = perr
	}
	return err
}

// keys are those of the source, which the target has then.
func (m migration) keys(ctx context.Context, dir string) (*seal.Keys, error) {
	source := filepath.Join(dir, databaseFile)
	if m.back {
		source = m.database
	} else if _, err := os.Stat(source); err != nil {
		return nil, nil // which the copy says
	}
	file, err := absolute(m.key.File)
	if err != nil {
		return nil, fault.New(fault.Invalid, "secret-key: %w", err)
	}
	m.key.File = file
	m.key.take()
	return m.key.openOrMake(ctx, source, dir)
}

// keptIn is what a data directory has besides the database.
func keptIn(dir string) ([]transfer.Kept, error) {
	entries, err := os.ReadDir(dir)
	out := []transfer.Kept{}
	for _, e := range entries {
		name := e.Name()
		if name == "lock" || name == "url" || strings.HasPrefix(name, databaseFile) {
			continue
		}
		kept := transfer.Kept{Name: name, Holds: dataHolds[name]}
		if e.IsDir() {
			kept.Name += "/"
		}
		out = append(out, kept)
	}
	return out, err
}

// told is how often progress is printed.
const told = 2 * time.Second

// tellNowAndThen prints a line from time to time.
func tellNowAndThen(w io.Writer, now func() time.Time) func(transfer.Step) {
	last, rows := now(), 0
	return func(s transfer.Step) {
		if rows++; rows%256 != 0 || now().Sub(last) < told {
			return
		}
		last = now()
		of := ""
		if s.Of > 0 {
			of = fmt.Sprintf(" of %d", s.Of)
		}
		fmt.Fprintf(w, "%s %s: %d%s rows\n", s.Doing, s.Table, s.Rows, of)
	}
}

// print writes the comparison, and what is to be done now.
func (m migration) print(w io.Writer, dir string, r *transfer.Report) error {
	if m.format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false) // URLs have &
		return e.Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TABLE\tROWS\tBYTES\tSHA-256\tCOMPARED")
	for _, line := range r.Tables {
		compared := "equal"
		if !line.Equal {
			compared = fmt.Sprintf("DIFFERS: %d rows, %.12s", *line.TargetRows, line.TargetSHA256)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%.12s\t%s\n", line.Name, line.Rows, line.Bytes, line.SHA256, compared)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s: %d rows from %s to %s\n", says[r.Result], r.Rows, r.From, r.To)
	if len(r.Stays) > 0 {
		fmt.Fprintf(w, "\nStays where it is, in %s:\n", dir)
	}
	for _, kept := range r.Stays {
		fmt.Fprintf(t, "  %s\t%s\n", kept.Name, kept.Holds)
	}
	if err := t.Flush(); err != nil || r.Result == transfer.Differs {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", m.then(dir))
	return err
}

var says = map[transfer.Result]string{
	transfer.Copied:  "Copied",
	transfer.Already: "Was there already, equal",
	transfer.Differs: "Not copied, the target is as it was",
}

// then is what to do after a copy.
func (m migration) then(dir string) string {
	if m.back {
		return "Start the server without --database, on this data directory, with the key that it has now: secrets went over sealed. What it changes from then on, the PostgreSQL database does not get."
	}
	return "Start the server with --database and this data directory, or give it the key in another way: secrets went over sealed. " + filepath.Join(dir, databaseFile) + " is as it was and gets no changes any more: move it away once all is well."
}
