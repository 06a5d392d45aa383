package store

import (
	"context"
	"database/sql"
	"sync"
)

// readers are the connections for reading. With prepare each statement is
// prepared once a connection; PostgreSQL's driver does so by itself.
type readers struct {
	db      *sql.DB
	prepare bool
	commits *sync.RWMutex // the database's

	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

func (r *readers) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	r.commits.RLock() // what is read is fixed with the first row
	defer r.commits.RUnlock()
	if !r.prepare {
		return r.db.QueryContext(ctx, query, args...)
	}
	stmt, err := r.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return r.db.QueryContext(ctx, query, args...)
	}
	return stmt.QueryContext(ctx, args...)
}

// statement is the prepared one, or nil when there are too many already.
func (r *readers) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	stmt := r.stmts[query]
	if stmt != nil || len(r.stmts) >= maxStatements {
		return stmt, nil
	}
	stmt, err := r.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if r.stmts == nil {
		r.stmts = map[string]*sql.Stmt{}
	}
	r.stmts[query] = stmt
	return stmt, nil
}
