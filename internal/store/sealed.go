package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/seal"
)

// secretTables are those whose documents nobody but the server may read. The
// database has them sealed if it is opened with keys.
var secretTables = []string{"bss_hosts", "cfs_secrets", "hsm_credentials", "site_secrets"}

// docField is what of a row is sealed.
const docField = "doc"

// sealedTable is a row of sealed_tables: there for each table whose documents are
// all sealed, and with which key.
type sealedTable struct {
	Key string `json:"key"`
	// Check is sealed with the key.
	Check string `json:"check"`
	// Swept: the database has nothing left of what was there before.
	Swept bool `json:"swept"`
}

// Option is how a database is opened.
type Option func(*DB)

// Sealed has the secrets of the database sealed with the first of the keys. Those
// that are there already, sealed with another one or not at all, are sealed anew. Keys that
// do not open them are refused, and nothing is changed.
func Sealed(keys *seal.Keys) Option { return func(db *DB) { db.keys = keys } }

// SealedWith names the keys with which the database that source names is sealed;
// none if it is not, or is not there yet.
func SealedWith(ctx context.Context, source string) (ids []string, err error) {
	if !IsPostgres(source) {
		if _, err := os.Stat(source); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	db, err := Look(source)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	states, err := db.sealedTables(ctx)
	for _, s := range states {
		ids = append(ids, s.Key)
	}
	slices.Sort(ids)
	return slices.Compact(ids), Unreached(err)
}

// sealedTables are the rows of sealed_tables.
func (db *DB) sealedTables(ctx context.Context) (map[string]sealedTable, error) {
	there, err := db.hasTable(ctx, "sealed_tables")
	if err != nil || !there {
		return nil, err
	}
	rows, err := db.read.QueryContext(ctx, "SELECT key, doc FROM sealed_tables")
	if err != nil {
		return nil, db.told(fmt.Errorf("read sealed_tables: %w", err))
	}
	defer rows.Close()
	out := map[string]sealedTable{}
	for rows.Next() {
		var name, doc string
		var s sealedTable
		err := rows.Scan(&name, &doc)
		if err == nil {
			err = json.Unmarshal([]byte(doc), &s)
		}
		if err != nil {
			return nil, fmt.Errorf("read sealed_tables: %w", err)
		}
		out[name] = s
	}
	return out, rows.Err()
}

func (db *DB) hasTable(ctx context.Context, name string) (there bool, err error) {
	if err = db.read.QueryRowContext(ctx, db.dialect.hasTable(), name).Scan(&there); err != nil {
		err = db.told(fmt.Errorf("look for table %s: %w", name, err))
	}
	return there, err
}

// checkKeys refuses keys that do not open what the database has. It tells whether
// the database is new.
func (db *DB) checkKeys(ctx context.Context) (fresh bool, err error) {
	states, err := db.sealedTables(ctx)
	if err != nil {
		return false, err
	}
	for name, s := range states {
		switch {
		case db.keys == nil && db.asIs:
			continue
		case db.keys == nil:
			return false, fault.New(fault.Invalid, "the secrets of the database are sealed with the key %s: expected that key", s.Key)
		case !db.keys.Has(s.Key):
			return false, fault.New(fault.Invalid, "the secrets of the database are sealed with the key %s, and the key given is %s", s.Key, strings.Join(db.keys.IDs(), ", "))
		}
		if _, err := db.keys.Open(seal.Place{Table: "sealed_tables", Key: name, Field: "check"}, s.Check); err != nil {
			return false, fault.New(fault.Invalid, "the secrets of the database: %w", err)
		}
	}
	migrated, err := db.hasTable(ctx, goose.DefaultTablename)
	return !migrated, err
}

// sealAll seals what is not sealed with the first key, and removes what is left of
// what was there before.
func (db *DB) sealAll(ctx context.Context, fresh bool) error {
	states, err := db.sealedTables(ctx)
	if err != nil {
		return err
	}
	var stale []string
	swept := true
	for _, table := range secretTables {
		s, was := states[table]
		if !was || s.Key != db.keys.First() {
			stale = append(stale, table)
		}
		swept = swept && s.Swept
	}
	if len(stale) > 0 {
		swept = fresh
		err := db.InTx(ctx, func(ctx context.Context) error {
			for _, table := range stale {
				_, was := states[table]
				if err := db.sealTable(ctx, table, was); err != nil {
					return err
				}
			}
			return db.noteSealed(ctx, swept)
		})
		if err != nil {
			return fmt.Errorf("seal the secrets of the database: %w", err)
		}
	}
	if swept {
		return nil
	}
	if err := db.dialect.sweep(ctx, db, append(slices.Clip(secretTables), "sealed_tables")); err != nil {
		return fmt.Errorf("remove what is left of secrets in the database: %w", err)
	}
	return db.InTx(ctx, func(ctx context.Context) error { return db.noteSealed(ctx, true) })
}

// noteSealed records that all are sealed with the first key.
func (db *DB) noteSealed(ctx context.Context, swept bool) error {
	rows := make([][]any, 0, len(secretTables))
	for _, table := range secretTables {
		check := db.keys.Seal(seal.Place{Table: "sealed_tables", Key: table, Field: "check"}, []byte(table))
		doc, err := json.Marshal(sealedTable{Key: db.keys.First(), Check: check, Swept: swept})
		if err != nil {
			return err
		}
		rows = append(rows, []any{table, int64(1), string(doc)})
	}
	columns := []string{"key", "rev", "doc"}
	return db.dialect.insert(ctx, txOf(ctx).conn, "sealed_tables", columns, rows, replaceExisting("sealed_tables", columns))
}

// sealTable seals the documents of a table with the first key. was tells that all
// of them were sealed before: one that is not is nobody's.
func (db *DB) sealTable(ctx context.Context, table string, was bool) error {
	for after := ""; ; {
		rows, err := db.rowsAfter(ctx, table, after)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			place, text := seal.Place{Table: table, Key: row.key, Field: docField}, []byte(row.doc)
			id, sealed := seal.KeyOf(row.doc)
			if sealed && id == db.keys.First() {
				continue
			}
			if sealed || was {
				if text, err = db.keys.Open(place, row.doc); err != nil {
					return err
				}
			}
			if _, err := txOf(ctx).conn.ExecContext(ctx, "UPDATE "+table+" SET doc = $1 WHERE key = $2", db.keys.Seal(place, text), row.key); err != nil {
				return fmt.Errorf("write to %s: %w", table, err)
			}
		}
		after = rows[len(rows)-1].key
	}
}

type keyAndDoc struct{ key, doc string }

// rowsAfter are the next rows of a table, so many that memory does not grow with it.
func (db *DB) rowsAfter(ctx context.Context, table, after string) (out []keyAndDoc, err error) {
	rows, err := txOf(ctx).conn.QueryContext(ctx,
		fmt.Sprintf("SELECT key, doc FROM %s WHERE key > $1 ORDER BY key LIMIT %d%s", table, atOnce, db.dialect.lockRows()), after)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	defer rows.Close()
	for rows.Next() {
		var r keyAndDoc
		if err := rows.Scan(&r.key, &r.doc); err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}
