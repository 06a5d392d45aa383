package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"testing/fstest"

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
