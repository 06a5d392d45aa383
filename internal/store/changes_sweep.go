package store

import (
	"context"
	"fmt"
	"slices"
)

// sweep brings the rows of the logged tables up to what memory has, table by table in
// the order of the keys, a part at a time: neighbours share pages, and a page that is
// written for many documents costs each less. After the last one the rows of the log go that were
// there when it began.
type sweep struct {
	upTo int64 // number of the newest of those; 0: no sweep is under way
	todo []late
}

// late are documents of a table whose rows are not as memory has them.
type late struct {
	name  string
	table logged
	keys  []string // in order
}

// logged is a logged table in memory. Who calls has the group's turn.
type logged interface {
	// countLate is how many documents are late, and lateKeys are theirs, in order.
	countLate() int
	lateKeys() []string
	// lateChanges are what brings the rows of the first n of the keys up to memory, as many as
	// have the bytes, but one at least. From then on these have a row, or may: the commit that
	// writes it may happen though it fails.
	lateChanges(keys []string, bytes int) (t *tableChanges, n int, err error)
	// settled takes down that the rows of these are as memory has them.
	settled(keys []string)
}

// droppedAtOnce is how many times as many bytes of the log are deleted in one
// transaction as are written: deleting touches few pages, for they are packed.
const droppedAtOnce = 8

// settledPart is what one transaction settles.
type settledPart struct {
	written []late
	left    []late // of the sweep
	dropped int    // rows of the log
	bytes   int    // of the documents, and of what is deleted of the log a part
}

// settle writes and deletes the next part. It counts once settled is called.
func (c *changes) settle(ctx context.Context, conn connection) (p settledPart, err error) {
	if c.sweep.upTo == 0 {
		c.sweep = c.newSweep()
	}
	p.left = slices.Clone(c.sweep.todo)
	for len(p.left) > 0 && p.bytes < c.sizes.row {
		b := &p.left[0]
		t, n, err := b.table.lateChanges(b.keys, c.sizes.row-p.bytes)
		if err == nil {
			err = t.write(ctx, c.db, conn, b.name)
		}
		if err != nil {
			return p, err
		}
		p.bytes += t.bytes
		p.written = append(p.written, late{b.name, b.table, b.keys[:n]})
		if b.keys = b.keys[n:]; len(b.keys) == 0 {
			p.left = p.left[1:]
		}
	}
	if len(p.left) > 0 {
		return p, nil
	}
	var bytes int
	if p.dropped, bytes = c.oldest(); p.dropped > 0 {
		p.bytes += bytes / droppedAtOnce
		err = c.drop(ctx, conn, c.rows[p.dropped-1].number, p.dropped)
	}
	return p, err
}

// newSweep is one of all that the log has now.
func (c *changes) newSweep() sweep {
	s := sweep{upTo: c.last}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, t := range c.tables {
		if keys := t.lateKeys(); len(keys) > 0 {
			s.todo = append(s.todo, late{name, t, keys})
		}
	}
	return s
}

// countLate is how many documents are late, in all tables.
func (c *changes) countLate() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tables {
		n += t.countLate()
	}
	return n
}

// oldest is how many rows of the log, from the oldest on, go at once, and their bytes.
func (c *changes) oldest() (n, bytes int) {
	for n < len(c.rows) && c.rows[n].number <= c.sweep.upTo && bytes < droppedAtOnce*c.sizes.row {
		bytes += c.rows[n].bytes
		n++
	}
	return n, bytes
}

// settled takes down what was committed.
func (c *changes) settled(p settledPart) {
	for _, b := range p.written {
		b.table.settled(b.keys)
	}
	for _, row := range c.rows[:p.dropped] {
		c.bytes -= row.bytes
	}
	c.db.counts.unsettled.Store(int64(c.bytes))
	if c.rows = c.rows[p.dropped:]; len(c.rows) == 0 {
		c.rows = nil
	}
	c.sweep.todo = p.left
	if len(p.left) == 0 && (len(c.rows) == 0 || c.rows[0].number > c.sweep.upTo) {
		c.sweep = sweep{}
	}
}

// drop deletes the rows of the log up to the number, of which there are n.
func (c *changes) drop(ctx context.Context, conn connection, upTo int64, n int) error {
	if _, err := conn.ExecContext(ctx, "DELETE FROM held_changes WHERE number <= $1", upTo); err != nil {
		return fmt.Errorf("delete from held_changes: %w", err)
	}
	c.db.counts.written.Add(int64(n))
	return nil
}
