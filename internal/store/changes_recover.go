package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"

	"github.com/drover-hpc/drover/internal/fault"
)

// settleAll brings the tables up to the whole log of a database that was just opened, and begins a
// new one, at a number that no former one had: whoever still settles a former one is stopped by fenced.
func (c *changes) settleAll(ctx context.Context) error {
	todo, last, n, err := c.newest(ctx)
	if err == nil && n > 0 {
		err = c.settleFound(ctx, todo, last, n)
	}
	if err != nil {
		return err
	}
	c.last = rand.Int64N(1 << 62)
	c.begin()
	return nil
}

// settleFound settles what newest has found. The documents, of each the newest, are in memory together
// meanwhile, as they are soon in their tables. They are written in parts: one transaction of a large log
// takes three times as long. Who is killed in between leaves the log as it was, for the next one.
func (c *changes) settleFound(ctx context.Context, todo map[string]*tableChanges, last int64, n int) error {
	documents := 0
	for name, t := range todo {
		documents += len(t.rows) + len(t.gone)
		for _, part := range t.parts() {
			if err := c.fenced(ctx, last, func(conn connection) error { return part.write(ctx, c.db, conn, name) }); err != nil {
				return err
			}
		}
	}
	slog.Info("changes that the server before had in its log are written to their tables", "documents", documents)
	return c.fenced(ctx, last, func(conn connection) error { return c.drop(ctx, conn, last, n) })
}

// fenced does do in a transaction of its own, if nobody has settled the log meanwhile: another server
// may have come to lead that did not have to wait, and may have written newer documents since.
func (c *changes) fenced(ctx context.Context, last int64, do func(conn connection) error) error {
	tx, err := c.db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // once it is committed there is nothing to roll back
	err = tx.QueryRowContext(ctx, "SELECT number FROM held_changes WHERE number = $1"+c.db.dialect.lockRows(), last).Scan(&last)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fault.New(fault.Unavailable, "another server writes to the database: one at a time can")
	case err != nil:
		return err
	}
	if err := do(preparing{tx, map[string]*sql.Stmt{}}); err != nil {
		return err
	}
	return tx.Commit()
}

// preparing prepares the statements of a transaction once. Rows must be closed before
// the same statement runs again.
type preparing struct {
	*sql.Tx
	statements map[string]*sql.Stmt
}

func (p preparing) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s := p.statements[query]
	if s == nil {
		var err error
		if s, err = p.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		p.statements[query] = s // closed with the transaction
	}
	return s.ExecContext(ctx, args...)
}

// newest are the changes that the log has of each table, of a document the newest one, and its
// last row and how many it has.
func (c *changes) newest(ctx context.Context) (todo map[string]*tableChanges, last int64, n int, err error) {
	todo = map[string]*tableChanges{}
	seen := map[[2]string]bool{}
	wanted := func(e *entry) bool { // newest first: what comes later is older
		at := [2]string{e.table, e.key}
		if seen[at] {
			return false
		}
		seen[at] = true
		return true
	}
	visit := func(e *entry) {
		t := todo[e.table]
		if t == nil {
			t = &tableChanges{columns: append(slices.Clone(documentColumns), e.names...)}
			todo[e.table] = t
		}
		t.add(e)
	}
	rows, err := c.db.write.QueryContext(ctx, "SELECT number, entries FROM held_changes ORDER BY number DESC")
	if err != nil {
		return nil, 0, 0, fmt.Errorf("read held_changes: %w", err)
	}
	defer rows.Close()
	var number int64
	var packed sql.RawBytes
	var row []byte
	for ; rows.Next(); n++ {
		if err := rows.Scan(&number, &packed); err != nil {
			return nil, 0, 0, fmt.Errorf("read held_changes: %w", err)
		}
		last = max(last, number)
		if row, err = unpack(packed, row); err == nil {
			err = readEntries(row, wanted, visit)
		}
		if err != nil {
			return nil, 0, 0, fmt.Errorf("row %d of held_changes: %w", number, err)
		}
	}
	return todo, last, n, rows.Err()
}

// tableChanges are the changes of a table that are written together.
type tableChanges struct {
	columns []string
	rows    [][]any
	gone    []string
	bytes   int // that are to be written, roughly
}

// rowBytes is what a row costs to write or delete, as so many bytes of a document would.
const rowBytes = 64

func (t *tableChanges) add(e *entry) {
	t.bytes += len(e.doc) + rowBytes
	if e.deleted {
		t.gone = append(t.gone, e.key)
		return
	}
	row := append(make([]any, 0, len(t.columns)), e.key, int64(1), e.doc)
	for _, value := range e.columns {
		row = append(row, value)
	}
	t.rows = append(t.rows, row)
}

// writtenAtOnce is how many rows a statement of PostgreSQL has, which takes all of them in arrays.
const writtenAtOnce = 5000

// parts are the changes by so many, neighbours together.
func (t *tableChanges) parts() (out []tableChanges) {
	slices.SortFunc(t.rows, byKey)
	for keys := range slices.Chunk(t.gone, writtenAtOnce) {
		out = append(out, tableChanges{gone: keys})
	}
	for rows := range slices.Chunk(t.rows, writtenAtOnce) {
		out = append(out, tableChanges{columns: t.columns, rows: rows})
	}
	return out
}

// write writes the changes in order.
func (t *tableChanges) write(ctx context.Context, db *DB, conn connection, table string) error {
	if err := db.deleteRows(ctx, conn, table, t.gone); err != nil || len(t.rows) == 0 {
		return err
	}
	return db.putRows(ctx, conn, table, t.columns, t.rows, replaceExisting(table, t.columns))
}
