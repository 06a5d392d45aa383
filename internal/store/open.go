package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib" // also the "pgx" driver
	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the "sqlite" driver

	"github.com/drover-hpc/drover/internal/metrics/tally"
	"github.com/drover-hpc/drover/internal/seal"
)

// DB is one database. Its methods are safe for concurrent use.
type DB struct {
	dialect dialect
	read    *sql.DB
	write   *sql.DB // one connection of it is used, for all transactions; the same as read on PostgreSQL
	changed func(table string, keys []string)
	guard   func(context.Context) error
	group   *group
	readers readers
	commits sync.RWMutex // held to write while a commit becomes visible
	counts  counts
	keys    *seal.Keys // nil: secrets are as they are
	asIs    bool       // without keys, what is sealed stays so
}

// Open opens the database that source names and brings its schema up to date:
// "postgres://..." or the path of an SQLite file, which is created when absent.
// changed, which may be nil, is called after each commit, once per table, with
// the keys written or deleted; it must not block. The caller is the only one who
// writes to the database: on SQLite by the data directory's lock, on PostgreSQL
// as long as its Guard says so.
func Open(ctx context.Context, source string, changed func(table string, keys []string), options ...Option) (*DB, error) {
	open := openSQLite
	if IsPostgres(source) {
		open = openPostgres
	}
	db, err := open(source)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if changed != nil {
		db.changed = changed
	}
	if err := db.prepare(ctx, options); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// Look opens a database as it is, to read from it what its leader has written,
// whoever uses it.
func Look(source string, options ...Option) (*DB, error) {
	db, err := openUnnoticed(source)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	for _, set := range options {
		set(db)
	}
	return db, nil
}

// openUnnoticed opens a database, by which nobody is kept from being Alone with it.
func openUnnoticed(source string) (*DB, error) {
	if IsPostgres(source) {
		return openPostgresUnnoticed(source)
	}
	return openSQLite(source)
}

// prepare brings the database up to date.
func (db *DB) prepare(ctx context.Context, options []Option) error {
	for _, set := range options {
		set(db)
	}
	fresh, err := db.checkKeys(ctx)
	if err != nil {
		return err
	}
	if err := db.settleAll(ctx); err != nil {
		return err
	}
	if err := db.migrate(ctx); err != nil || db.keys == nil {
		return err
	}
	return db.sealAll(ctx, fresh)
}

// settleAll brings all tables up to the log of changes, which a process that was killed
// has left: migrations, copies and whoever opens the database find whole tables.
func (db *DB) settleAll(ctx context.Context) error {
	there, err := db.hasTable(ctx, "held_changes")
	if err != nil || !there {
		return err
	}
	if err := db.group.changes.settleAll(ctx); err != nil {
		return db.told(fmt.Errorf("write the log of changes to its tables: %w", err))
	}
	return nil
}

// Guard has may asked before each commit on PostgreSQL: an error of it rolls the
// transaction back. It is called before the DB is used. PostgreSQL ends a
// transaction that waits longer than MaxPause for its next statement, so that a
// process that stood still in between does not commit by an answer of before.
func (db *DB) Guard(may func(context.Context) error) { db.guard = may }

// IsPostgres tells whether source names a database of PostgreSQL.
func IsPostgres(source string) bool {
	return strings.HasPrefix(source, "postgres://") || strings.HasPrefix(source, "postgresql://")
}

// Prepare brings the database that source names up to date, as Open does, and
// leaves it. Without keys what is sealed stays so. The caller may be Alone with it.
func Prepare(ctx context.Context, source string, options ...Option) error {
	db, err := openUnnoticed(source)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	db.asIs = true
	return errors.Join(db.prepare(ctx, options), db.Close())
}

// SQLite runs in WAL mode with synchronous=normal: a killed process loses
// nothing, a power cut may lose the last moments but never consistency. The log
// is written back once it has 32 MiB: the same pages change again and again.
// What is read often is held in memory, so that readers need no cache to speak of.
const sqlitePragmas = "?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(10000)" +
	"&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=wal_autocheckpoint(8192)"

// FileURL is the path of a file as SQLite takes it, before its parameters.
func FileURL(path string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// private makes the file for its owner alone, before SQLite makes it for others too, and
// takes one that is there, and what belongs to it, from others.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	f.Close() //nolint:errcheck // nothing was written
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(path+suffix, 0o600)
		}
		if err != nil {
			return fmt.Errorf("others may read it, expected mode 0600: %w", err)
		}
	}
	return nil
}

func openSQLite(path string) (*DB, error) {
	if err := private(path); err != nil {
		return nil, err
	}
	dsn := FileURL(path) + sqlitePragmas
	write, err := sql.Open("sqlite", dsn+"&_pragma=cache_size(-16384)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn+"&_pragma=cache_size(-2048)")
	if err != nil {
		write.Close()
		return nil, err
	}
	read.SetMaxOpenConns(max(4, runtime.NumCPU()))
	read.SetMaxIdleConns(max(4, runtime.NumCPU()))
	return newDB(sqliteDialect{}, read, write), nil
}

func openPostgres(url string) (*DB, error) {
	return openPostgresWith(url, stdlib.OptionAfterConnect(Use))
}

// openPostgresUnnoticed is openPostgres for who is Alone.
func openPostgresUnnoticed(url string) (*DB, error) { return openPostgresWith(url) }

// dialer has a server that is no more given up after a while.
var dialer = net.Dialer{Timeout: silence, Control: func(_, _ string, c syscall.RawConn) (err error) {
	ctl := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence/time.Millisecond))
		if errors.Is(err, unix.ENOPROTOOPT) || errors.Is(err, unix.EOPNOTSUPP) { // a socket of this machine
			err = nil
		}
	})
	return errors.Join(ctl, err)
}}

// silence is how long a server of PostgreSQL may leave unacknowledged what it is sent.
const silence = 10 * time.Second

// MaxPause is the longest that a transaction on PostgreSQL may wait for its next
// statement.
const MaxPause = 2 * time.Second

func openPostgresWith(url string, options ...stdlib.OptionOpenDB) (*DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.DialFunc = dialer.DialContext
	config.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(MaxPause.Milliseconds(), 10)
	db := stdlib.OpenDB(*config, options...)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	return newDB(postgresDialect{}, db, db), nil
}

func newDB(d dialect, read, write *sql.DB) *DB {
	db := &DB{dialect: d, read: read, write: write, changed: func(string, []string) {}, guard: func(context.Context) error { return nil },
		counts: counts{commits: tally.NewDurations(tally.Quick)}}
	db.group = newGroup(db)
	db.readers = readers{db: read, prepare: d.prepares(), commits: &db.commits}
	return db
}

// Unsure closes when a connection broke in the middle of a commit, so that nobody
// knows what the database holds: it is not written to any more, and what is in
// memory may differ from it. The process has to begin anew.
func (db *DB) Unsure() <-chan struct{} { return db.group.unsure }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.read.PingContext(ctx) }

// TryWrite writes, in a transaction that it commits, what changes nothing: its error
// is that of whoever would write now.
func (db *DB) TryWrite(ctx context.Context) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		_, err := txOf(ctx).conn.ExecContext(ctx, db.dialect.touch())
		return err
	})
}

// Close releases the connections.
func (db *DB) Close() error {
	err := db.group.close()
	if rerr := db.read.Close(); err == nil {
		err = rerr
	}
	if db.write != db.read {
		if werr := db.write.Close(); err == nil {
			err = werr
		}
	}
	return err
}
