package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
)

// group lets the transactions of concurrent callers share one transaction of the
// database, which has one writer: begin, commit and the pages that all of them
// touch are then paid once. Each caller works in a savepoint of its own, in its
// own goroutine, so that its error or panic undoes its part only; its hints
// leave, and its call returns, after the common commit.
//
//	first: begin, savepoint, do, release ─► next: savepoint, do, release ─► ... ─► last: linger, commit ─► all return
//
// Begin and savepoint wait for the first statement: a part that touches held
// tables alone has none, and what it changed is written at the commit, a
// document once however many parts changed it. The last lingers where many write:
// fewer commits are worth the wait of each.
type group struct {
	db *DB

	mu      sync.Mutex
	busy    bool // somebody has the turn
	waiting []*member

	// What follows belongs to who has the turn.
	conn    *sql.Conn // open from the first transaction to close, or until it breaks
	stmts   map[string]*sql.Stmt
	begun   *sql.Tx
	saved   bool // the present part has a savepoint
	since   time.Time
	done    []*member       // whose parts wait for the commit
	last    time.Time       // when the commit before ended
	shared  bool            // it had several parts
	later   bool            // what is open will be committed soon, whoever comes
	linger  time.Duration   // lingering, but in tests
	held    map[holder]bool // tables with documents that wait for the commit
	changes *changes

	unsure chan struct{} // closed when it is not known whether a commit happened
}

func newGroup(db *DB) *group {
	return &group{db: db, stmts: map[string]*sql.Stmt{}, held: map[holder]bool{}, linger: lingering, unsure: make(chan struct{}), changes: newChanges(db)}
}

// member is a caller's part in a group.
type member struct {
	tx    *tx
	turn  chan struct{}
	ended chan error
}

const (
	// maxMembers and maxGrouping bound what the first member waits for.
	maxMembers  = 64
	maxGrouping = 20 * time.Millisecond
	// lingering is how long a member waits for others where the commit before, a
	// moment ago, had several: one who writes alone waits for nobody.
	lingering = 4 * time.Millisecond
	// maxClosing bounds how long the end waits for a database that does not answer,
	// for each part of the log of changes.
	maxClosing = 3 * time.Second
	// maxStatements bounds the statements kept prepared.
	maxStatements = 500
)

// run is InTx. A context that ends while do runs does not interrupt it: the
// database would roll the other members' parts back as well.
func (g *group) run(ctx context.Context, do func(ctx context.Context) error) error {
	m := &member{turn: make(chan struct{}, 1), ended: make(chan error, 1)}
	if err := g.wait(ctx, m); err != nil {
		return err
	}
	if err := cmp.Or(ctx.Err(), g.isUnsure()); err != nil {
		g.pass()
		return err
	}
	if err := g.part(context.WithoutCancel(ctx), m, do); err != nil {
		return g.db.told(err)
	}
	return g.db.told(<-m.ended)
}

func (g *group) isUnsure() error {
	select {
	case <-g.unsure:
		return fault.New(fault.Unavailable, "the database broke off in the middle of a commit: nothing is written until this process has begun anew")
	default:
		return nil
	}
}

