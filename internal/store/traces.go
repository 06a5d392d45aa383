package store

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/pressly/goose/v3"
)

// Traces tells whether the database that source names has anything, and whether SQLite's
// log lies beside it. It leaves both as they are.
func Traces(ctx context.Context, source string) (there, log bool, err error) {
	if IsPostgres(source) {
		db, err := Look(source)
		if err != nil {
			return false, false, err
		}
		defer db.Close()
		there, err = db.hasTable(ctx, goose.DefaultTablename)
		return there, false, err
	}
	size, err := sizeOf(source)
	if err != nil {
		return false, false, err
	}
	logged, err := sizeOf(source + "-wal")
	return size > 0, logged >= 0, err
}

// sizeOf is a file's size; -1 if there is none.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return -1, nil
	case err != nil:
		return -1, err
	}
	return info.Size(), nil
}
