package store

import (
	"cmp"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/drover-hpc/drover/internal/fault"
)

// Unreached is err as it is told to who named the database: if PostgreSQL did not
// take the connection, where, in which words, and what to do. Any other error stays
// as it is.
func Unreached(err error) error {
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		return err
	}
	c := connect.Config
	at := net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		why := strings.Join(strings.Fields(connect.Error()), " ")
		if network := (*net.OpError)(nil); errors.As(err, &network) {
			why = network.Error()
		}
		return &fault.Error{Kind: fault.Unavailable, Cause: err, Detail: "database: no PostgreSQL answers at " + at + " (" + why + "): expected one that runs there, or another host and port in the URL"}
	}
	kind, todo := fault.Invalid, "correct the URL, or what PostgreSQL allows"
	switch {
	case (postgresDialect{}).away(pg):
		kind, todo = fault.Unavailable, "try again once it takes connections"
	case strings.HasPrefix(pg.Code, "28"):
		todo = "expected its user and password in the URL, or the password in a file that PGPASSFILE names"
	case strings.HasPrefix(pg.Code, "3D"):
		todo = "make it there (createdb --owner " + c.User + " " + cmp.Or(c.Database, c.User) + "), or name another"
	}
	return &fault.Error{Kind: kind, Cause: err, Detail: "database: PostgreSQL at " + at + " refuses the connection (" + pg.Message + "): " + todo}
}
