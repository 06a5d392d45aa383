package transfer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the "sqlite" driver

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// lite is a database of SQLite, on one connection.
type lite struct {
	db   *sql.DB
	conn *sql.Conn
}

// openLite opens a file that is there.
func openLite(ctx context.Context, path string) (_ *lite, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	l := &lite{}
	if l.db, err = sql.Open("sqlite", store.FileURL(path)+"?_pragma=busy_timeout(10000)"); err != nil {
		return nil, err
	}
	if l.conn, err = l.db.Conn(ctx); err != nil {
		return nil, errors.Join(err, l.db.Close())
	}
	if _, err = l.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lite) close() error { return errors.Join(l.conn.Close(), l.db.Close()) }

// isSite tells whether drover's migrations were here.
func (l *lite) isSite(ctx context.Context) (bool, error) {
	n, err := l.number(ctx, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '"+versions+"'")
	return n > 0, err
}

func (l *lite) number(ctx context.Context, text string, args ...any) (n int64, err error) {
	err = l.conn.QueryRowContext(ctx, text, args...).Scan(&n)
	return n, err
}

// tables are all there are, but SQLite's own and the list of migrations.
func (l *lite) tables(ctx context.Context) ([]table, error) {
	rows, err := l.conn.QueryContext(ctx, `SELECT m.name, c.name, upper(c.type), c.pk, m.sql LIKE '%AUTOINCREMENT%'
		FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND m.name <> '`+versions+`'
		ORDER BY m.name, c.pk = 0, c.cid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	kinds := map[string]kind{"TEXT": text, "BIGINT": integer, "INTEGER": integer, "BLOB": octets}
	var out []table
	for rows.Next() {
		var name, as string
		var c column
		var primary int
		var serial bool
		if err := rows.Scan(&name, &c.name, &as, &primary, &serial); err != nil {
			return nil, err
		}
		if c.kind = kinds[as]; c.kind == "" {
			return nil, fault.New(fault.Conflict, "table %s: column %s has type %s, which cannot be copied", name, c.name, as)
		}
		if len(out) == 0 || out[len(out)-1].name != name {
			if primary == 0 {
				return nil, fault.New(fault.Conflict, "table %s has no primary key, and cannot be copied", name)
			}
			out = append(out, table{name: name, serial: serial})
		}
		t := &out[len(out)-1]
		t.columns = append(t.columns, c)
	}
	return out, rows.Err()
}

func (l *lite) schema(ctx context.Context) (s schema, err error) {
	s.version, err = l.number(ctx, "SELECT max(version_id) FROM "+versions)
	return s, err
}

func (l *lite) count(ctx context.Context, t table) (int64, error) {
	return l.number(ctx, "SELECT count(*) FROM "+t.name)
}

func (l *lite) rows(ctx context.Context, t table) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		rows, err := l.conn.QueryContext(ctx, "SELECT "+t.list()+" FROM "+t.name+" ORDER BY "+t.key())
		if err != nil {
			yield(nil, err)
			return
		}
		defer rows.Close()
		row, into := make([]any, len(t.columns)), make([]any, len(t.columns))
		for i := range row {
			into[i] = &row[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				yield(nil, err)
				return
			}
			for i, v := range row {
				if b, is := v.([]byte); is && b == nil { // no bytes are not no value
					row[i] = []byte{}
				}
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

func (l *lite) next(ctx context.Context, t table) (int64, error) {
	return l.number(ctx, "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = $1", t.name)
}

// incoming is a database of SQLite under another name.
type incoming struct {
	*lite
	path, final string
}

// newIncoming opens the file at path, whose schema is up to date and which nobody else has
// open: it is fast, and worth nothing if the process ends.
func newIncoming(ctx context.Context, path, final string) (*incoming, error) {
	l, err := openLite(ctx, path)
	if err != nil {
		return nil, err
	}
	for _, text := range []string{"ROLLBACK", "PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "BEGIN IMMEDIATE"} {
		if _, err := l.conn.ExecContext(ctx, text); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", text, err), l.close())
		}
	}
	return &incoming{lite: l, path: path, final: final}, nil
}

func (in *incoming) write(ctx context.Context, t table, rows iter.Seq2[[]any, error]) error {
	marks := strings.TrimSuffix(strings.Repeat("?,", len(t.columns)), ",")
	insert, err := in.conn.PrepareContext(ctx, "INSERT INTO "+t.name+" ("+t.list()+") VALUES ("+marks+")")
	if err != nil {
		return err
	}
	defer insert.Close()
	for row, err := range rows {
		if err != nil {
			return err
		}
		if _, err := insert.ExecContext(ctx, row...); err != nil {
			return fmt.Errorf("%s %v: %w", t.key(), row[0], err)
		}
	}
	return nil
}

func (in *incoming) setNext(ctx context.Context, t table, next int64) error {
	if _, err := in.conn.ExecContext(ctx, "DELETE FROM sqlite_sequence WHERE name = ?", t.name); err != nil {
		return err
	}
	_, err := in.conn.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", t.name, next-1)
	return err
}

// commit gives the file its name once the disk has it.
func (in *incoming) commit(ctx context.Context) error {
	if _, err := in.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return err
	}
	if err := in.close(); err != nil {
		return err
	}
	if err := synced(in.path); err != nil {
		return err
	}
	if err := removeLite(in.final); err != nil { // its log would be taken for the new one's
		return err
	}
	if err := os.Rename(in.path, in.final); err != nil {
		return err
	}
	return synced(filepath.Dir(in.final))
}

// drop removes what was not committed.
func (in *incoming) drop() {
	in.close() //nolint:errcheck // committed: it is closed
	removeLite(in.path)
}

// synced has the disk keep what was written to a file or directory.
func synced(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// removeLite removes a database of SQLite, if it is there, and what belongs to it.
func removeLite(path string) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal", ""} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
