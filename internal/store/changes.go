package store

import (
	"context"
	"sync"
	"time"
)

// changes is the log of what was committed to logged tables and does not stand in
// their rows yet. A commit adds what it changed in one row of held_changes, which
// costs a fraction of a row for each document. Later, when little is written or the log is long, the
// tables' rows are brought up to what memory has (a sweep), and the log as it was before is deleted:
//
//	commit ──► memory, held_changes          memory ──► sweep ──► rows of the tables
//
// Say a component changes five times in a reboot, and a reservation comes and goes:
//
//	log 1: component v1, reservation    log 2: component v2    log 3: component v3, reservation deleted
//	a sweep after that: component v3 is written, nothing of the reservation; 1 to 3 are deleted
//	one that began after 2, and comes to the component after 3: v3 is written; 1 and 2 are deleted, 3 is not
//
// What is deleted is in the rows, and what the log still has is as new as the rows or newer, so that rows
// and then the log on top are at each moment what was committed. Who opens the database settles
// first, before anything reads or alters the tables: only while the database is open
// for writing do rows lag behind.
//
// All but tables belongs to who has the group's turn.
type changes struct {
	db      *DB
	last    int64 // number of the newest row there was
	rows    []logRow
	bytes   int // of all rows, before they were packed
	grown   int // by how many bytes since it was last found to grow too fast to be settled
	latest  int // how many of them the latest commit added
	writer  logWriter
	spare   []byte // to pack in
	sizes   changeSizes
	pausing bool      // a look for quiet is on its way
	failed  time.Time // when settling came to nothing the last time
	closed  bool
	sweep   sweep

	mu     sync.Mutex
	tables map[string]logged
}

// logRow is a row of the log that was not settled.
type logRow struct {
	number int64
	bytes  int // before it was packed
}

// changeSizes are changesAsUsual, but in tests.
type changeSizes struct {
	// row is how much a row of the log takes until another one is begun, in
	// bytes, and how much is settled in one transaction: others wait meanwhile.
	row int
	// many is how many documents may be late, and how many rows the log may have, and long how
	// long it may be, in bytes, before each commit settles as much as it adds. It bounds what a server has to do first that starts after
	// one that was killed (BenchmarkOpenAfterAKill).
	many, long int
	// quiet is how often is looked whether the log, if it has grown by at most calm
	// bytes meanwhile, can be settled.
	quiet time.Duration
	calm  int
	// bulk is how much one commit changes of a table, in bytes, when it is written to the
	// table's rows at once, if the log is empty.
	bulk int
}

var changesAsUsual = changeSizes{row: 512 << 10, many: 400_000, long: 2 << 30, bulk: 4 << 20, quiet: 2 * time.Second, calm: 64 << 10}

const (
	// keptBuffer is the largest buffer that is kept from one commit to the next, in bytes.
	keptBuffer = 4 << 20
	// sick is how long a failure to settle keeps from trying again.
	sick = 10 * time.Second
)

func newChanges(db *DB) *changes {
	c := &changes{db: db, sizes: changesAsUsual, tables: map[string]logged{}}
	c.begin()
	return c
}

// register has changes of the table settled by what t says. Where another Table had the
// name, of a service that has ended, nothing of it may be in the log.
func (c *changes) register(name string, t logged) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tables[name] = t
}

func (c *changes) table(name string) logged {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tables[name]
}

// write puts what the writer has into the log. It counts as there once added is called.
func (c *changes) write(ctx context.Context, conn connection) error {
	rows := make([][]any, len(c.writer.cuts))
	for i := range rows {
		packed := pack(c.writer.row(i), c.spare)
		rows[i] = []any{c.writer.first + int64(i), packed}
		c.spare = nil
		if len(rows) == 1 && len(packed) < keptBuffer {
			c.spare = packed
		}
	}
	return c.db.insertRows(ctx, conn, "held_changes", []string{"number", "entries"}, rows, "")
}

// added notes that what was written is committed.
func (c *changes) added() {
	c.latest = 0
	for i := range c.writer.cuts {
		c.last = c.writer.first + int64(i)
		c.rows = append(c.rows, logRow{number: c.last, bytes: len(c.writer.row(i))})
		c.latest += len(c.writer.row(i))
	}
	c.bytes += c.latest
	c.grown += c.latest
	c.db.counts.unsettled.Store(int64(c.bytes))
	c.begin()
}

// full tells whether it is time to settle, however much is written.
func (c *changes) full() bool {
	return c.bytes > c.sizes.long || len(c.rows) > c.sizes.many || c.countLate() > c.sizes.many
}

// empty tells whether no older change than the present ones could be settled later.
func (c *changes) empty() bool { return len(c.rows) == 0 }

// begin begins the rows of the next commit.
func (c *changes) begin() { c.writer.begin(c.last+1, c.sizes.row) }
