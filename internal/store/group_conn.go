package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// partConn is the connection of a caller's part.
type partConn struct{ g *group }

func (p partConn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := p.g.save(ctx); err != nil {
		return nil, err
	}
	return p.g.ExecContext(ctx, query, args...)
}

func (p partConn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := p.g.save(ctx); err != nil {
		return nil, err
	}
	return p.g.QueryContext(ctx, query, args...)
}

// save begins the present part's savepoint, before its first statement.
func (g *group) save(ctx context.Context) error {
	if g.saved {
		return nil
	}
	if err := g.begin(ctx); err != nil {
		return err
	}
	if _, err := g.ExecContext(ctx, "SAVEPOINT part"); err != nil {
		g.fail(err)
		return fmt.Errorf("begin transaction: %w", err)
	}
	g.saved = true
	return nil
}

// begin begins the transaction, if it has not. A connection that broke while
// nobody used it is replaced.
func (g *group) begin(ctx context.Context) error {
	if g.begun != nil {
		return nil
	}
	used := g.conn != nil
	err := g.beginOnce(ctx)
	if err != nil && used {
		err = g.beginOnce(ctx)
	}
	return err
}

func (g *group) beginOnce(ctx context.Context) (err error) {
	if g.conn == nil {
		if g.conn, err = g.db.write.Conn(ctx); err != nil {
			return fmt.Errorf("connect to database: %w", err)
		}
		if err := g.db.dialect.ready(ctx, g.conn); err != nil {
			g.drop() //nolint:errcheck // the error says more
			return fmt.Errorf("connect to database: %w", err)
		}
	}
	if g.begun, err = g.conn.BeginTx(ctx, nil); err != nil {
		g.drop() //nolint:errcheck // the error says more
		return fmt.Errorf("begin transaction: %w", err)
	}
	return nil
}

// drop gives the connection back.
func (g *group) drop() error {
	var errs []error
	for _, stmt := range g.stmts {
		errs = append(errs, stmt.Close())
	}
	clear(g.stmts)
	if g.conn != nil {
		errs = append(errs, g.conn.Close())
	}
	g.conn, g.begun = nil, nil
	return errors.Join(errs...)
}

// ExecContext and QueryContext run statements on the writer's connection, each
// prepared once: rows must be closed before the same statement runs again, on
// PostgreSQL before any does. There they are the transaction's: a call of the
// sql.Conn itself, while a transaction is open on it, never returns if the
// connection turns out to be broken (database/sql of Go 1.26: it closes the Conn,
// which waits for the end of the transaction).
func (g *group) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if !g.db.dialect.prepares() {
		return g.begun.ExecContext(ctx, query, args...)
	}
	stmt, err := g.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (g *group) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if !g.db.dialect.prepares() {
		return g.begun.QueryContext(ctx, query, args...)
	}
	stmt, err := g.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// prepare returns the statement, as prepared before if it was.
func (g *group) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := g.stmts[query]; stmt != nil {
		return stmt, nil
	}
	if len(g.stmts) >= maxStatements {
		for text, stmt := range g.stmts {
			stmt.Close()
			delete(g.stmts, text)
		}
	}
	stmt, err := g.conn.PrepareContext(ctx, query)
	if err == nil {
		g.stmts[query] = stmt
	}
	return stmt, err
}
