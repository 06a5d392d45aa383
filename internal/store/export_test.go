package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
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

// Dump is all rows of the tables.
func Dump(ctx context.Context, source string, tables ...string) (string, error) {
	db, err := openUnnoticed(source)
	if err != nil {
		return "", err
	}
	defer db.Close()
	var out []string
	for _, table := range tables {
		rows, err := db.read.QueryContext(ctx, "SELECT * FROM "+table+" ORDER BY 1")
		if err != nil {
			return "", err
		}
		columns, err := rows.Columns()
		if err != nil {
			return "", err
		}
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				return "", err
			}
			out = append(out, fmt.Sprint(row...))
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return "", err
		}
	}
	return strings.Join(out, "\n"), nil
}

// ToldBySQLite is an error of its driver as callers hear it.
func ToldBySQLite(err error) error { return (&DB{dialect: sqliteDialect{}}).told(err) }

// Linger has members wait so long for others, as if a commit of several had
// just been.
func Linger(db *DB, d time.Duration) {
	db.group.linger, db.group.shared, db.group.last = d, true, time.Now().Add(time.Hour)
}

// Shared tells whether the last commit had several parts.
func Shared(db *DB) bool { return db.group.shared }

// Idle tells whether nobody writes and nobody waits to.
func Idle(db *DB) bool {
	db.group.mu.Lock()
	defer db.group.mu.Unlock()
	return !db.group.busy
}

// Waiting is how many wait to write.
func Waiting(db *DB) int {
	db.group.mu.Lock()
	defer db.group.mu.Unlock()
	return len(db.group.waiting)
}

// SetLog has a row of the log take so many bytes, one that is longer than long
// settled whatever is in it, and as much as bulk pass by the log.
func SetLog(db *DB, row, long, bulk int) {
	c := db.group.changes
	c.sizes = changeSizes{row: row, many: 1 << 30, long: long, bulk: bulk, quiet: time.Hour}
	c.begin()
}

// SetMany has the log settled when more documents than that are late, and Late is how many are.
func SetMany(db *DB, documents int) { db.group.changes.sizes.many = documents }

func Late(db *DB) int { return db.group.changes.countLate() }

// Fenced does do as who settles a log does whose last row has the number.
func Fenced(ctx context.Context, db *DB, last int64, do func() error) error {
	return db.group.changes.fenced(ctx, last, func(connection) error { return do() })
}

// SetCalm has the log settled while it grows by as many bytes.
func SetCalm(db *DB, bytes int) { db.group.changes.sizes.calm = bytes }

// Settle settles the next part of the log; false if there is none.
func Settle(db *DB) (bool, error) {
	return settleBy(db, func(g *group) error {
		_, err := g.settle(context.Background())
		return err
	})
}

// SettleUnnoticed is Settle where the commit happens and nobody learns of it, as when the connection breaks
// before PostgreSQL's answer.
func SettleUnnoticed(db *DB) (bool, error) {
	return settleBy(db, func(g *group) error {
		return g.alone(context.Background(), func(ctx context.Context) error {
			_, err := g.changes.settle(ctx, g)
			return err
		})
	})
}

// LastOfLog is the number of the newest row that the log had.
func LastOfLog(db *DB) int64 { return db.group.changes.last }

func settleBy(db *DB, settle func(g *group) error) (bool, error) {
	g := db.group
	m := &member{turn: make(chan struct{}, 1)}
	if err := g.wait(context.Background(), m); err != nil {
		return false, err
	}
	defer g.pass()
	if g.open() {
		g.commit()
	}
	if len(g.changes.rows) == 0 {
		return false, nil
	}
	return true, settle(g)
}

// LogSize is how many rows the log has, and their bytes.
func LogSize(db *DB) (rows, bytes int) {
	g := db.group
	m := &member{turn: make(chan struct{}, 1)}
	g.wait(context.Background(), m) //nolint:errcheck // it waits until it has the turn
	defer g.pass()
	return len(g.changes.rows), g.changes.bytes
}
