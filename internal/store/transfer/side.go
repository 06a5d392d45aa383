package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"iter"
)

// side is one of the two databases, in a transaction of its own: what it
// answers does not change but by what it is told to write.
type side interface {
	schema(ctx context.Context) (schema, error)
	count(ctx context.Context, t table) (int64, error)
	// rows are all rows in the order of their keys, byte by byte; a row is the
	// callee's until the next. Its values are string, int64 or []byte.
	rows(ctx context.Context, t table) iter.Seq2[[]any, error]
	// next is the number that the next row of a serial table gets.
	next(ctx context.Context, t table) (int64, error)
}

// target is a side that is written to.
type target interface {
	side
	write(ctx context.Context, t table, rows iter.Seq2[[]any, error]) error
	setNext(ctx context.Context, t table, next int64) error
	// commit shows everything that was written.
	commit(ctx context.Context) error
}

// sum is what two copies of a table are compared by.
type sum struct {
	rows, bytes, next int64
	hash              string
}

// adder makes a sum of rows.
type adder struct {
	sum  sum
	hash hash.Hash
	head [9]byte
}

func newAdder() *adder { return &adder{hash: sha256.New()} }

// add takes a row: each value with its kind and length before it, so that no
// two lists of rows are the same bytes.
func (a *adder) add(row []any) {
	a.sum.rows++
	for _, v := range row {
		switch v := v.(type) {
		case int64:
			a.write('i', 8)
			binary.BigEndian.PutUint64(a.head[1:], uint64(v))
			a.hash.Write(a.head[1:])
		case string:
			a.write('s', len(v))
			a.hash.Write([]byte(v))
		case []byte:
			a.write('b', len(v))
			a.hash.Write(v)
		default: // what PostgreSQL cannot hold; not equal to anything
			a.write('?', 0)
		}
	}
}

func (a *adder) write(kind byte, length int) {
	a.head[0] = kind
	binary.BigEndian.PutUint64(a.head[1:], uint64(length))
	a.hash.Write(a.head[:])
	a.sum.bytes += int64(length)
}

func (a *adder) total(next int64) sum {
	s := a.sum
	s.hash, s.next = hex.EncodeToString(a.hash.Sum(nil)), next
	return s
}

// read sums the rows of a table of a side up; each is also shown to look, which
// may be nil.
func read(ctx context.Context, s side, t table, rows iter.Seq2[[]any, error], look func(table, []any)) (sum, error) {
	a := newAdder()
	for row, err := range rows {
		if err != nil {
			return sum{}, fmt.Errorf("read %s: %w", t.name, err)
		}
		if look != nil {
			look(t, row)
		}
		a.add(row)
	}
	next := int64(0)
	if t.serial {
		var err error
		if next, err = s.next(ctx, t); err != nil {
			return sum{}, fmt.Errorf("read the counter of %s: %w", t.name, err)
		}
	}
	return a.total(next), nil
}