// wait returns when m has the turn, or with an error when ctx ends before.
func (g *group) wait(ctx context.Context, m *member) error {
	g.mu.Lock()
	if !g.busy {
		g.busy = true
		g.mu.Unlock()
		return nil
	}
	g.waiting = append(g.waiting, m)
	g.mu.Unlock()
	select {
	case <-m.turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	i := slices.Index(g.waiting, m)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	g.mu.Unlock()
	if i < 0 { // the turn has come meanwhile
		<-m.turn
		g.pass()
	}
	return ctx.Err()
}

// part does the caller's part and gives the turn away, whatever happens.
func (g *group) part(ctx context.Context, m *member, do func(ctx context.Context) error) error {
	defer g.pass()
	m.tx = &tx{conn: partConn{g}, changed: map[string]map[string]bool{}}
	g.saved = false
	whole := false
	defer func() {
		if !whole {
			g.undo(ctx)
		}
	}()
	if err := do(context.WithValue(ctx, txKey{}, m.tx)); err != nil {
		return err
	}
	if g.saved {
		if _, err := g.ExecContext(ctx, "RELEASE part"); err != nil {
			return fmt.Errorf("end transaction: %w", err)
		}
	}
	whole = true
	for h, staged := range m.tx.staged {
		h.accept(staged)
		g.held[h] = true
	}
	if len(g.done) == 0 {
		g.since = time.Now()
	}
	g.done = append(g.done, m)
	return nil
}

// undo takes back what the present part did in the database.
func (g *group) undo(ctx context.Context) {
	if !g.saved || g.begun == nil {
		return
	}
	_, err := g.ExecContext(ctx, "ROLLBACK TO part")
	if err == nil {
		_, err = g.ExecContext(ctx, "RELEASE part")
	}
	if err != nil {
		g.fail(err)
	}
}

// pass gives the turn to who waits, after the commit if it is time for it.
func (g *group) pass() {
	g.mu.Lock()
	more := len(g.waiting) > 0
	g.mu.Unlock()
	if g.open() && (len(g.done) >= maxMembers || time.Since(g.since) > maxGrouping || !more && !g.lingers()) {
		g.commit()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		if g.open() && !g.later { // who waited has given up meanwhile
			g.commit()
		}
		g.busy = false
		return
	}
	next := g.waiting[0]
	g.waiting = g.waiting[1:]
	next.turn <- struct{}{}
}

// lingers tells whether what is open is committed a little later, with the
// parts of those who come until then.
func (g *group) lingers() bool {
	if g.later {
		return true
	}
	if len(g.done) == 0 || !g.shared || time.Since(g.last) > maxGrouping {
		return false
	}
	g.later = true
	time.AfterFunc(g.linger, func() {
		m := &member{turn: make(chan struct{}, 1)}
		g.wait(context.Background(), m) //nolint:errcheck // it waits until it has the turn
		g.later = false
		if g.open() {
			g.commit()
		}
		g.pass()
	})
	return true
}

// open tells whether something waits for a commit.
func (g *group) open() bool { return g.begun != nil || len(g.done) > 0 }

// commit ends the transaction and tells the members how.
func (g *group) commit() {
	if err := g.write(context.Background()); err != nil {
		g.fail(err)
		return
	}
	changed := map[string]map[string]bool{}
	for _, m := range g.done {
		for table, keys := range m.tx.changed {
			if changed[table] == nil {
				changed[table] = keys
				continue
			}
			for k := range keys {
				changed[table][k] = true
			}
		}
	}
	members := g.done
	g.last, g.shared = time.Now(), len(members) > 1
	g.db.counts.parts.Add(int64(len(members)))
	g.begun, g.done = nil, nil
	clear(g.held)
	g.db.post(changed)
	for _, m := range members {
		m.ended <- nil
	}
	g.afterCommit()
}

// write writes what waits in held tables, commits, and publishes that: whoever
// reads sees the whole of a commit or nothing of it.
func (g *group) write(ctx context.Context) error {
	if len(g.held) > 0 {
		if err := g.begin(ctx); err != nil {
			return err
		}
	}
	for h := range g.held {
		if err := h.flush(ctx, g, g.changes); err != nil {
			return err
		}
	}
	if err := g.changes.write(ctx, g); err != nil {
		return err
	}
	if g.begun == nil {
		return nil
	}
	if err := g.db.guard(ctx); err != nil {
		return err
	}
	began := time.Now()
	defer func() { g.db.counts.commits.Took(time.Since(began)) }()
	g.db.commits.Lock()
	defer g.db.commits.Unlock()
	if err := g.end(); err != nil {
		return err
	}
	g.changes.added()
	for h := range g.held {
		h.publish()
	}
	return nil
}

// fail rolls everything back that is not committed; all members get the error.
func (g *group) fail(err error) {
	if g.begun != nil {
		g.begun.Rollback() //nolint:errcheck // what could be done about it
		g.drop()           //nolint:errcheck // it may be broken
	}
	for h := range g.held {
		h.discard()
	}
	clear(g.held)
	g.changes.begin()
	g.db.counts.failed.Add(int64(len(g.done)))
	for _, m := range g.done {
		m.ended <- err
	}
	g.begun, g.done = nil, nil
}

// close gives the connection back, when nobody has the turn any more.
func (g *group) close() error {
	m := &member{turn: make(chan struct{}, 1)}
	if err := g.wait(context.Background(), m); err != nil {
		return err
	}
	defer g.pass()
	if g.open() {
		g.commit()
	}
	g.changes.closed = true
	g.settleLast()
	return g.drop()
}
