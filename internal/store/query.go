package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Query selects documents; all given conditions must hold. The zero Query
// selects everything.
type Query struct {
	// Keys, when not nil, limits to these keys.
	Keys []string
	// Prefix limits to keys that begin so.
	Prefix string
	// After limits to keys greater than this one.
	After string
	// Where limits by indexed columns.
	Where []Match
	// Limit bounds the number of documents; 0 is no bound.
	Limit int
}

// Match holds when the indexed column has one of the values.
type Match struct {
	Column string
	In     []string
}

// Is is the Match of one value.
func Is(column, value string) Match { return Match{Column: column, In: []string{value}} }

// Get returns the document with the key, or a fault.NotFound.
func (t *Table[T]) Get(ctx context.Context, key string) (T, error) {
	var zero T
	docs, err := t.query(ctx, Query{Keys: []string{key}}, "")
	if err != nil {
		return zero, err
	}
	if len(docs) == 0 {
		return zero, t.notFound(key)
	}
	return docs[0], nil
}

// List returns the selected documents in key order.
func (t *Table[T]) List(ctx context.Context, q Query) ([]T, error) { return t.query(ctx, q, "") }

// Count returns how many documents the query selects; its Limit is ignored.
func (t *Table[T]) Count(ctx context.Context, q Query) (int, error) {
	if t.held != nil {
		found, err := t.held.find(ctx, Query{Keys: q.Keys, Prefix: q.Prefix, After: q.After, Where: q.Where})
		return len(found), err
	}
	where, args := t.conditions(q)
	rows, err := t.db.reader(ctx).QueryContext(ctx, "SELECT COUNT(*) FROM "+t.spec.Name+where, args...)
	if err != nil {
		return 0, t.failed("count", err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// Shown are the selected documents, in key order, as they are now: nobody may change any of
// them. Of a held table nothing is read or copied for it.
func (t *Table[T]) Shown(ctx context.Context, q Query) ([]*T, error) {
	if t.held == nil {
		docs, err := t.query(ctx, q, "")
		return each(docs), err
	}
	found, err := t.held.find(ctx, q)
	out := make([]*T, len(found))
	for i, k := range found {
		out[i] = &k.doc
	}
	return out, err
}

// Visit shows the selected documents one after the other, as Shown has them.
func (t *Table[T]) Visit(ctx context.Context, q Query, visit func(doc *T)) error {
	docs, err := t.Shown(ctx, q)
	for _, d := range docs {
		visit(d)
	}
	return err
}

// CountBy counts the selected documents by what of says of each, as Visit shows them.
func (t *Table[T]) CountBy(ctx context.Context, q Query, of func(doc *T) string) (map[string]int, error) {
	counts := map[string]int{}
	err := t.Visit(ctx, q, func(doc *T) { counts[of(doc)]++ })
	return counts, err
}

// Sizes tells by key how many bytes each document takes in the database. The
// documents themselves are not read. Of a logged table it is not asked inside a transaction.
func (t *Table[T]) Sizes(ctx context.Context) (map[string]int64, error) {
	if t.logged {
		if err := t.db.group.settleNow(ctx); err != nil {
			return nil, err
		}
	}
	rows, err := t.db.reader(ctx).QueryContext(ctx, "SELECT key, octet_length(doc) FROM "+t.spec.Name)
	if err != nil {
		return nil, t.failed("measure", err)
	}
	defer rows.Close()
	sizes := map[string]int64{}
	for rows.Next() {
		var key string
		var size int64
		if err := rows.Scan(&key, &size); err != nil {
			return nil, t.failed("measure", err)
		}
		sizes[key] = size
	}
	if err := rows.Err(); err != nil {
		return nil, t.failed("measure", err)
	}
	return sizes, nil
}

func (t *Table[T]) query(ctx context.Context, q Query, suffix string) ([]T, error) {
	if q.Keys != nil && len(q.Keys) == 0 {
		return nil, nil
	}
	if t.held != nil {
		return t.held.query(ctx, q)
	}
	where, args := t.conditions(q)
	text := t.selects + where + " ORDER BY key"
	if q.Limit > 0 {
		text += fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	return t.scan(ctx, t.db.reader(ctx), text+suffix, args...)
}

// scan decodes the documents that a statement selects, which begins with selects.
func (t *Table[T]) scan(ctx context.Context, from querier, text string, args ...any) ([]T, error) {
	rows, err := from.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, t.failed("read", err)
	}
	defer rows.Close()
	var out []T
	var raw []byte
	var key string
	into := []any{&raw, &key}
	if !t.sealed {
		into = into[:1]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, t.failed("read", err)
		}
		if t.sealed {
			if raw, err = t.db.keys.Open(t.place(key), string(raw)); err != nil {
				return nil, err
			}
		}
		var doc T
		if err := json.Unmarshal(raw, &doc); err != nil {
			return nil, fmt.Errorf("decode %s: %w", t.spec.Kind, err)
		}
		out = append(out, doc)
	}
	t.db.counts.decoded.Add(int64(len(out)))
	if err := rows.Err(); err != nil {
		return nil, t.failed("read", err)
	}
	return out, nil
}

func (t *Table[T]) conditions(q Query) (string, []any) {
	var conds []string
	var args []any
	add := func(format string, arg any) {
		args = append(args, arg)
		conds = append(conds, fmt.Sprintf(format, len(args)))
	}
	anyOf := func(column string, values []string) {
		if len(values) == 1 {
			add(column+" = $%d", values[0])
			return
		}
		cond, arg := t.db.dialect.anyOf(column, len(args)+1, values)
		args, conds = append(args, arg), append(conds, cond)
	}
	if q.Keys != nil {
		anyOf("key", q.Keys)
	}
	if q.Prefix != "" {
		add("key >= $%d", q.Prefix)
		add("key < $%d", q.Prefix+"\U0010ffff")
	}
	if q.After != "" {
		add("key > $%d", q.After)
	}
	for _, m := range q.Where {
		anyOf(m.Column, m.In)
	}
	if len(conds) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(conds, " AND "), args
}
