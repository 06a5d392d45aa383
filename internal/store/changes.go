package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// changes is the log of what was committed to logged tables and does not stand in
// their rows yet. A commit adds what it changed in one row of held_changes, which
// costs a fraction of a row for each document. Later, when little is written or the log is long, the rows
// of the tables are brought up to its oldest part (settled), and that part is deleted,
// in one transaction:
//
//	commit ──► held_changes ──► settle ──► rows of the tables
//
// Say a component changes five times in a reboot, and a reservation comes and goes:
//
//	log 1: component v1, reservation    log 2: component v2    log 3: component v3, reservation deleted
//	settle 1: nothing, for memory has newer ones    settle 3: component v3 is written, the reservation deleted
//
// A change that is passed over stands in a later row of the log, so that rows and log
// together are at each moment what was committed. Who opens the database settles
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

	mu     sync.Mutex
	tables map[string]logged
}

// logRow is a row of the log that was not settled.
type logRow struct {
	number int64
	bytes  int // before it was packed
}

// logged is a logged table in memory.
type logged interface {
	// newest tells whether memory has the document with the key as the row of the
	// log has it, or does not have it if the row has its deletion.
	newest(key string, number int64, deleted bool) bool
}

// changeSizes are changesAsUsual, but in tests.
type changeSizes struct {
	// row is how much a row of the log takes until another one is begun, in
	// bytes, and how much is settled in one transaction: others wait meanwhile.
	row int
	// long is how long the log may be, in bytes, before each commit settles as
	// much of it as it adds. A server that was killed settles as much when it starts again.
	long int
	// quiet is how often is looked whether the log, if it has grown by at most calm
	// bytes meanwhile, can be settled.
	quiet time.Duration
	calm  int
	// bulk is how much one commit changes of a table, in bytes, when it is written to the
	// table's rows at once, if the log is empty.
	bulk int
}

var changesAsUsual = changeSizes{row: 512 << 10, long: 64 << 20, bulk: 4 << 20, quiet: 2 * time.Second, calm: 64 << 10}

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

// empty tells whether no older change than the present ones could be settled later.
func (c *changes) empty() bool { return len(c.rows) == 0 }

// begin begins the rows of the next commit.
func (c *changes) begin() { c.writer.begin(c.last+1, c.sizes.row) }

// oldest is how many rows, from the oldest on, are settled at once.
func (c *changes) oldest() (n int) {
	for bytes := 0; n < len(c.rows) && bytes < c.sizes.row; n++ {
		bytes += c.rows[n].bytes
	}
	return n
}

// settle brings the tables up to the oldest n rows of the log, which it deletes.
func (c *changes) settle(ctx context.Context, conn connection, n int) error {
	upTo := c.rows[n-1].number
	err := c.apply(ctx, conn, c.rows[0].number, upTo, func(e *entry, number int64) bool {
		t := c.table(e.table)
		return t == nil || t.newest(e.key, number, e.deleted)
	})
	if err != nil {
		return err
	}
	return c.drop(ctx, conn, upTo, n)
}

// settled forgets the oldest n rows.
func (c *changes) settled(n int) {
	for _, row := range c.rows[:n] {
		c.bytes -= row.bytes
	}
	c.db.counts.unsettled.Store(int64(c.bytes))
	if c.rows = c.rows[n:]; len(c.rows) == 0 {
		c.rows = nil
	}
}

// settleAll brings the tables up to the whole log of a database that was just opened.
func (c *changes) settleAll(ctx context.Context, conn connection) error {
	rows, err := c.there(ctx, conn)
	if err != nil || len(rows) == 0 {
		return err
	}
	seen := map[[2]string]bool{} // newest first: what comes later is older
	first := func(e *entry, _ int64) bool {
		at := [2]string{e.table, e.key}
		if seen[at] {
			return false
		}
		seen[at] = true
		return true
	}
	for to := len(rows); to > 0; {
		from := to
		for bytes := 0; from > 0 && bytes < c.sizes.row; bytes += rows[from].bytes {
			from--
		}
		if err := c.apply(ctx, conn, rows[from].number, rows[to-1].number, first); err != nil {
			return err
		}
		to = from
	}
	slog.Info("changes that the server before had in its log are written to their tables", "documents", len(seen))
	return c.drop(ctx, conn, rows[len(rows)-1].number, len(rows))
}

// there are the rows that the log has in the database, oldest first, with their bytes
// as they are packed.
func (c *changes) there(ctx context.Context, conn connection) (out []logRow, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT number, octet_length(entries) FROM held_changes ORDER BY number")
	if err != nil {
		return nil, fmt.Errorf("read held_changes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r logRow
		if err := rows.Scan(&r.number, &r.bytes); err != nil {
			return nil, fmt.Errorf("read held_changes: %w", err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// apply writes the wanted changes of the rows of the log from and to to the
// tables. It asks for the newest first.
func (c *changes) apply(ctx context.Context, conn connection, from, to int64, wanted func(e *entry, number int64) bool) error {
	todo := map[string]*tableChanges{}
	visit := func(e *entry) {
		t := todo[e.table]
		if t == nil {
			t = &tableChanges{columns: append(slices.Clone(documentColumns), e.names...)}
			todo[e.table] = t
		}
		t.add(e)
	}
	if err := c.read(ctx, conn, from, to, wanted, visit); err != nil {
		return err
	}
	for name, t := range todo {
		if err := t.write(ctx, c.db, conn, name); err != nil {
			return err
		}
	}
	return nil
}

// tableChanges are the changes of a table that are written together.
type tableChanges struct {
	columns []string
	rows    [][]any
	gone    []string
}

func (t *tableChanges) add(e *entry) {
	if e.deleted {
		t.gone = append(t.gone, e.key)
		return
	}
	row := append(make([]any, 0, len(t.columns)), e.key, int64(1), e.doc)
	for _, value := range e.columns {
		row = append(row, value)
	}
	t.rows = append(t.rows, row)
}

func (t *tableChanges) write(ctx context.Context, db *DB, conn connection, table string) error {
	if err := db.deleteRows(ctx, conn, table, t.gone); err != nil {
		return err
	}
	return db.putRows(ctx, conn, table, t.columns, t.rows, replaceExisting(table, t.columns))
}

// read shows the wanted entries of rows of the log, newest row first.
func (c *changes) read(ctx context.Context, conn connection, from, to int64, wanted func(*entry, int64) bool, visit func(*entry)) error {
	rows, err := conn.QueryContext(ctx, "SELECT number, entries FROM held_changes WHERE number >= $1 AND number <= $2 ORDER BY number DESC", from, to)
	if err != nil {
		return fmt.Errorf("read held_changes: %w", err)
	}
	defer rows.Close()
	var number int64
	var packed sql.RawBytes
	var row []byte
	for rows.Next() {
		if err := rows.Scan(&number, &packed); err != nil {
			return fmt.Errorf("read held_changes: %w", err)
		}
		if row, err = unpack(packed, row); err == nil {
			err = readEntries(row, func(e *entry) bool { return wanted(e, number) }, visit)
		}
		if err != nil {
			return fmt.Errorf("row %d of held_changes: %w", number, err)
		}
	}
	return rows.Err()
}

// drop deletes the rows of the log up to the number, of which there are n.
func (c *changes) drop(ctx context.Context, conn connection, upTo int64, n int) error {
	if _, err := conn.ExecContext(ctx, "DELETE FROM held_changes WHERE number <= $1", upTo); err != nil {
		return fmt.Errorf("delete from held_changes: %w", err)
	}
	c.db.counts.written.Add(int64(n))
	return nil
}
