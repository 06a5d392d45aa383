package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgres is a database of PostgreSQL, in one transaction once it is begun.
type postgres struct {
	conn *pgx.Conn
	tx   pgx.Tx
}

// close ends the connection, and with it what is not committed.
func (p *postgres) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p.conn.Close(ctx) //nolint:errcheck // it goes with the process
}

func (p *postgres) begin(ctx context.Context, o pgx.TxOptions) (err error) {
	p.tx, err = p.conn.BeginTx(ctx, o)
	return err
}

// isSite tells whether drover's migrations were here.
func (p *postgres) isSite(ctx context.Context) (is bool, err error) {
	err = p.conn.QueryRow(ctx, "SELECT to_regclass('"+versions+"') IS NOT NULL").Scan(&is)
	return is, err
}

func (p *postgres) schema(ctx context.Context) (schema, error) {
	s := schema{tables: map[string]map[string]kind{}}
	if err := p.tx.QueryRow(ctx, "SELECT max(version_id) FROM "+versions).Scan(&s.version); err != nil {
		return s, err
	}
	rows, err := p.tx.Query(ctx, "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema()")
	if err != nil {
		return s, err
	}
	kinds := map[string]kind{"text": text, "bigint": integer, "bytea": octets}
	var name, column, as string
	_, err = pgx.ForEachRow(rows, []any{&name, &column, &as}, func() error {
		if s.tables[name] == nil {
			s.tables[name] = map[string]kind{}
		}
		s.tables[name][column] = kinds[as]
		if kinds[as] == "" {
			s.tables[name][column] = kind(as)
		}
		return nil
	})
	return s, err
}

func (p *postgres) count(ctx context.Context, t table) (n int64, err error) {
	err = p.tx.QueryRow(ctx, "SELECT count(*) FROM "+t.name).Scan(&n)
	return n, err
}

// rows come as PostgreSQL sends them: the answer to a query is not kept.
func (p *postgres) rows(ctx context.Context, t table) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		rows, err := p.tx.Query(ctx, "SELECT "+t.list()+" FROM "+t.name+" ORDER BY "+t.key())
		if err != nil {
			yield(nil, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			row, err := rows.Values()
			if !yield(row, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// next is what the table's sequence gives next.
func (p *postgres) next(ctx context.Context, t table) (n int64, err error) {
	name, err := p.sequence(ctx, t)
	if err != nil {
		return 0, err
	}
	err = p.tx.QueryRow(ctx, "SELECT CASE WHEN is_called THEN last_value + 1 ELSE last_value END FROM "+name).Scan(&n)
	return n, err
}

func (p *postgres) sequence(ctx context.Context, t table) (name string, err error) {
	err = p.tx.QueryRow(ctx, "SELECT coalesce(pg_get_serial_sequence($1, $2), '')", t.name, t.key()).Scan(&name)
	if err == nil && name == "" {
		err = fmt.Errorf("table %s: column %s has no sequence", t.name, t.key())
	}
	return name, err
}

func (p *postgres) write(ctx context.Context, t table, rows iter.Seq2[[]any, error]) error {
	pull, stop := iter.Pull2(rows)
	defer stop()
	_, err := p.tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.names(), pgx.CopyFromFunc(func() ([]any, error) {
		row, err, more := pull()
		if !more {
			return nil, nil
		}
		return slices.Clone(row), err
	}))
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Where != "" {
		return fmt.Errorf("%w (%s)", err, refused.Where)
	}
	return err
}

func (p *postgres) setNext(ctx context.Context, t table, next int64) error {
	name, err := p.sequence(ctx, t)
	if err == nil {
		_, err = p.tx.Exec(ctx, "SELECT setval($1::regclass, $2, false)", name, next)
	}
	return err
}

func (p *postgres) commit(ctx context.Context) error { return p.tx.Commit(ctx) }
