package store

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// afterCommit settles as much as the commit added to the log if that is full, and has
// it looked at again later. The caller has the turn.
func (g *group) afterCommit() {
	c := g.changes
	for did := 0; did < c.latest && c.full() && time.Since(c.failed) > sick; {
		n, _ := g.settle(context.Background()) // it is told, and tried again
		did += n
	}
	g.settleLater(c.sizes.quiet)
}

// settleLater has the log settled once it grows little. Of each part that is
// settled others may go first.
func (g *group) settleLater(after time.Duration) {
	c := g.changes
	if c.pausing || c.closed || len(c.rows) == 0 {
		return
	}
	c.pausing = true
	time.AfterFunc(after, func() {
		m := &member{turn: make(chan struct{}, 1)}
		g.wait(context.Background(), m) //nolint:errcheck // it waits until it has the turn
		defer g.pass()
		again := g.settleIfCalm()
		c.pausing = false
		g.settleLater(again)
	})
}

// settleIfCalm settles the oldest part of the log if that has not grown much since
// this was asked last, and returns when to ask again. The caller has the turn.
func (g *group) settleIfCalm() (again time.Duration) {
	c := g.changes
	switch {
	case c.closed || len(c.rows) == 0:
		return c.sizes.quiet
	case c.grown > c.sizes.calm:
		c.grown = 0
		return c.sizes.quiet
	}
	if g.open() { // somebody lets others join the commit
		g.commit()
	}
	if len(c.rows) > 0 {
		if _, err := g.settle(context.Background()); err != nil {
			return sick
		}
	}
	return 0
}

// settle settles the next part of the log, which is work as for so many bytes of
// documents. The caller has the turn, and nothing is open.
func (g *group) settle(ctx context.Context) (bytes int, err error) {
	var p settledPart
	err = g.alone(ctx, func(ctx context.Context) (err error) {
		p, err = g.changes.settle(ctx, g)
		return err
	})
	if err != nil {
		g.changes.failed = time.Now()
		slog.Warn("changes could not be written to their tables, the log of changes grows", "error", err)
		return 0, err
	}
	g.changes.settled(p)
	return p.bytes, nil
}

// alone does do in a transaction of its own, which may be done again where nobody
// knows whether it was committed. The caller has the turn, and nothing is open.
func (g *group) alone(ctx context.Context, do func(ctx context.Context) error) error {
	err := g.isUnsure()
	if err == nil {
		err = g.begin(ctx)
	}
	if err == nil {
		err = do(ctx)
	}
	if err == nil {
		err = g.db.guard(ctx)
	}
	if err == nil {
		err = g.commitBegun()
	}
	if err != nil {
		g.fail(err)
	}
	g.begun = nil
	return err
}

// end commits what is begun, and what memory has with it.
func (g *group) end() error {
	err := g.commitBegun()
	if err != nil && g.db.dialect.unsure(err) && g.isUnsure() == nil {
		close(g.unsure)
	}
	return err
}

func (g *group) commitBegun() error {
	if err := g.begun.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// settleNow settles the whole log, for who reads the tables' rows.
func (g *group) settleNow(ctx context.Context) error {
	m := &member{turn: make(chan struct{}, 1)}
	if err := g.wait(ctx, m); err != nil {
		return err
	}
	defer g.pass()
	if g.open() {
		g.commit()
	}
	return g.settleRest(ctx)
}

// settleLast settles what it can at the end of the database's use, as long as that
// answers. The caller has the turn, and nothing is open.
func (g *group) settleLast() {
	part := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), maxClosing)
		defer cancel()
		_, err := g.settle(ctx)
		return err
	}
	for len(g.changes.rows) > 0 {
		if part() != nil {
			slog.Error("changes are left in the log at the end: this version or a newer one has to start again before an older one, or a copy of the tables, can be used",
				"bytes", g.changes.bytes)
			return
		}
	}
}

// settleRest settles the whole log. The caller has the turn, and nothing is open.
func (g *group) settleRest(ctx context.Context) error {
	for len(g.changes.rows) > 0 {
		if _, err := g.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}
