package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Ledger keeps rows in the order in which they were added, each with the next
// number. A row is never changed, and rows go from the front alone. A migration
// creates the columns key, time, total, hash and doc.
type Ledger struct {
	db   *DB
	name string
}

// Line is one row of a Ledger.
type Line struct {
	Number int64
	Time   int64  // what a Span is limited by
	Total  int64  // whatever the caller counts up
	Hash   []byte // never empty
	Doc    string
}

// Span selects lines of a Ledger; the zero Span selects all.
type Span struct {
	After, Before int64 // numbers, both left out themselves; 0 is no bound
	Since, Until  int64 // times, Until left out itself; 0 is no bound
	Backwards     bool  // newest first
	Limit         int   // 0 is no bound
}

// NewLedger returns the ledger in the named table of db.
func NewLedger(db *DB, name string) *Ledger { return &Ledger{db: db, name: name} }

var lineColumns = []string{"key", "time", "total", "hash", "doc"}

// lineKey sorts as the numbers do.
func lineKey(number int64) string { return fmt.Sprintf("%016d", number) }

// Add adds lines, in the transaction of ctx if there is one. A number that is
// taken is an error.
func (l *Ledger) Add(ctx context.Context, lines ...Line) error {
	rows := make([][]any, len(lines))
	for i, n := range lines {
		rows[i] = []any{lineKey(n.Number), n.Time, n.Total, n.Hash, n.Doc}
	}
	return l.db.InTx(ctx, func(ctx context.Context) error {
		tx := txOf(ctx)
		if err := l.db.dialect.insert(ctx, tx.conn, l.name, lineColumns, rows, ""); err != nil {
			return failed(l.db, "write to", l.name, err)
		}
		l.db.counts.written.Add(int64(len(rows)))
		tx.note(l.name)
		return nil
	})
}

// Lines returns the lines of the span in order.
func (l *Ledger) Lines(ctx context.Context, s Span) ([]Line, error) {
	where, args := s.conditions()
	text := "SELECT key, time, total, hash, doc FROM " + l.name + where + " ORDER BY key"
	if s.Backwards {
		text += " DESC"
	}
	if s.Limit > 0 {
		text += " LIMIT " + strconv.Itoa(s.Limit)
	}
	rows, err := l.db.reader(ctx).QueryContext(ctx, text, args...)
	if err != nil {
		return nil, failed(l.db, "read", l.name, err)
	}
	defer rows.Close()
	var out []Line
	for rows.Next() {
		var n Line
		var key string
		if err := rows.Scan(&key, &n.Time, &n.Total, &n.Hash, &n.Doc); err != nil {
			return nil, failed(l.db, "read", l.name, err)
		}
		if n.Number, err = strconv.ParseInt(key, 10, 64); err != nil {
			return nil, fmt.Errorf("read %s: key %q is no number", l.name, key)
		}
		out = append(out, n)
	}
	if err := rows.Err(); err != nil {
		return nil, failed(l.db, "read", l.name, err)
	}
	return out, nil
}

func (s Span) conditions() (string, []any) {
	var list []string
	var args []any
	add := func(given bool, condition string, arg any) {
		if given {
			args = append(args, arg)
			list = append(list, fmt.Sprintf("%s $%d", condition, len(args)))
		}
	}
	add(s.After != 0, "key >", lineKey(s.After))
	add(s.Before != 0, "key <", lineKey(s.Before))
	add(s.Since != 0, "time >=", s.Since)
	add(s.Until != 0, "time <", s.Until)
	if len(list) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(list, " AND "), args
}

// DropTo removes the lines up to the number, in the transaction of ctx if there
// is one.
func (l *Ledger) DropTo(ctx context.Context, number int64) error {
	return l.db.InTx(ctx, func(ctx context.Context) error {
		tx := txOf(ctx)
		r, err := tx.conn.ExecContext(ctx, "DELETE FROM "+l.name+" WHERE key <= $1", lineKey(number))
		if err != nil {
			return failed(l.db, "delete from", l.name, err)
		}
		n, err := r.RowsAffected()
		l.db.counts.written.Add(n)
		tx.note(l.name)
		return err
	})
}
