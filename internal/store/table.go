package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/seal"
)

// Table keeps documents of type T, each under a key. Get it from NewTable; a
// migration creates its columns: key, rev, doc and one per index.
type Table[T any] struct {
	db      *DB
	spec    Spec[T]
	columns []string
	selects string   // how a select of documents begins
	replace string   // the clause by which a write replaces what is there
	sealed  bool     // in the database
	logged  bool     // changes go to the log first
	held    *held[T] // nil: not in memory
}

// Spec describes a table.
type Spec[T any] struct {
	// Name is the table's name in the database and in hints.
	Name string
	// Kind names one document in errors, such as "Component".
	Kind string
	// Key is a document's key: unique, never empty, compared byte by byte.
	Key func(*T) string
	// Indexes are the columns that a Query can match on.
	Indexes []Index[T]
	// Held has the documents kept in memory: reading then costs neither SQL nor decoding. For
	// tables that are read all the time and whose size the fleet bounds.
	Held bool
	// Logged has changes written to the log of changes first, all of a commit together, and to
	// the table's rows later. For held tables that change all the time, and that nobody
	// but this Table reads.
	Logged bool
	// Shared, which may be nil, are the strings of a document that many have in
	// common: held documents have each of them in memory once.
	Shared func(*T) []*string
}

// Index is a column that follows the document.
type Index[T any] struct {
	Column string
	Of     func(*T) string
}

// NewTable returns the table of the spec in db.
func NewTable[T any](db *DB, spec Spec[T]) *Table[T] {
	columns := slices.Clone(documentColumns)
	for _, ix := range spec.Indexes {
		columns = append(columns, ix.Column)
	}
	t := &Table[T]{db: db, spec: spec, columns: columns, replace: replaceExisting(spec.Name, columns),
		selects: "SELECT doc FROM " + spec.Name, sealed: db.keys != nil && slices.Contains(secretTables, spec.Name)}
	if t.sealed {
		t.selects = "SELECT doc, key FROM " + spec.Name
	}
	if spec.Held {
		t.held = newHeld(t)
	}
	if t.logged = spec.Held && spec.Logged && !t.sealed; t.logged {
		db.takeOver(spec.Name, t.held)
	}
	return t
}

// takeOver has t be the one logged table of the name.
func (db *DB) takeOver(name string, t logged) {
	if db.group.changes.table(name) != nil { // of a service that has ended: t reads the rows
		if err := db.group.settleNow(context.Background()); err != nil {
			panic("store: table " + name + " is taken over before its changes stand in it: " + err.Error())
		}
	}
	db.group.changes.register(name, t)
}

// documentColumns are the columns of each table, before those of its indexes.
var documentColumns = []string{"key", "rev", "doc"}

// Name is the table's name, as it appears in hints.
func (t *Table[T]) Name() string { return t.spec.Name }

// ErrUnchanged is what the function given to Update returns to leave a document
// as it is.
var ErrUnchanged = errors.New("unchanged")

// Insert adds documents of which none may exist: a key that does gives a
// fault.Conflict and nothing is written.
func (t *Table[T]) Insert(ctx context.Context, docs ...T) error {
	return t.db.InTx(ctx, func(ctx context.Context) error {
		keys := make([]string, len(docs))
		for i := range docs {
			keys[i] = t.spec.Key(&docs[i])
		}
		old, err := t.keys(ctx, keys)
		if err != nil {
			return err
		}
		if len(old) > 0 {
			return fault.New(fault.Conflict, "%s '%s' already exists", t.spec.Kind, old[0])
		}
		err = t.write(ctx, each(docs), "")
		if t.db.dialect.duplicate(err) {
			return fault.New(fault.Conflict, "%s already exists: %w", t.spec.Kind, err)
		}
		return err
	})
}

// Put writes documents, replacing those that exist.
func (t *Table[T]) Put(ctx context.Context, docs ...T) error {
	return t.db.InTx(ctx, func(ctx context.Context) error { return t.write(ctx, each(docs), t.replace) })
}

// Update reads the documents with the keys, lets change alter each and writes
// back those it altered, all in one transaction. Duplicate keys count once. It
// returns the documents in key order as they are afterwards, and the keys that
// have no document. change may return ErrUnchanged to leave a document; any other
// error rolls everything back.
func (t *Table[T]) Update(ctx context.Context, keys []string, change func(doc *T) error) (after []T, missing []string, err error) {
	if len(keys) == 0 { // to a Query nil keys are all keys
		return nil, nil, nil
	}
	err = t.db.InTx(ctx, func(ctx context.Context) error {
		after, err = t.query(ctx, Query{Keys: keys}, t.db.dialect.lockRows())
		if err != nil {
			return err
		}
		missing = t.absent(keys, after)
		altered := make([]*T, 0, len(after))
		for i := range after {
			before := t.spec.Key(&after[i])
			switch err := change(&after[i]); {
			case errors.Is(err, ErrUnchanged):
				continue
			case err != nil:
				return err
			}
			if now := t.spec.Key(&after[i]); now != before {
				return fmt.Errorf("update of %s '%s' changed its key to '%s'", t.spec.Kind, before, now)
			}
			altered = append(altered, &after[i])
		}
		return t.write(ctx, altered, t.replace)
	})
	return after, missing, err
}

