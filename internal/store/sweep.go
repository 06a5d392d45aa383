package store

import (
	"context"
	"fmt"
)

func (sqliteDialect) hasTable() string {
	return "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = $1"
}

// sweep writes the whole file anew: pages and parts of pages that are free have
// what was there before. The log then begins anew as well. What it works with is on the disk, for
// a large database has no room in memory.
func (sqliteDialect) sweep(ctx context.Context, db *DB, _ []string) error {
	conn, err := db.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, text := range []string{"PRAGMA temp_store(FILE)", "VACUUM", "PRAGMA temp_store(MEMORY)"} {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	var busy, log, written int
	if err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &written); err != nil {
		return fmt.Errorf("write the log back: %w", err)
	}
	if busy != 0 {
		return fmt.Errorf("write the log back: somebody reads the database")
	}
	return nil
}

func (postgresDialect) hasTable() string { return "SELECT to_regclass($1) IS NOT NULL" }

// sweep has PostgreSQL write the tables to files of their own. Its log, and what
// was saved of that, has what it has.
func (postgresDialect) sweep(ctx context.Context, db *DB, tables []string) error {
	for _, table := range tables {
		if _, err := db.read.ExecContext(ctx, "VACUUM (FULL) "+table); err != nil {
			return fmt.Errorf("VACUUM (FULL) %s: %w", table, err)
		}
	}
	return nil
}
