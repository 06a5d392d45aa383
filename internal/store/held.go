package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tidwall/btree"

	"github.com/drover-hpc/drover/internal/fault"
)

// held are a table's documents in memory, beside the database, which has the
// same ones: a document is published, for readers to see, once its transaction is
// committed, so that nobody sees what a kill can lose.
//
//	Update ──► staged (the caller's part) ──► pending (parts done) ──► COMMIT ──► docs
//	             read by the caller              read by later parts                read by all
//
// Documents are copied on their way in and out, so that nobody can change what is
// in here. Shown alone gives out what stands here, for reading: a document that
// is replaced stays as it was for whoever still reads it.
type held[T any] struct {
	table *Table[T]
	copy  func(doc *T) // makes what doc refers to its own

	loading sync.Mutex
	loaded  atomic.Bool

	mu      *sync.RWMutex // the database's: of a commit readers see everything or nothing
	docs    btree.Map[string, *kept[T]]
	indexes []index // one for each column

	// What follows belongs to who has the turn.
	pending overlay[T]
	inLog   bool            // pending was written to the log
	late    map[string]bool // of documents whose rows are not as docs has them, by key: whether they have a row, or may
}

// kept is a document that nobody changes any more.
type kept[T any] struct {
	doc     T
	columns []string // values of the indexed columns
	row     []byte   // as it will be written; nil once it is
}

// overlay are documents that are not committed, nil for deleted ones.
type overlay[T any] map[string]*kept[T]

// holder is a held table of any type, as the group of transactions sees it.
type holder interface {
	// accept takes over what a part that is done has staged.
	accept(staged any)
	// flush writes what was accepted: to the log if the table is logged, else, and if it is
	// so much that only rows which change again soon would cost less by the log, to its rows.
	flush(ctx context.Context, conn connection, log *changes) error
	// publish shows to all what was flushed, with the commit. The caller holds
	// the database's lock.
	publish()
	// discard forgets what was accepted.
	discard()
}

func newHeld[T any](t *Table[T]) *held[T] {
	h := &held[T]{table: t, mu: &t.db.commits, copy: copierOf[T](), pending: overlay[T]{}, late: map[string]bool{}, indexes: make([]index, len(t.spec.Indexes))}
	for i := range h.indexes {
		h.indexes[i] = index{}
	}
	return h
}

// ensure reads the table into memory the first time. Whoever writes comes
// through here as well, so that nothing is written meanwhile.
func (h *held[T]) ensure(ctx context.Context) error {
	if h.loaded.Load() {
		return nil
	}
	h.loading.Lock()
	defer h.loading.Unlock()
	if h.loaded.Load() {
		return nil
	}
	docs, err := h.table.scan(ctx, &h.table.db.readers, h.table.selects)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range docs {
		h.set(h.table.spec.Key(&docs[i]), h.keep(&docs[i]))
	}
	h.loaded.Store(true)
	return nil
}

// keep makes a kept document, of which doc is a copy from then on.
func (h *held[T]) keep(doc *T) *kept[T] {
	k := &kept[T]{doc: *doc, columns: make([]string, len(h.indexes))}
	h.copy(&k.doc)
	if shared := h.table.spec.Shared; shared != nil {
		intern(shared(&k.doc))
	}
	for i, ix := range h.table.spec.Indexes {
		k.columns[i] = ix.Of(&k.doc)
	}
	return k
}

// set puts the document, or removes it. The caller holds mu.
func (h *held[T]) set(key string, k *kept[T]) {
	old, had := h.docs.Get(key)
	for i := range h.indexes {
		if had && k != nil && old.columns[i] == k.columns[i] {
			continue
		}
		if had {
			h.indexes[i].remove(old.columns[i], key)
		}
		if k != nil {
			h.indexes[i].add(k.columns[i], key)
		}
	}
	if k == nil {
		h.docs.Delete(key)
		return
	}
	h.docs.Set(key, k)
}

