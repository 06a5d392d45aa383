package store

import (
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/drover-hpc/drover/internal/fault"
)

// told is err as callers hear it: that the database is away is a
// fault.Unavailable, and the driver's words are for the log.
func (db *DB) told(err error) error {
	if err == nil || fault.KindOf(err) != fault.Internal || !db.dialect.away(err) {
		return err
	}
	slog.Warn("the database does not answer", "error", err)
	return &fault.Error{Kind: fault.Unavailable, Detail: "the database does not answer for now: try again", Cause: err}
}

// away: another process holds the file, its disk is full, or it cannot be written or
// read for now.
func (sqliteDialect) away(err error) bool {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false
	}
	switch lite.Code() & 0xff { // without what further codes add
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// away: no connection, a broken one, or a server that starts, stops, or has no room
// for one more (classes 08, 53 and 57P of the codes of errors).
func (postgresDialect) away(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "57P")
	}
	var connect *pgconn.ConnectError
	var network *net.OpError
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
