package transfer

import (
	"context"
	"database/sql"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// Each value is named by table and key, and the database does not even get tables.
func TestWhatPostgresCannotHoldIsNamedBeforeAnythingIsWritten(t *testing.T) {
	path, url := storetest.SQLite(t), storetest.Postgres(t)
	must(t, store.Prepare(t.Context(), path))
	onFile(t, path, func(db *sql.DB) {
		for _, statement := range []string{
			`INSERT INTO cfs_options (key, rev, doc) VALUES ('fine', 1, '{"a":"\u0000"}')`,
			`INSERT INTO cfs_options (key, rev, doc) VALUES ('zero', 1, 'ab' || char(0) || 'c')`,
			`INSERT INTO journal (key, rev, doc) VALUES ('k' || char(0), 1, '{}')`,
			`INSERT INTO bos_templates (key, rev, doc, tenant) VALUES ('torn', 1, '{}', CAST(x'ff' AS TEXT))`,
			`INSERT INTO bos_options (key, rev, doc) VALUES ('bytes', 1, x'00')`,
		} {
			_, err := db.Exec(statement)
			must(t, err)
		}
	})
	_, err := copyOf(path, url).ToPostgres(t.Context())
	if !fault.Is(err, fault.Invalid) {
		t.Fatalf("expected a refusal, got %v", err)
	}
	for _, want := range []string{
		`cfs_options, key "zero": doc has a zero byte (byte 2)`, `journal, key "k\x00": key has a zero byte (byte 1)`,
		`bos_templates, key "torn": tenant is not UTF-8`, `bos_options, key "bytes": doc is bytes, expected text`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("expected %s in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "fine") {
		t.Errorf("an escaped zero byte is only text: %v", err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer conn.Close(t.Context())
	n := 0
	must(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'").Scan(&n))
	if n != 0 {
		t.Errorf("PostgreSQL got %d tables", n)
	}
}

func TestTargetThatHoldsSomethingElseIsLeft(t *testing.T) {
	path, url := generated(t, 3), storetest.Postgres(t)
	db, err := store.Open(t.Context(), url, nil)
	must(t, err)
	must(t, sessions(db).Put(t.Context(), doc{"other", "red"}))
	must(t, db.Close())
	if _, err := copyOf(path, url).ToPostgres(t.Context()); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "cfs_sessions 1") {
		t.Errorf("expected a refusal that names the table, got %v", err)
	}
	before := contents(t, path)
	if _, err := copyOf(path, url).ToSQLite(t.Context()); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "bos_components 3") {
		t.Errorf("expected a refusal that names the table, got %v", err)
	}
	if diff := cmp.Diff(before, contents(t, path)); diff != "" {
		t.Error(diff)
	}
}

// Who does not know whether a copy ended asks for it again.
func TestCopyThatIsThereIsNotMadeAgain(t *testing.T) {
	path, url := generated(t, 3), storetest.Postgres(t)
	for _, want := range []Result{Copied, Already} {
		r, err := copyOf(path, url).ToPostgres(t.Context())
		must(t, err)
		if r.Result != want {
			t.Errorf("expected %s, got %s", want, r.Result)
		}
	}
	r, err := copyOf(path, url).ToSQLite(t.Context())
	must(t, err)
	if r.Result != Already {
		t.Errorf("expected that the file has everything, got %s", r.Result)
	}
}

// A file without rows, as a server leaves that was started once too often, is replaced
// with all that belongs to it.
func TestEmptyFileIsReplaced(t *testing.T) {
	path, url, home := generated(t, 3), storetest.Postgres(t), storetest.SQLite(t)
	_, err := copyOf(path, url).ToPostgres(t.Context())
	must(t, err)
	must(t, store.Prepare(t.Context(), home))
	must(t, os.WriteFile(home+"-wal", nil, 0o600))
	_, err = copyOf(home, url).ToSQLite(t.Context())
	must(t, err)
	if diff := cmp.Diff(contents(t, path), contents(t, home)); diff != "" {
		t.Error(diff)
	}
}

func TestSourceWithoutASiteIsRefused(t *testing.T) {
	path, url := storetest.SQLite(t), storetest.Postgres(t)
	if _, err := copyOf(path, url).ToPostgres(t.Context()); !fault.Is(err, fault.NotFound) {
		t.Errorf("expected that there is no file, got %v", err)
	}
	if _, err := copyOf(path, url).ToSQLite(t.Context()); !fault.Is(err, fault.NotFound) {
		t.Errorf("expected that there is no site, got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
	onFile(t, path, func(db *sql.DB) {
		_, err := db.Exec("CREATE TABLE somebody (x TEXT)")
		must(t, err)
	})
	if _, err := copyOf(path, url).ToPostgres(t.Context()); !fault.Is(err, fault.NotFound) {
		t.Errorf("expected that the file holds no site, got %v", err)
	}
}

// While a server has the database nothing is copied, and the other way round.
func TestServerAndCopyKeepEachOtherOff(t *testing.T) {
	path, url := generated(t, 1), storetest.Postgres(t)
	db, err := store.Open(t.Context(), url, nil)
	must(t, err)
	if _, err := copyOf(path, url).ToPostgres(t.Context()); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "a local socket") {
		t.Errorf("expected that the database is in use, got %v", err)
	}
	must(t, db.Close())
	c := copyOf(path, url)
	tried := false
	c.Progress = func(s Step) {
		if s.Doing != "copy" || tried {
			return
		}
		tried = true
		if _, err := store.Open(t.Context(), url, nil); err == nil || !strings.Contains(err.Error(), "drover migrate") {
			t.Errorf("expected that a server cannot start, got %v", err)
		}
	}
	_, err = c.ToPostgres(t.Context())
	must(t, err)
	if !tried {
		t.Error("nothing was copied")
	}
	db, err = store.Open(t.Context(), url, nil)
	must(t, err)
	must(t, db.Close())
}

// damaged is a target that loses something of what it is given.
type damaged struct{ target }

func (d damaged) write(ctx context.Context, t table, rows iter.Seq2[[]any, error]) error {
	return d.target.write(ctx, t, func(yield func([]any, error) bool) {
		for row, err := range rows {
			if row != nil && t.name == "cfs_options" {
				row = slices.Clone(row)
				row[2] = row[2].(string) + " "
			}
			if !yield(row, err) {
				return
			}
		}
	})
}

func TestCopyThatDiffersIsNotShown(t *testing.T) {
	path, home := generated(t, 2), storetest.SQLite(t)
	c := copyOf(home, "")
	from, err := openLite(t.Context(), path)
	must(t, err)
	defer from.close()
	to, err := c.incoming(t.Context())
	must(t, err)
	defer to.drop()
	tables := tablesOf(t, path)
	was, err := c.sums(t.Context(), "read", from, tables, nil, nil)
	must(t, err)
	r, err := c.carry(t.Context(), from, damaged{to}, pair{tables: tables, was: was})
	if err == nil || r == nil || r.Result != Differs {
		t.Fatalf("expected that the copy differs, got %+v, %v", r, err)
	}
	for _, line := range r.Tables {
		if line.Equal != (line.Name != "cfs_options") {
			t.Errorf("%s: equal is %t", line.Name, line.Equal)
		}
	}
	if _, err := os.Stat(home); err == nil {
		t.Error("the copy is shown")
	}
}
