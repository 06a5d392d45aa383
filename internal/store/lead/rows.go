package lead

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// The tables are no migration's: a member that does not lead must not touch the
// schema, which may be that of another version. What they look like does not
// change.
const tables = `
CREATE TABLE IF NOT EXISTS drover_members (id TEXT PRIMARY KEY, url TEXT NOT NULL, schema BIGINT NOT NULL,
	joined TIMESTAMPTZ NOT NULL, seen TIMESTAMPTZ NOT NULL);
CREATE TABLE IF NOT EXISTS drover_lead (one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one), holder TEXT NOT NULL, url TEXT NOT NULL,
	term BIGINT NOT NULL, renewed TIMESTAMPTZ NOT NULL, expires TIMESTAMPTZ NOT NULL,
	past TEXT NOT NULL DEFAULT '', quiet TIMESTAMPTZ NOT NULL DEFAULT 'epoch');
INSERT INTO drover_lead (holder, url, term, renewed, expires) VALUES ('', '', 0, 'epoch', 'epoch') ON CONFLICT DO NOTHING;
DELETE FROM drover_members WHERE seen < now() - interval '7 days'`

// create makes the tables. Two members may come at once: PostgreSQL's own check
// for a table of the name is no lock.
func (l *Lease) create(ctx context.Context) error {
	if err := l.connect(ctx); err != nil {
		return err
	}
	_, err := l.conn.Exec(ctx, "BEGIN; SELECT pg_advisory_xact_lock(hashtext('drover_lead')); "+tables+"; COMMIT")
	if err != nil {
		err = fmt.Errorf("prepare the tables of who leads: %w", err)
	} else {
		err = l.awaitName(ctx)
	}
	if err != nil {
		l.conn.Close(ctx) //nolint:errcheck // the error says more
	}
	return err
}

// awaitName has this process be the only one with the member's name. One that
// died may have it until the database misses it.
func (l *Lease) awaitName(ctx context.Context) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for begun := l.now(); ; {
		if err := l.takeName(ctx); err != nil || l.named {
			return err
		}
		if l.now().Sub(begun) > unheard+exchangeMax {
			return fault.New(fault.Conflict, "another server on the database is named %s, too: expected a data directory that is no copy of another server's "+
				"(of a copy that is to be a server of its own, remove the file `member` and the directories of jobs)", l.self.ID)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// nameSpace tells locks of names from others in the database.
const nameSpace = 0x44726d62 // "Drmb"

// takeName tries to have the member's name on this connection.
func (l *Lease) takeName(ctx context.Context) error {
	if l.named {
		return nil
	}
	if err := l.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, hashtext($2))", nameSpace, l.self.ID).Scan(&l.named); err != nil {
		return fmt.Errorf("lock the name of this server: %w", err)
	}
	return nil
}

func (l *Lease) connect(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, l.database)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if err := store.Use(ctx, conn); err != nil {
		conn.Close(ctx) //nolint:errcheck // the error says more
		return err
	}
	l.conn, l.named = conn, false
	return nil
}

// answer is what an exchange gives: the term in which this member leads, 0 if
// it does not.
type answer struct {
	State
	term  int64
	past  string  // who held the lease last, or gave it up
	quiet float64 // seconds for which jobs of former holders may still run
}

const (
	// present: whoever was away for long begins anew.
	present = `INSERT INTO drover_members AS m (id, url, schema, joined, seen) VALUES ($1, $2, $3, now(), now())
		ON CONFLICT (id) DO UPDATE SET url = $2, schema = $3, seen = now(),
			joined = CASE WHEN m.seen < now() - make_interval(secs => $4) THEN now() ELSE m.joined END`

	// claim renews, takes up what an earlier process of the member had, or takes
	// what has run out. A term is one holder's, from its
	// first claim on. Whoever takes what was not given up has to be quiet, and so
	// has whoever comes after it in that time.
	claim = `UPDATE drover_lead AS l SET holder = $1, url = $2, renewed = now(), expires = now() + make_interval(secs => $3),
			term = CASE WHEN l.holder = $1 AND l.term = $4 THEN l.term ELSE l.term + 1 END,
			quiet = CASE WHEN l.holder IN ($1, '') THEN l.quiet ELSE now() + make_interval(secs => $6) END
		FROM drover_members AS me, (SELECT CASE holder WHEN '' THEN past ELSE holder END AS past FROM drover_lead FOR UPDATE) AS before
		WHERE me.id = $1 AND (l.holder = $1 AND (l.term = $4 OR $4 = 0) OR l.expires < now()
			AND (l.holder = '' OR l.renewed > me.joined OR l.expires < now() - make_interval(secs => $5)))
		RETURNING l.term, before.past, greatest(0, extract(epoch FROM l.quiet - now()))::float8`

	leader = `SELECT holder, url, expires > now(), NOT EXISTS
		(SELECT FROM drover_members WHERE id <> $1 AND seen > now() - make_interval(secs => $2)) FROM drover_lead`

	release = `UPDATE drover_lead SET past = holder, holder = '', url = '', expires = now() + make_interval(secs => $3) WHERE holder = $1 AND term = $2`
)

func (l *Lease) exchange(ctx context.Context) (answer, error) {
	if l.conn == nil {
		if err := l.connect(ctx); err != nil {
			return answer{}, err
		}
	}
	if err := l.takeName(ctx); err != nil {
		return answer{}, err
	}
	l.mu.Lock()
	term := l.term
	l.mu.Unlock()
	var newer error
	if term == 0 {
		var err error
		if newer, err = l.newer(ctx); err != nil {
			return answer{}, err
		}
	}
	var a answer
	b := &pgx.Batch{}
	b.Queue(present, l.self.ID, l.self.URL, l.self.Schema, missed.Seconds())
	if newer == nil && !l.isLost() && (l.named || term != 0) {
		b.Queue(claim, l.self.ID, l.self.URL, Length.Seconds(), term, Unknown.Seconds(), Quiet.Seconds()).QueryRow(func(row pgx.Row) error {
			if err := row.Scan(&a.term, &a.past, &a.quiet); err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			return nil
		})
	}
	b.Queue(leader, l.self.ID, missed.Seconds()).QueryRow(func(row pgx.Row) error {
		var holds bool
		if err := row.Scan(&a.Leader.ID, &a.Leader.URL, &holds, &a.Alone); err != nil {
			return err
		}
		if !holds {
			a.Leader = Member{}
		}
		return nil
	})
	if err := l.conn.SendBatch(ctx, b).Close(); err != nil {
		return answer{}, fmt.Errorf("ask who leads: %w", err)
	}
	a.Err = newer
	return a, nil
}

// newer tells why this member must not lead: the database's schema is that of a
// newer version, which it does not know.
func (l *Lease) newer(ctx context.Context) (why, err error) {
	version, err := store.SchemaOf(ctx, l.conn)
	if err != nil || version <= l.self.Schema {
		return nil, err
	}
	return fmt.Errorf("the database has schema %d and this version of drover knows %d: it passes requests on and does not lead; "+
		"install the version of the server that leads", version, l.self.Schema), nil
}

func (l *Lease) leave(ctx context.Context, rest time.Duration) error {
	b := &pgx.Batch{}
	b.Queue(release, l.self.ID, l.term, rest.Seconds())
	b.Queue("DELETE FROM drover_members WHERE id = $1", l.self.ID)
	return l.conn.SendBatch(ctx, b).Close()
}
