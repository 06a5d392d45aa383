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
	var statements []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "--") {
			statements = append(statements, line)
		}
	}
	for statement := range strings.SplitSeq(strings.Join(statements, ""), ";") {
		if strings.TrimSpace(statement) == "" {
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
