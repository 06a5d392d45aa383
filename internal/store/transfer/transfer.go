package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/seal"
	"github.com/drover-hpc/drover/internal/store"
)

// Step is where a copy is.
type Step struct {
	Doing string // "read", "copy" or "compare"
	Table string
	Rows  int64 // of the table so far
	Of    int64 // all rows of the table, 0 while that is not known
}

// Copy is a copy between a file of SQLite and a database of PostgreSQL. Nobody
// else may use the file: the caller sees to that. Of the database the copy makes sure.
type Copy struct {
	SQLite   string            // the path of the file
	Postgres string            // the URL of the database
	Keys     *seal.Keys        // with which the source is sealed first; nil: it goes as it is
	Progress func(Step)        // is called for every row
	Say      func(line string) // is told what else happens
}

// ToPostgres copies the file to the database, in one transaction. A database that holds
// rows already is left as it is: with the same ones the result is Already, with
// others a fault.Conflict. With Differs there is a report beside the error.
func (c *Copy) ToPostgres(ctx context.Context) (*Report, error) {
	from, err := c.site(ctx)
	if err != nil {
		return nil, err
	}
	defer from.close()
	to, err := c.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer to.close()
	tables, err := from.tables(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", c.SQLite, err)
	}
	var bad unfit
	was, err := c.sums(ctx, "read", from, tables, nil, bad.look)
	if err := errors.Join(err, bad.err()); err != nil {
		return nil, err
	}
	if err := store.Prepare(ctx, c.Postgres); err != nil {
		return nil, err
	}
	if err := to.begin(ctx, pgx.TxOptions{}); err != nil {
		return nil, fmt.Errorf("begin transaction: %w", err)
	}
	if err := matching(ctx, tables, from, to); err != nil {
		return nil, err
	}
	pair := pair{from: c.SQLite, to: Redacted(c.Postgres), tables: tables, was: was}
	if report, err := c.occupied(ctx, to, pair); report != nil || err != nil {
		return report, err
	}
	return c.carry(ctx, from, to, pair)
}

// ToSQLite copies the database to the file, which has another name until it is
// whole. A file that holds rows already is left as it is, as by ToPostgres.
func (c *Copy) ToSQLite(ctx context.Context) (*Report, error) {
	from, err := c.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer from.close()
	if is, err := from.isSite(ctx); err != nil || !is {
		return nil, errors.Join(err, fault.New(fault.NotFound, "database %s holds no site: expected the tables that drover makes", Redacted(c.Postgres)))
	}
	if err := store.Prepare(ctx, c.Postgres, c.sealed()...); err != nil {
		return nil, err
	}
	if err := from.begin(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}); err != nil {
		return nil, fmt.Errorf("begin transaction: %w", err)
	}
	to, err := c.incoming(ctx)
	if err != nil {
		return nil, err
	}
	defer to.drop()
	tables, err := to.tables(ctx)
	if err != nil {
		return nil, err
	}
	if err := matching(ctx, tables, to.lite, from); err != nil {
		return nil, err
	}
	was, err := c.sums(ctx, "read", from, tables, nil, nil)
	if err != nil {
		return nil, err
	}
	pair := pair{from: Redacted(c.Postgres), to: c.SQLite, tables: tables, was: was}
	if report, err := c.standing(ctx, pair); report != nil || err != nil {
		return report, err
	}
	return c.carry(ctx, from, to, pair)
}

// sealed is how the source is prepared. A target gets what is sealed as it stands.
func (c *Copy) sealed() []store.Option {
	if c.Keys == nil {
		return nil
	}
	return []store.Option{store.Sealed(c.Keys)}
}

// pair is what is copied to what: the tables, and what the source has in them.
type pair struct {
	from, to string
	tables   []table
	was      map[string]sum
}

// carry copies every table, compares, and shows the target when it is equal.
func (c *Copy) carry(ctx context.Context, from side, to target, p pair) (*Report, error) {
	for _, t := range p.tables {
		if err := to.write(ctx, t, c.told("copy", from.rows(ctx, t), t, p.was)); err != nil {
			return nil, fmt.Errorf("copy %s: %w", t.name, err)
		}
		if !t.serial {
			continue
		}
		if err := to.setNext(ctx, t, p.was[t.name].next); err != nil {
			return nil, fmt.Errorf("copy the counter of %s: %w", t.name, err)
		}
	}
	is, err := c.sums(ctx, "compare", to, p.tables, p.was, nil)
	if err != nil {
		return nil, err
	}
	report := newReport(p, is, Copied)
	if report.Result == Differs {
		return report, fmt.Errorf("what was written is not what was read, see the tables; %s was left as it was", p.to)
	}
	if err := to.commit(ctx); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return report, nil
}

