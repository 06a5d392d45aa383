package store

import (
	"context"
	"database/sql"
)

// tx is a write transaction and what it changed so far.
type tx struct {
	conn    connection
	changed map[string]map[string]bool
	staged  map[holder]any // what it changed of held tables: the overlay of each
}

type txKey struct{}

func txOf(ctx context.Context) *tx {
	t, _ := ctx.Value(txKey{}).(*tx)
	return t
}

// InTx runs do in one write transaction, which every table operation called
// with do's context joins. An error or panic rolls everything back and no hint
// is posted. A call inside a transaction joins it.
//
// There is one writer at a time: do must not wait for anything but the database. Calls that come at the same time are committed together.
func (db *DB) InTx(ctx context.Context, do func(ctx context.Context) error) (err error) {
	if txOf(ctx) != nil {
		return do(ctx)
	}
	return db.group.run(ctx, do)
}

// post hints at what was committed.
func (db *DB) post(changed map[string]map[string]bool) {
	for table, keys := range changed {
		list := make([]string, 0, len(keys))
		for k := range keys {
			list = append(list, k)
		}
		db.changed(table, list)
	}
}

func (t *tx) note(table string, keys ...string) {
	m := t.changed[table]
	if m == nil {
		m = make(map[string]bool, len(keys))
		t.changed[table] = m
	}
	for _, k := range keys {
		m[k] = true
	}
}

// connection is the writer's.
type connection interface {
	querier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// querier is a connection inside a transaction or the pool of readers.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (db *DB) reader(ctx context.Context) querier {
	if t := txOf(ctx); t != nil {
		return t.conn
	}
	return &db.readers
}
