package server

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/transfer"
)

// lastDatabaseFile says which database a data directory's server had.
const lastDatabaseFile = "database.json"

// lastDatabase is what a server leaves for the next one, which would otherwise begin
// empty where a disk is not mounted or a file was lost.
type lastDatabase struct {
	Database string `json:"database"` // a path or a URL without password
	// Open says that SQLite's log has what the database has not: it was not closed,
	// or not in good order.
	Open bool `json:"open"`
}

func (c *Config) lastDatabase() string { return filepath.Join(c.Data, lastDatabaseFile) }

// expectDatabase refuses to begin with less than the last server had. From then on the
// log may go: who opens the database, be it a server or another command, may close it.
func (c *Config) expectDatabase(ctx context.Context) error {
	text, err := os.ReadFile(c.lastDatabase())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var last lastDatabase
	if err == nil {
		err = json.Unmarshal(text, &last)
	}
	if err != nil {
		return fault.New(fault.Invalid, "which database there was (%s): %w; remove the file if the database is as it should be", c.lastDatabase(), err)
	}
	now := transfer.Redacted(c.database())
	if last.Database != now && (store.IsPostgres(last.Database) || store.IsPostgres(now)) {
		return nil // another one was chosen; SQLite's file is always that of the data directory, wherever this was
	}
	there, log, err := store.Traces(ctx, c.database())
	switch {
	case err != nil:
		return err
	case !there:
		return fault.New(fault.Invalid, "the database %s, which this data directory had, has gone or is empty: see that its disk is mounted, or restore it; to begin with an empty one remove %s",
			now, c.lastDatabase())
	case last.Open && !log:
		return fault.New(fault.Invalid, "the log of the database, %s-wal, has gone, though the server did not stop in good order: what was written last may be missing. "+
			"Restore both; if another program took the log into the database, or the database was restored, remove %s", now, c.lastDatabase())
	}
	return c.tellDatabase(false)
}

// noteDatabase leaves word of the database, which is open until the server stops.
func (s *Server) noteDatabase() error {
	s.onStop(func() {
		if err := s.config.tellDatabase(false); err != nil {
			slog.Warn("the next start may miss the database's log", "error", err)
		}
	})
	return s.config.tellDatabase(!store.IsPostgres(s.config.database()))
}

func (c *Config) tellDatabase(open bool) error {
	text, err := json.Marshal(lastDatabase{transfer.Redacted(c.database()), open})
	if err == nil {
		err = renameio.WriteFile(c.lastDatabase(), append(text, '\n'), 0o600)
	}
	if err == nil && os.Geteuid() == 0 { // a command of root: the server may be another user
		err = giveToOwnerOf(c.Data, c.lastDatabase())
	}
	if err != nil {
		return fault.New(fault.Unavailable, "leave word of the database: %w", err)
	}
	return nil
}

// giveToOwnerOf gives the file to the owner and group of the directory.
func giveToOwnerOf(dir, file string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if owner, is := info.Sys().(*syscall.Stat_t); is {
		return os.Lchown(file, int(owner.Uid), int(owner.Gid))
	}
	return nil
}