// occupied looks at a target that may hold rows: nil if it holds none.
func (c *Copy) occupied(ctx context.Context, s side, p pair) (*Report, error) {
	held, err := counts(ctx, s, p.tables)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	is, err := c.sums(ctx, "compare", s, p.tables, p.was, nil)
	if err != nil {
		return nil, err
	}
	if report := newReport(p, is, Already); report.Result == Already {
		return report, nil
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(held)) {
		list = append(list, fmt.Sprintf("%s %d", name, held[name]))
	}
	return nil, fault.New(fault.Conflict, "%s holds other rows already (%s): expected an empty one, or an equal copy; nothing was written", p.to, strings.Join(list, ", "))
}

// standing is occupied for the file that has the target's name.
func (c *Copy) standing(ctx context.Context, p pair) (*Report, error) {
	old, err := openLite(ctx, c.SQLite)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.SQLite, err)
	}
	defer old.close()
	tables, err := old.tables(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", c.SQLite, err)
	}
	same := func(a, b table) bool { return a.name == b.name && slices.Equal(a.columns, b.columns) }
	if !slices.EqualFunc(tables, p.tables, same) && len(tables) > 0 {
		return nil, fault.New(fault.Conflict, "%s is there and has other tables: move it away first", c.SQLite)
	}
	if len(tables) == 0 {
		return nil, nil
	}
	return c.occupied(ctx, old, p)
}

// site opens the file as a source.
func (c *Copy) site(ctx context.Context) (*lite, error) {
	l, err := openLite(ctx, c.SQLite)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "%s does not exist: expected the data directory of a server on SQLite", c.SQLite)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.SQLite, err)
	}
	is, err := l.isSite(ctx)
	if err := errors.Join(err, l.close()); err != nil {
		return nil, fmt.Errorf("look at %s: %w", c.SQLite, err)
	}
	if !is {
		return nil, fault.New(fault.NotFound, "%s holds no site: expected the tables that drover makes", c.SQLite)
	}
	if err := store.Prepare(ctx, c.SQLite, c.sealed()...); err != nil {
		return nil, err
	}
	return openLite(ctx, c.SQLite)
}

// alone opens the database, for nobody else.
func (c *Copy) alone(ctx context.Context) (*postgres, error) {
	conn, err := pgx.Connect(ctx, c.Postgres)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "%w", err)
	}
	p := &postgres{conn: conn}
	if err := store.Alone(ctx, conn); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// incoming makes the file that is filled, in place of one that was left.
func (c *Copy) incoming(ctx context.Context) (*incoming, error) {
	path := c.SQLite + ".incoming"
	if _, err := os.Stat(path); err == nil {
		c.Say("removed " + path + ", which a copy that was broken off had left")
	}
	if err := removeLite(path); err != nil {
		return nil, err
	}
	if err := store.Prepare(ctx, path); err != nil {
		return nil, err
	}
	return newIncoming(ctx, path, c.SQLite)
}

// sums reads all tables of a side.
func (c *Copy) sums(ctx context.Context, doing string, s side, tables []table, of map[string]sum, look func(table, []any)) (map[string]sum, error) {
	out := map[string]sum{}
	for _, t := range tables {
		total, err := read(ctx, s, t, c.told(doing, s.rows(ctx, t), t, of), look)
		if err != nil {
			return nil, err
		}
		out[t.name] = total
	}
	return out, nil
}

// told has the progress of rows told.
func (c *Copy) told(doing string, rows iter.Seq2[[]any, error], t table, of map[string]sum) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		step := Step{Doing: doing, Table: t.name, Of: of[t.name].rows}
		for row, err := range rows {
			step.Rows++
			c.Progress(step)
			if !yield(row, err) {
				return
			}
		}
	}
}

// matching makes sure that both sides have the same tables.
func matching(ctx context.Context, tables []table, l *lite, p *postgres) error {
	own, err := l.schema(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema on SQLite: %w", err)
	}
	other, err := p.schema(ctx)
	if err != nil {
		return fmt.Errorf("read the schema on PostgreSQL: %w", err)
	}
	return agree(tables, own, other)
}

// Redacted is the URL of a database without its password.
func Redacted(source string) string {
	u, err := url.Parse(source)
	if err != nil {
		return "postgres://..."
	}
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}
