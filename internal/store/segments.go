package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Segments keeps many small records in few rows, which are written once and
// never changed. Who writes them knows their form: to the store a segment is a
// key, the age of the newest record, an index that tells what is inside, and
// the records themselves. A migration creates the columns key, newest, size,
// idx and data.
type Segments struct {
	db   *DB
	name string
}

// Segment is one row of Segments.
type Segment struct {
	Key    string // unique, never empty, compared byte by byte
	Newest int64  // of its records, in the unit that Prune is asked in
	Index  []byte // what Find is asked about; may be empty
	Data   []byte
}

// NewSegments returns the segments in the named table of db.
func NewSegments(db *DB, name string) *Segments { return &Segments{db: db, name: name} }

var segmentColumns = []string{"key", "newest", "size", "idx", "data"}

// Append adds segments, in the transaction of ctx if there is one.
func (s *Segments) Append(ctx context.Context, segments ...Segment) error {
	if len(segments) == 0 {
		return nil
	}
	rows := make([][]any, len(segments))
	for i, g := range segments {
		index := g.Index
		if index == nil {
			index = []byte{}
		}
		rows[i] = []any{g.Key, g.Newest, int64(len(g.Index) + len(g.Data)), index, g.Data}
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		tx := txOf(ctx)
		if err := s.db.dialect.insert(ctx, tx.conn, s.name, segmentColumns, rows, ""); err != nil {
			return failed(s.db, "write to", s.name, err)
		}
		s.db.counts.written.Add(int64(len(rows)))
		tx.note(s.name)
		return nil
	})
}

// Find returns, in order, the keys from from on and below to whose index has
// what is looked for. The index is the callee's during the call only.
func (s *Segments) Find(ctx context.Context, from, to string, has func(index []byte) bool) ([]string, error) {
	rows, err := s.db.reader(ctx).QueryContext(ctx,
		"SELECT key, idx FROM "+s.name+" WHERE key >= $1 AND key < $2 ORDER BY key", from, to)
	if err != nil {
		return nil, failed(s.db, "read", s.name, err)
	}
	defer rows.Close()
	var out []string
	var key string
	var index sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&key, &index); err != nil {
			return nil, failed(s.db, "read", s.name, err)
		}
		if has(index) {
			out = append(out, key)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, failed(s.db, "read", s.name, err)
	}
	return out, nil
}

// atOnce bounds the segments that one statement reads or deletes, so that
// neither memory nor the writer's time grows with the table.
const atOnce = 500

// Read hands the data of the segments that still exist to take, which must not
// keep it.
func (s *Segments) Read(ctx context.Context, keys []string, take func(key string, data []byte) error) error {
	for len(keys) > 0 {
		n := min(len(keys), atOnce)
		if err := s.read(ctx, keys[:n], take); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

func (s *Segments) read(ctx context.Context, keys []string, take func(key string, data []byte) error) error {
	where, arg := s.db.dialect.anyOf("key", 1, keys)
	rows, err := s.db.reader(ctx).QueryContext(ctx, "SELECT key, data FROM "+s.name+" WHERE "+where, arg)
	if err != nil {
		return failed(s.db, "read", s.name, err)
	}
	defer rows.Close()
	var key string
	var data sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&key, &data); err != nil {
			return failed(s.db, "read", s.name, err)
		}
		if err := take(key, data); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return failed(s.db, "read", s.name, err)
	}
	return nil
}

// Delete removes the segments with the keys, in the transaction of ctx if
// there is one.
func (s *Segments) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		where, arg := s.db.dialect.anyOf("key", 1, keys)
		tx := txOf(ctx)
		if _, err := tx.conn.ExecContext(ctx, "DELETE FROM "+s.name+" WHERE "+where, arg); err != nil {
			return failed(s.db, "delete from", s.name, err)
		}
		s.db.counts.written.Add(int64(len(keys)))
		tx.note(s.name)
		return nil
	})
}

// Prune removes the segments whose newest record is older than before, and
// then the oldest ones until what is left takes at most size bytes (0: any
// number). It returns how many it removed.
func (s *Segments) Prune(ctx context.Context, before, size int64) (int, error) {
	n, err := s.deleteOlder(ctx, before)
	if err != nil || size <= 0 {
		return n, err
	}
	cut, over, err := s.cut(ctx, size)
	if err != nil || !over {
		return n, err
	}
	more, err := s.deleteOlder(ctx, cut)
	return n + more, err
}

// deleteOlder deletes in transactions of their own, so that others can write
// in between.
func (s *Segments) deleteOlder(ctx context.Context, before int64) (total int, err error) {
	for {
		var n int64
		err := s.db.InTx(ctx, func(ctx context.Context) error {
			r, err := txOf(ctx).conn.ExecContext(ctx, fmt.Sprintf(
				"DELETE FROM %s WHERE key IN (SELECT key FROM %s WHERE newest < $1 ORDER BY newest LIMIT %d)", s.name, s.name, atOnce), before)
			if err == nil {
				n, err = r.RowsAffected()
			}
			if err == nil && n > 0 {
				s.db.counts.written.Add(n)
				txOf(ctx).note(s.name)
			}
			return err
		})
		if err != nil {
			return total, failed(s.db, "delete from", s.name, err)
		}
		total += int(n)
		if n < atOnce {
			return total, nil
		}
	}
}

// cut is the age below which segments have to go so that the others take at
// most size bytes; over tells whether any have to.
func (s *Segments) cut(ctx context.Context, size int64) (cut int64, over bool, err error) {
	rows, err := s.db.reader(ctx).QueryContext(ctx, "SELECT newest, size FROM "+s.name+" ORDER BY newest DESC")
	if err != nil {
		return 0, false, failed(s.db, "read", s.name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var newest, bytes int64
		if err := rows.Scan(&newest, &bytes); err != nil {
			return 0, false, failed(s.db, "read", s.name, err)
		}
		if size -= bytes; size < 0 {
			return newest + 1, true, nil
		}
	}
	return 0, false, rows.Err()
}