// stage notes documents as changed by the caller's transaction.
func (h *held[T]) stage(ctx context.Context, docs []*T) error {
	if err := h.ensure(ctx); err != nil {
		return err
	}
	tx := txOf(ctx)
	staged := h.staged(tx)
	for _, d := range docs {
		row, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("encode %s: %w", h.table.spec.Kind, err)
		}
		k := h.keep(d)
		k.row = row
		noText := bytes.Contains(row, []byte(`\ufffd`)) // the encoder's mark, which a restart would read
		if noText || checking {
			switch where := h.asRead(k); {
			case where != "" && noText:
				return fault.New(fault.Invalid, "write to %s: '%s' is not UTF-8 throughout", h.table.spec.Name, h.table.spec.Key(d))
			case where != "":
				panic("store: memory and database differ in " + where)
			}
		}
		key := h.table.spec.Key(&k.doc)
		if err := h.table.fits(key, k.columns); err != nil {
			return err
		}
		staged[key] = k
		tx.note(h.table.spec.Name, key)
	}
	return nil
}

// remove notes documents as deleted by the caller's transaction.
func (h *held[T]) remove(tx *tx, keys []string) {
	staged := h.staged(tx)
	for _, key := range keys {
		staged[key] = nil
	}
	tx.note(h.table.spec.Name, keys...)
}

// staged is what the transaction changed so far.
func (h *held[T]) staged(tx *tx) overlay[T] {
	if tx.staged == nil {
		tx.staged = map[holder]any{}
	}
	o, is := tx.staged[h].(overlay[T])
	if !is {
		o = overlay[T]{}
		tx.staged[h] = o
	}
	return o
}

func (h *held[T]) accept(staged any) {
	for key, k := range staged.(overlay[T]) {
		h.pending[key] = k
	}
}

func (h *held[T]) flush(ctx context.Context, conn connection, log *changes) error {
	if h.inLog = h.table.logged && !(log.empty() && h.bytes() >= log.sizes.bulk); h.inLog {
		h.log(&log.writer)
		return nil
	}
	t := tableChanges{columns: h.table.columns}
	for key, k := range h.pending {
		if k == nil {
			t.gone = append(t.gone, key)
			continue
		}
		t.add(&entry{key: key, columns: k.columns, doc: string(k.row)})
	}
	if err := h.table.deleteRows(ctx, conn, t.gone); err != nil {
		return err
	}
	return h.table.writeRows(ctx, conn, t.rows, h.table.replace)
}

// bytes are those of the rows of what was accepted.
func (h *held[T]) bytes() (n int) {
	for _, k := range h.pending {
		if k != nil {
			n += len(k.row)
		}
	}
	return n
}

// log adds what was accepted to the log.
func (h *held[T]) log(log *logWriter) {
	e := entry{table: h.table.spec.Name, names: h.table.columns[len(documentColumns):]}
	for key, k := range h.pending {
		if e.key, e.deleted = key, k == nil; e.deleted {
			log.add(&e, nil)
			continue
		}
		e.columns = k.columns
		log.add(&e, k.row)
	}
}

func (h *held[T]) publish() {
	for key, k := range h.pending {
		if k != nil {
			k.row = nil
		}
		if h.inLog {
			h.noteLate(key, k == nil)
		}
		h.set(key, k)
	}
	h.pending = overlay[T]{}
}

func (h *held[T]) discard() { h.pending = overlay[T]{} }

// query is Table.query.
func (h *held[T]) query(ctx context.Context, q Query) ([]T, error) {
	found, err := h.find(ctx, q)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	out := make([]T, len(found))
	for i, k := range found {
		out[i] = k.doc
		h.copy(&out[i])
	}
	return out, nil
}

// find selects documents in key order: those that are committed or, inside a
// transaction, as it sees them.
func (h *held[T]) find(ctx context.Context, q Query) ([]*kept[T], error) {
	if err := h.ensure(ctx); err != nil {
		return nil, err
	}
	sel, err := h.selection(q)
	if err != nil {
		return nil, err
	}
	tx := txOf(ctx)
	if tx == nil {
		return h.committed(sel, q.Limit), nil
	}
	staged, _ := tx.staged[h].(overlay[T])
	if len(staged)+len(h.pending) == 0 {
		return h.committed(sel, q.Limit), nil
	}
	found := slices.DeleteFunc(h.committed(sel, 0), func(k *kept[T]) bool {
		key := h.table.spec.Key(&k.doc)
		_, changed := staged[key]
		if !changed {
			_, changed = h.pending[key]
		}
		return changed
	})
	for key, k := range staged {
		if k != nil && sel.has(key, k.columns) {
			found = append(found, k)
		}
	}
	for key, k := range h.pending {
		if _, newer := staged[key]; !newer && k != nil && sel.has(key, k.columns) {
			found = append(found, k)
		}
	}
	h.sort(found)
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, nil
}
