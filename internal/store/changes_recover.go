package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
)

// settleAll brings the tables up to the whole log of a database that was just opened,
// newest first: what comes later is older.
func (c *changes) settleAll(ctx context.Context, conn connection) error {
	rows, err := c.there(ctx, conn)
	if err != nil || len(rows) == 0 {
		return err
	}
	seen := map[[2]string]bool{}
	first := func(e *entry, _ int64) bool {
		at := [2]string{e.table, e.key}
		if seen[at] {
			return false
		}
		seen[at] = true
		return true
	}
	for to := len(rows); to > 0; {
		from := to
		for bytes := 0; from > 0 && bytes < c.sizes.row; bytes += rows[from].bytes {
			from--
		}
		if err := c.apply(ctx, conn, rows[from].number, rows[to-1].number, first); err != nil {
			return err
		}
		to = from
	}
	slog.Info("changes that the server before had in its log are written to their tables", "documents", len(seen))
	return c.drop(ctx, conn, rows[len(rows)-1].number, len(rows))
}

// there are the rows that the log has in the database, oldest first, with their bytes
// as they are packed.
func (c *changes) there(ctx context.Context, conn connection) (out []logRow, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT number, octet_length(entries) FROM held_changes ORDER BY number")
	if err != nil {
		return nil, fmt.Errorf("read held_changes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r logRow
		if err := rows.Scan(&r.number, &r.bytes); err != nil {
			return nil, fmt.Errorf("read held_changes: %w", err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// apply writes the wanted changes of the rows of the log from and to to the
// tables. It asks for the newest first.
func (c *changes) apply(ctx context.Context, conn connection, from, to int64, wanted func(e *entry, number int64) bool) error {
	todo := map[string]*tableChanges{}
	visit := func(e *entry) {
		t := todo[e.table]
		if t == nil {
			t = &tableChanges{columns: append(slices.Clone(documentColumns), e.names...)}
			todo[e.table] = t
		}
		t.add(e)
	}
	if err := c.read(ctx, conn, from, to, wanted, visit); err != nil {
		return err
	}
	for name, t := range todo {
		if err := t.write(ctx, c.db, conn, name); err != nil {
			return err
		}
	}
	return nil
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

func (t *tableChanges) write(ctx context.Context, db *DB, conn connection, table string) error {
	if err := db.deleteRows(ctx, conn, table, t.gone); err != nil {
		return err
	}
	return db.putRows(ctx, conn, table, t.columns, t.rows, replaceExisting(table, t.columns))
}

// read shows the wanted entries of rows of the log, newest row first.
func (c *changes) read(ctx context.Context, conn connection, from, to int64, wanted func(*entry, int64) bool, visit func(*entry)) error {
	rows, err := conn.QueryContext(ctx, "SELECT number, entries FROM held_changes WHERE number >= $1 AND number <= $2 ORDER BY number DESC", from, to)
	if err != nil {
		return fmt.Errorf("read held_changes: %w", err)
	}
	defer rows.Close()
	var number int64
	var packed sql.RawBytes
	var row []byte
	for rows.Next() {
		if err := rows.Scan(&number, &packed); err != nil {
			return fmt.Errorf("read held_changes: %w", err)
		}
		if row, err = unpack(packed, row); err == nil {
			err = readEntries(row, func(e *entry) bool { return wanted(e, number) }, visit)
		}
		if err != nil {
			return fmt.Errorf("row %d of held_changes: %w", number, err)
		}
	}
	return rows.Err()
}
