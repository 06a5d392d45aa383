package lead

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/drover-hpc/drover/internal/fault"
)

const (
	// Length is how long a lease lasts from its last renewal.
	Length = 4 * time.Second
	// Margin is what has to be left of it for whoever must be sure.
	Margin = 2 * time.Second
	// Unknown is how long after its end it can be taken by a server of which the
	// holder did not know.
	Unknown = 5 * time.Minute

	// Quiet is how long jobs of a holder may run after another one has its lease.
	Quiet = 15 * time.Second

	renewEvery  = 500 * time.Millisecond
	exchangeMax = 3 * time.Second
	// missed is how long a server that is not heard of counts as being there.
	missed = 10 * time.Second
	// unheard is how long the database keeps a member's name for a process that
	// sends nothing.
	unheard = 5 * time.Second
)

// Member is one server on the database.
type Member struct {
	// ID is the same at each start on one data directory, in which only one
	// server can be: it takes up its own lease at once.
	ID string
	// URL is where other members reach it; empty: they cannot.
	URL string
	// Schema is the newest migration that it knows.
	Schema int64
}

// State is how things stand, as far as this member knows.
type State struct {
	Leading bool
	// Leader is who leads, this member or another; none if nobody is known to.
	Leader Member
	// Alone: no other member was here of late.
	Alone bool
	// Quiet is how long, from the beginning of this member's lead, jobs of former
	// holders may still run.
	Quiet time.Duration
	// Again: this member was the last one that led, too.
	Again bool
	// Err is why nothing is known, or why this member does not claim.
	Err error
}

// Lease is a member's part in who leads. Its methods are safe for concurrent use.
type Lease struct {
	self     Member
	database *pgx.ConnConfig
	now      func() time.Time // monotonic

	conn  *pgx.Conn // of the loop alone
	named bool      // conn has the member's name: no other process has

	mu      sync.Mutex
	state   State
	term    int64     // that this member leads in; 0: it does not
	until   time.Time // to which it is held
	lost    chan struct{}
	changed chan struct{} // closed and replaced at each change of state
	stop    context.CancelFunc
	done    chan struct{}
}

// Join makes the member known to the database and asks once for the lease; it
// returns without having it if somebody else has it. Stop ends it. It is a
// fault.Conflict if a process is there that has the member's ID.
func Join(ctx context.Context, database string, self Member, now func() time.Time) (*Lease, error) {
	config, err := pgx.ParseConfig(database)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	config.ConnectTimeout = exchangeMax
	config.RuntimeParams["idle_session_timeout"] = strconv.FormatInt(unheard.Milliseconds(), 10)
	l := &Lease{self: self, database: config, now: now, lost: make(chan struct{}), changed: make(chan struct{}), done: make(chan struct{})}
	if err := l.create(ctx); err != nil {
		return nil, err
	}
	l.renew(ctx)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go l.run(running)
	return l, nil
}

// Stop gives the lease up if it is held, after rest, in which nobody else can
// take it, and leaves.
func (l *Lease) Stop(rest time.Duration) {
	l.stop()
	<-l.done
	ctx, cancel := context.WithTimeout(context.Background(), exchangeMax)
	defer cancel()
	if l.conn != nil {
		l.leave(ctx, rest) //nolint:errcheck // it runs out by itself
		l.conn.Close(ctx)  //nolint:errcheck // it is not used again
	}
}

// State tells how things stand; changed closes when they no longer do.
func (l *Lease) State() (s State, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, l.changed
}

// Until is when the lease ends, or has ended; zero if this member does not lead.
func (l *Lease) Until() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}

// Lost closes when a lease that this member had has gone to another: whatever
// it still does on the strength of it has to end.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Left is how much is left of the lease; nothing if it is not held.
func (l *Lease) Left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.term == 0 {
		return 0
	}
	return max(0, l.until.Sub(l.now()))
}

// Sure returns once the lease is held for Margin at least. It is a
// fault.Unavailable if it has gone to another member.
func (l *Lease) Sure(ctx context.Context) error {
	for {
		l.mu.Lock()
		held, changed := l.term != 0 && l.until.Sub(l.now()) >= Margin, l.changed
		l.mu.Unlock()
		if held {
			return nil
		}
		select {
		case <-l.lost:
			return fault.New(fault.Unavailable, "another server on the database leads now; this one lets everything be")
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "it is not sure that this server still leads: the database does not answer: %w", ctx.Err())
		case <-changed:
		}
	}
}

func (l *Lease) run(ctx context.Context) {
	defer close(l.done)
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.renew(context.WithoutCancel(ctx)) // a stop in the middle would lose the connection that gives the lease up
		}
	}
}

// renew has one exchange with the database and notes what it gave.
func (l *Lease) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, exchangeMax)
	defer cancel()
	asked := l.now()
	found, err := l.exchange(ctx)
	if err != nil {
		if l.conn != nil {
			l.conn.Close(ctx) //nolint:errcheck // the next exchange opens another
			l.conn = nil
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return
		}
		found = answer{State: State{Err: err}}
	}
	l.note(asked, found, err == nil)
}

// note takes over what an exchange that began at asked has given.
func (l *Lease) note(asked time.Time, found answer, heard bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !heard:
		found.State.Leading, found.State.Alone, found.State.Quiet, found.State.Again = l.term != 0, l.state.Alone, l.state.Quiet, l.state.Again
		if l.term != 0 {
			found.State.Leader = l.self
		}
	case l.term != 0 && found.term != l.term: // also if it has it again: another had it in between
		l.term, l.until = 0, time.Time{}
		found.State.Leading = false
		select {
		case <-l.lost:
		default:
			close(l.lost)
		}
	case found.term != 0 && !l.isLost():
		found.State.Leading, found.State.Quiet, found.State.Again = true, l.state.Quiet, l.state.Again
		if l.term == 0 {
			found.State.Quiet = time.Duration(found.quiet * float64(time.Second))
			found.State.Again = found.past == l.self.ID || found.past == ""
		}
		l.term, l.until = found.term, asked.Add(Length)
	}
	l.state = found.State
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Lease) isLost() bool {
	select {
	case <-l.lost:
		return true
	default:
		return false
	}
}
