package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// dialect is what differs between the engines.
type dialect interface {
	goose() goose.Dialect
	// schema fills in the column types of a migration.
	schema(text string) string
	// anyOf is a condition "column is one of the values" and its one argument.
	anyOf(column string, n int, values []string) (string, any)
	// lockRows is appended to a select whose rows will be written back.
	lockRows() string
	// insert writes rows (all columns of the table) in one go. onConflict is
	// the clause that replaces existing rows, or empty to refuse them.
	insert(ctx context.Context, conn connection, table string, columns []string, rows [][]any, onConflict string) error
	// duplicate tells whether err says that a row exists already.
	duplicate(err error) bool
	// away tells whether err says that the database does not answer for now.
	away(err error) bool
	// refused tells whether err says that a value can never be stored.
	refused(err error) bool
	// prepares tells whether statements have to be prepared to be cheap.
	prepares() bool
	// ready is what the writer's connection begins with.
	ready(ctx context.Context, conn *sql.Conn) error
	// touch is a statement that has a commit write, and changes nothing.
	touch() string
	// hasTable is a query that tells whether a table of that name is there.
	hasTable() string
	// sweep removes from the files of the database what the tables had before.
	sweep(ctx context.Context, db *DB, tables []string) error
	// size is a query for how many bytes the database takes.
	size() string
	// unsure tells whether, by the error of a commit, it may have happened.
	unsure(err error) bool
}

type sqliteDialect struct{}

func (sqliteDialect) goose() goose.Dialect { return goose.DialectSQLite3 }

func (sqliteDialect) schema(text string) string {
	return strings.NewReplacer("__KEY__", "TEXT", "__BLOB__", "BLOB", "__SERIAL__", "INTEGER PRIMARY KEY AUTOINCREMENT", "__SQLITE__", "", "__POSTGRES__", "--").Replace(text)
}

func (sqliteDialect) anyOf(column string, n int, values []string) (string, any) {
	list, _ := json.Marshal(values) // strings always encode
	return fmt.Sprintf("%s IN (SELECT value FROM json_each($%d))", column, n), string(list)
}

func (sqliteDialect) lockRows() string { return "" } // the write transaction is exclusive

// A loop with one prepared statement in one transaction is two to three times faster in SQLite
// than one statement that unpacks JSON; one of sixteen rows takes half as long again. The driver
// looks for the arguments of parameters that have a name one by one, and $1 is one
// (findings/modernc-sqlite-parameters.sh).
func (sqliteDialect) insert(ctx context.Context, conn connection, table string, columns []string, rows [][]any, onConflict string) error {
	marks := strings.Repeat(",?", len(columns))[1:]
	text := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) %s", table, strings.Join(columns, ","), marks, onConflict)
	for _, row := range rows {
		if _, err := conn.ExecContext(ctx, text, row...); err != nil {
			return err
		}
	}
	return nil
}

// With one writer the check before the insert is enough.
func (sqliteDialect) duplicate(error) bool { return false }

// What is in the log of what is written is not counted.
func (sqliteDialect) size() string {
	return "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
}

// Any string will do.
func (sqliteDialect) refused(error) bool { return false }

func (sqliteDialect) prepares() bool                         { return true }
func (sqliteDialect) ready(context.Context, *sql.Conn) error { return nil }
func (sqliteDialect) unsure(error) bool                      { return false }

// A number that nobody reads, in the file's first page.
func (sqliteDialect) touch() string { return "PRAGMA user_version = 0" }

type postgresDialect struct{}

func (postgresDialect) duplicate(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505" // unique_violation
}

// A zero byte or damaged UTF-8, above all.
func (postgresDialect) refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, "22") // class 22, data exception
}

func (postgresDialect) size() string { return "SELECT pg_database_size(current_database())" }

// pgx keeps statements prepared by itself.
func (postgresDialect) prepares() bool { return false }

// All transactions wait for one: none of its statements may take for ever.
func (postgresDialect) ready(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SET statement_timeout = '60s'")
	return err
}

// Only what PostgreSQL itself says is sure: of a connection that broke, pgx 5.12
// has pgconn.SafeToRetry tell that nothing was sent, though the commit was.
func (postgresDialect) unsure(err error) bool {
	var said *pgconn.PgError
	return !errors.As(err, &said) && !errors.Is(err, pgx.ErrTxCommitRollback)
}

// A transaction with a number of its own is in the log of what is written.
func (postgresDialect) touch() string { return "SELECT txid_current()" }

func (postgresDialect) goose() goose.Dialect { return goose.DialectPostgres }

// Keys sort in byte order, as the published interfaces page.
func (postgresDialect) schema(text string) string {
	return strings.NewReplacer("__KEY__", `TEXT COLLATE "C"`, "__BLOB__", "BYTEA",
		"__SERIAL__", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "__SQLITE__", "--", "__POSTGRES__", "").Replace(text)
}

func (postgresDialect) anyOf(column string, n int, values []string) (string, any) {
	return fmt.Sprintf("%s = ANY($%d)", column, n), values
}

func (postgresDialect) lockRows() string { return " FOR UPDATE" }

// All rows go as one statement with an array for each column: one exchange,
// however many there are.
func (postgresDialect) insert(ctx context.Context, conn connection, table string, columns []string, rows [][]any, onConflict string) error {
	if len(rows) == 0 {
		return nil
	}
	arrays, marks := make([]any, len(columns)), make([]string, len(columns))
	for i := range columns {
		var kind string
		switch rows[0][i].(type) {
		case string:
			arrays[i], kind = column[string](rows, i), "text"
		case int64:
			arrays[i], kind = column[int64](rows, i), "bigint"
		case []byte:
			arrays[i], kind = column[[]byte](rows, i), "bytea"
		default:
			return fmt.Errorf("column %s of %s: no array of %T", columns[i], table, rows[0][i])
		}
		marks[i] = fmt.Sprintf("$%d::%s[]", i+1, kind)
	}
	_, err := conn.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM unnest(%s) %s",
		table, strings.Join(columns, ","), strings.Join(marks, ","), onConflict), arrays...)
	return err
}

// column is the i-th value of each row.
func column[T any](rows [][]any, i int) []T {
	values := make([]T, len(rows))
	for j, row := range rows {
		values[j] = row[i].(T)
	}
	return values
}

// replaceExisting is the clause that replaces everything but the key, the first column, and counts the
// revision up.
func replaceExisting(table string, columns []string) string {
	sets := []string{"rev=" + table + ".rev+1"}
	for _, c := range columns[1:] {
		if c != "rev" {
			sets = append(sets, c+"=excluded."+c)
		}
	}
	return "ON CONFLICT (key) DO UPDATE SET " + strings.Join(sets, ",")
}
