package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// One file serves both engines: __KEY__, __BLOB__ and __SERIAL__ stand for the
// column types that differ, a line that begins with __SQLITE__ or __POSTGRES__ is for
// that engine (see dialect).
//
//go:embed migrations/*.sql
var migrations embed.FS

func (db *DB) migrate(ctx context.Context) error {
	files, err := db.dialectMigrations()
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	p, err := goose.NewProvider(db.dialect.goose(), db.write, files)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

func (db *DB) dialectMigrations() (fs.FS, error) {
	out := fstest.MapFS{}
	err := fs.WalkDir(migrations, "migrations", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := migrations.ReadFile(path)
		out[d.Name()] = &fstest.MapFile{Data: []byte(db.dialect.schema(string(text)))}
		return err
	})
	return out, err
}

// Schema is the number of the newest migration that this program knows.
func Schema() (newest int64) {
	files, _ := migrations.ReadDir("migrations") // it is embedded
	for _, f := range files {
		number, _, _ := strings.Cut(f.Name(), "_")
		n, _ := strconv.ParseInt(number, 10, 64) // store's tests apply them all
		newest = max(newest, n)
	}
	return newest
}

// SchemaOf is the number of the newest migration that the database has; 0 if it
// has none.
func SchemaOf(ctx context.Context, conn *pgx.Conn) (version int64, err error) {
	table := goose.DefaultTablename
	there := false
	if err := conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", table).Scan(&there); err != nil || !there {
		return 0, err
	}
	err = conn.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM "+table).Scan(&version)
	return version, err
}
