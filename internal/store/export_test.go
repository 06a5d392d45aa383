package store

import (
	"context"
	"io/fs"
	"strings"
)

// Repeat runs a migration once more.
func Repeat(ctx context.Context, db *DB, file string) error {
	files, err := db.dialectMigrations()
	if err != nil {
		return err
	}
	text, err := fs.ReadFile(files, file)
	if err != nil {
		return err
	}
	for statement := range strings.SplitSeq(string(text), ";") {
		if statement = strings.TrimSpace(statement); statement == "" || strings.HasPrefix(statement, "-- ") && !strings.Contains(statement, "\n") {
			continue
		}
		if _, err := db.write.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Exec runs one statement.
func Exec(ctx context.Context, db *DB, statement string, args ...any) error {
	_, err := db.write.ExecContext(ctx, statement, args...)
	return err
}