// UpdateOne is Update for one document; a missing one is a fault.NotFound.
func (t *Table[T]) UpdateOne(ctx context.Context, key string, change func(doc *T) error) (T, error) {
	after, missing, err := t.Update(ctx, []string{key}, change)
	if err == nil && len(missing) > 0 {
		err = t.notFound(key)
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return after[0], nil
}

// Delete removes the documents with the keys and returns those that existed:
// of several callers that delete one key, one gets it.
func (t *Table[T]) Delete(ctx context.Context, keys ...string) (gone []T, err error) {
	if len(keys) == 0 { // to a Query nil keys are all keys
		return nil, nil
	}
	err = t.db.InTx(ctx, func(ctx context.Context) error {
		gone, err = t.query(ctx, Query{Keys: keys}, t.db.dialect.lockRows())
		if err != nil || len(gone) == 0 {
			return err
		}
		found := make([]string, len(gone))
		for i := range gone {
			found[i] = t.spec.Key(&gone[i])
		}
		tx := txOf(ctx)
		if t.held != nil {
			t.held.remove(tx, found)
			return nil
		}
		tx.note(t.spec.Name, found...)
		return t.deleteRows(ctx, tx.conn, found)
	})
	return gone, err
}

func (t *Table[T]) deleteRows(ctx context.Context, conn connection, keys []string) error {
	return t.db.deleteRows(ctx, conn, t.spec.Name, keys)
}

// deleteRows deletes the rows with the keys, whether they are there or not.
func (db *DB) deleteRows(ctx context.Context, conn connection, table string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	where, arg := db.dialect.anyOf("key", 1, keys)
	if _, err := conn.ExecContext(ctx, "DELETE FROM "+table+" WHERE "+where, arg); err != nil {
		return fmt.Errorf("delete from %s: %w", table, err)
	}
	db.counts.written.Add(int64(len(keys)))
	return nil
}

// each points at the documents.
func each[T any](docs []T) []*T {
	out := make([]*T, len(docs))
	for i := range docs {
		out[i] = &docs[i]
	}
	return out
}

func (t *Table[T]) write(ctx context.Context, docs []*T, onConflict string) error {
	if len(docs) == 0 {
		return nil
	}
	if t.held != nil {
		return t.held.stage(ctx, docs)
	}
	rows := make([][]any, 0, len(docs))
	at := make(map[string]int, len(docs)) // a key given twice: the last one counts
	keys := make([]string, 0, len(docs))
	for _, d := range docs {
		doc, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("encode %s: %w", t.spec.Kind, err)
		}
		key := t.spec.Key(d)
		columns := make([]string, len(t.spec.Indexes))
		row := []any{key, int64(1), string(doc)}
		for j, ix := range t.spec.Indexes {
			columns[j] = ix.Of(d)
			row = append(row, columns[j])
		}
		if err := t.fits(key, columns); err != nil {
			return err
		}
		if j, twice := at[key]; twice {
			rows[j] = row
			continue
		}
		at[key] = len(rows)
		rows = append(rows, row)
		keys = append(keys, key)
	}
	tx := txOf(ctx)
	if err := t.writeRows(ctx, tx.conn, rows, onConflict); err != nil {
		return err
	}
	tx.note(t.spec.Name, keys...)
	return nil
}

func (t *Table[T]) writeRows(ctx context.Context, conn connection, rows [][]any, onConflict string) error {
	if t.sealed {
		for _, row := range rows {
			row[2] = t.db.keys.Seal(t.place(row[0].(string)), []byte(row[2].(string)))
		}
	}
	return t.db.putRows(ctx, conn, t.spec.Name, t.columns, rows, onConflict)
}

// byKey compares rows by their first column.
func byKey(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) }

// putRows is insertRows in the order of the keys, the first column: neighbours share pages.
func (db *DB) putRows(ctx context.Context, conn connection, table string, columns []string, rows [][]any, onConflict string) error {
	slices.SortFunc(rows, byKey)
	return db.insertRows(ctx, conn, table, columns, rows, onConflict)
}

func (db *DB) insertRows(ctx context.Context, conn connection, table string, columns []string, rows [][]any, onConflict string) error {
	if err := db.dialect.insert(ctx, conn, table, columns, rows, onConflict); err != nil {
		return failed(db, "write to", table, err)
	}
	db.counts.written.Add(int64(len(rows)))
	return nil
}

// place is where the document with the key is kept.
func (t *Table[T]) place(key string) seal.Place {
	return seal.Place{Table: t.spec.Name, Key: key, Field: docField}
}

// absent lists the keys, each once, that none of the docs has. Both the docs
// and the result are in key order.
func (t *Table[T]) absent(keys []string, docs []T) []string {
	have := make(map[string]bool, len(docs))
	for i := range docs {
		have[t.spec.Key(&docs[i])] = true
	}
	var out []string
	for _, k := range keys {
		if !have[k] {
			have[k] = true
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func (t *Table[T]) failed(what string, err error) error { return failed(t.db, what, t.spec.Name, err) }

// failed is the error of a statement: a fault.Invalid if the database cannot
// have a value that the caller gave.
func failed(db *DB, what, table string, err error) error {
	if db.dialect.refused(err) {
		return fault.New(fault.Invalid, "%s %s: %w", what, table, err)
	}
	return db.told(fmt.Errorf("%s %s: %w", what, table, err))
}

func (t *Table[T]) notFound(key string) error {
	return fault.New(fault.NotFound, "%s '%s' does not exist", t.spec.Kind, key)
}

// keys are those of the keys that have a document, in order.
func (t *Table[T]) keys(ctx context.Context, keys []string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	if t.held != nil {
		found, err := t.held.find(ctx, Query{Keys: keys})
		out := make([]string, len(found))
		for i, k := range found {
			out[i] = t.spec.Key(&k.doc)
		}
		return out, err
	}
	where, arg := t.db.dialect.anyOf("key", 1, keys)
	rows, err := t.db.reader(ctx).QueryContext(ctx,
		strings.Join([]string{"SELECT key FROM", t.spec.Name, "WHERE", where, "ORDER BY key"}, " "), arg)
	if err != nil {
		return nil, t.failed("read", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var k string
		if err := rows.Scan(&k); err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, rows.Err()
}
