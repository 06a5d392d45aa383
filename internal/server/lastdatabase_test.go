package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
	"github.com/drover-hpc/drover/internal/store/transfer"
)

// restarts starts a server and stops it; it returns what the start says.
func restarts(t *testing.T, c Config) error {
	t.Helper()
	s, err := Start(t.Context(), c, Options{})
	if err == nil {
		s.Stop()
	}
	return err
}

func refusedFor(t *testing.T, c Config, words string) {
	t.Helper()
	if err := restarts(t, c); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), words) {
		t.Errorf("expected %q, got %v", words, err)
	}
	if err := os.Remove(filepath.Join(c.Data, lastDatabaseFile)); err != nil {
		t.Error(err)
	}
	if err := restarts(t, c); err != nil {
		t.Errorf("with the file removed: %v", err)
	}
}

// A server does not begin empty where its predecessor had a database.
func TestADatabaseThatHasGoneIsMissed(t *testing.T) {
	c := testConfig(t)
	for range 2 {
		if err := restarts(t, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(c.Data, databaseFile)); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, c, "drover.db, which this data directory had, has gone or is empty")
	moved := testConfig(t)
	if err := errors.Join(os.Remove(filepath.Join(c.Data, databaseFile)), os.Remove(moved.Data), os.Rename(c.Data, moved.Data)); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, moved, filepath.Join(moved.Data, databaseFile)+", which this data directory had, has gone or is empty")
}

// killed copies to a data directory what a server leaves that is killed.
func killed(t *testing.T) (c Config) {
	t.Helper()
	running := testConfig(t)
	c = testConfig(t)
	s, err := Start(t.Context(), running, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{databaseFile, databaseFile + "-wal", lastDatabaseFile, keyFile} { // as a kill leaves them
		text, err := os.ReadFile(filepath.Join(running.Data, file))
		if file == lastDatabaseFile {
			text = bytes.ReplaceAll(text, []byte(running.Data), []byte(c.Data))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(c.Data, file), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Stop()
	return c
}

// Commands that take the log into the database leave no false alarm to the next start,
// and the file that they write to the server's user.
func TestALogThatACommandTookIntoTheDatabaseIsNotMissed(t *testing.T) {
	for name, command := range map[string]func(dir string) error{
		"secrets rotate": func(dir string) error { return (&rotation{data: dir}).run(t.Context(), io.Discard) },
		"migrate": func(dir string) error {
			m := migration{data: dir, database: storetest.Postgres(t), format: "text", do: (*transfer.Copy).ToPostgres}
			return m.run(t.Context(), io.Discard, io.Discard)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := killed(t)
			if os.Geteuid() == 0 {
				must(t, os.Chown(c.Data, 4711, 4712))
			}
			if err := command(c.Data); err != nil {
				t.Fatal(err)
			}
			if _, log, err := store.Traces(t.Context(), c.database()); err != nil || log {
				t.Fatalf("the command left the log: %t, %v", log, err)
			}
			info, err := os.Stat(c.lastDatabase())
			must(t, err)
			if owner, is := info.Sys().(*syscall.Stat_t); os.Geteuid() == 0 && (!is || owner.Uid != 4711 || owner.Gid != 4712) {
				t.Errorf("%s belongs to %d:%d", c.lastDatabase(), owner.Uid, owner.Gid)
			}
			if err := restarts(t, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a killed server left is its database with its log.
func TestALogThatHasGoneIsMissed(t *testing.T) {
	c := killed(t)
	left, err := os.ReadFile(filepath.Join(c.Data, lastDatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := restarts(t, c); err != nil {
		t.Fatalf("with both: %v", err)
	}
	if err := os.WriteFile(filepath.Join(c.Data, lastDatabaseFile), left, 0o600); err != nil { // killed again, and the log is lost
		t.Fatal(err)
	}
	refusedFor(t, c, "drover.db-wal, has gone")
}

func TestAnEmptyDatabaseOfPostgreSQLIsMissed(t *testing.T) {
	c := testConfig(t)
	c.Database = storetest.Postgres(t)
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	word, err := os.ReadFile(filepath.Join(c.Data, lastDatabaseFile))
	s.Stop()
	if err == nil {
		err = os.WriteFile(filepath.Join(c.Data, lastDatabaseFile), word, 0o600) // as a kill leaves it
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := restarts(t, c); err != nil {
		t.Fatalf("after a kill: %v", err)
	}
	conn, err := pgx.Connect(t.Context(), c.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, c, "has gone or is empty")
}
