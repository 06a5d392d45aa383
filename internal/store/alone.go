package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/drover-hpc/drover/internal/fault"
)

// Each connection of a DB to PostgreSQL holds a lock, shared with all others,
// for as long as it lasts: who copies a whole database takes it alone, and so
// finds out who uses the database, and keeps everybody off it. The lock goes with
// its connection, however that ends. It is of the schema that the connection works in.
const (
	lockSpace = 0x44726f76 // "Drov"
	lockName  = "hashtext(coalesce(current_schema(), ''))"
)

// Use is what each connection begins with, those of a DB and others that work
// beside it. It fails while somebody is Alone with the database.
func Use(ctx context.Context, conn *pgx.Conn) error {
	return lock(ctx, conn, "pg_try_advisory_lock_shared", func() error {
		return fault.New(fault.Conflict, "`drover migrate` or `drover secrets rotate` is at work on the database: start again when that has ended")
	})
}

// leaves is how long the connections of a process that was killed may take to
// be noticed.
const leaves = 3 * time.Second

// Alone makes conn the only user of the database until it is closed: Open fails
// meanwhile. While others use it, it returns a fault.Conflict that names them.
func Alone(ctx context.Context, conn *pgx.Conn) error {
	return lock(ctx, conn, "pg_try_advisory_lock", func() error {
		return fault.New(fault.Conflict, "the database is in use: stop every server on it first (%s)", users(ctx, conn))
	})
}

// lock takes the lock by the function, or gives refused's error once who has it has
// had the time to leave. It is tried again and again: to wait in PostgreSQL would keep
// new connections of who uses the database waiting too.
func lock(ctx context.Context, conn *pgx.Conn, function string, refused func() error) error {
	for deadline := time.Now().Add(leaves); ; {
		got := false
		if err := conn.QueryRow(ctx, "SELECT "+function+"($1, "+lockName+")", lockSpace).Scan(&got); err != nil {
			return fmt.Errorf("lock the database: %w", err)
		}
		if got {
			return nil
		}
		if time.Now().After(deadline) {
			return refused()
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// users says from where the database is used.
func users(ctx context.Context, conn *pgx.Conn) string {
	rows, err := conn.Query(ctx, `SELECT coalesce(host(a.client_addr), 'a local socket'), count(*)
		FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = $1 AND a.datname = current_database() AND l.pid <> pg_backend_pid()
		GROUP BY 1 ORDER BY 1`, int64(lockSpace))
	if err != nil {
		return "by whom, the database does not say"
	}
	var from []string
	var address string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&address, &n}, func() error {
		from = append(from, fmt.Sprintf("%d connections from %s", n, address))
		return nil
	})
	if err != nil || len(from) == 0 {
		return "by whom, the database does not say"
	}
	return strings.Join(from, ", ")
}
