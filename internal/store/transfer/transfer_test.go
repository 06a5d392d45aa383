package transfer

import (
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/seal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(stopAt) != "" {
		copyUntilKilled()
	}
	code := m.Run()
	storetest.StopPostgres()
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// copyOf is a copy between the two that tells nobody.
func copyOf(sqlite, postgres string) *Copy {
	return &Copy{SQLite: sqlite, Postgres: postgres, Progress: func(Step) {}, Say: func(string) {}}
}

// onFile runs statements on a file of SQLite.
func onFile(t testing.TB, path string, do func(db *sql.DB)) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	do(db)
}

// generated is a database of SQLite with rows in every table.
func generated(t testing.TB, rows int) string {
	t.Helper()
	path := storetest.SQLite(t)
	must(t, store.Prepare(t.Context(), path))
	r := rand.New(rand.NewPCG(1, 2))
	onFile(t, path, func(db *sql.DB) {
		tx, err := db.Begin()
		must(t, err)
		for _, tb := range tablesOf(t, path) {
			switch tb.name {
			case "sealed_tables", // what is in there says how the database is opened
				"held_changes": // it is empty once the database is open
				continue
			}
			marks := strings.TrimSuffix(strings.Repeat("?,", len(tb.columns)), ",")
			for i := range rows {
				row := make([]any, len(tb.columns))
				for j, c := range tb.columns {
					row[j] = value(r, c.kind)
				}
				row[0] = fmt.Sprintf("%s-%d", row[0], i)
				if tb.serial {
					row[0] = int64(i*3 + 1)
				}
				if at := slices.Index(tb.names(), "nid"); at > 0 {
					row[at] = fmt.Sprint(i) // unique
				}
				_, err := tx.Exec("INSERT INTO "+tb.name+" ("+tb.list()+") VALUES ("+marks+")", row...)
				must(t, err)
			}
		}
		must(t, tx.Commit())
	})
	return path
}

func value(r *rand.Rand, k kind) any {
	switch k {
	case integer:
		return []int64{0, 1, -1, math.MaxInt64, math.MinInt64, r.Int64()}[r.IntN(6)]
	case octets:
		b := make([]byte, r.IntN(300))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	return []string{"", "x1000c0s0b0n0", "\\N", "a\tb\nc\\", "Zürich ☃ 𝄞", "A", "a", `{"a":"\u0000"}`, strings.Repeat("ä", r.IntN(400)), "\u007f\u0001"}[r.IntN(10)]
}

func tablesOf(t testing.TB, path string) []table {
	t.Helper()
	l, err := openLite(t.Context(), path)
	must(t, err)
	defer l.close()
	tables, err := l.tables(t.Context())
	must(t, err)
	return tables
}

// contents are all rows of a file of SQLite, and the counters.
func contents(t testing.TB, path string) map[string][][]any {
	t.Helper()
	l, err := openLite(t.Context(), path)
	must(t, err)
	defer l.close()
	out := map[string][][]any{}
	tables, err := l.tables(t.Context())
	must(t, err)
	for _, tb := range tables {
		for row, err := range l.rows(t.Context(), tb) {
			must(t, err)
			out[tb.name] = append(out[tb.name], slices.Clone(row))
		}
		if tb.serial {
			next, err := l.next(t.Context(), tb)
			must(t, err)
			out["next of "+tb.name] = [][]any{{next}}
		}
	}
	return out
}

func TestEveryTableGoesOverAndBack(t *testing.T) {
	path, url := generated(t, 50), storetest.Postgres(t)
	onFile(t, path, func(db *sql.DB) { // the last message is done: its number must not come again
		_, err := db.Exec("DELETE FROM queue WHERE id = (SELECT max(id) FROM queue)")
		must(t, err)
	})
	before := contents(t, path)
	there, err := copyOf(path, url).ToPostgres(t.Context())
	must(t, err)
	if there.Result != Copied || int(there.Rows) != 50*(len(there.Tables)-2)-1 { // but for sealed_tables and held_changes
		t.Errorf("to PostgreSQL: %s, %d rows of %d tables", there.Result, there.Rows, len(there.Tables))
	}
	if diff := cmp.Diff(before, contents(t, path)); diff != "" {
		t.Errorf("the source changed: %s", diff)
	}
	home := storetest.SQLite(t)
	back, err := copyOf(home, url).ToSQLite(t.Context())
	must(t, err)
	if diff := cmp.Diff(there, back, cmpopts.IgnoreFields(Report{}, "From", "To")); diff != "" {
		t.Errorf("the reports differ: %s", diff)
	}
	if diff := cmp.Diff(before, contents(t, home)); diff != "" {
		t.Error(diff)
	}
	if left, _ := filepath.Glob(home + ".*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A site in clear is sealed before it goes, and stays sealed on its way.
func TestSecretsGoOverSealed(t *testing.T) {
	path, url, home, keys := storetest.SQLite(t), storetest.Postgres(t), storetest.SQLite(t), seal.New()
	logins := func(db *store.DB) *store.Table[doc] {
		return store.NewTable(db, store.Spec[doc]{Name: "hsm_credentials", Kind: "Login", Key: func(d *doc) string { return d.ID }})
	}
	db, err := store.Open(t.Context(), path, nil)
	must(t, err)
	must(t, logins(db).Put(t.Context(), doc{"x0", "hush"}))
	must(t, db.Close())
	there := copyOf(path, url)
	there.Keys = keys
	_, err = there.ToPostgres(t.Context())
	must(t, err)
	_, err = copyOf(home, url).ToSQLite(t.Context()) // without the key
	must(t, err)
	for _, source := range []string{path, url, home} {
		if _, err := store.Open(t.Context(), source, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s without the key: %v", source, err)
		}
		db, err := store.Open(t.Context(), source, nil, store.Sealed(keys))
		must(t, err)
		if d, err := logins(db).Get(t.Context(), "x0"); err != nil || d.Color != "hush" {
			t.Errorf("%s: %v, %v", source, d, err)
		}
		must(t, db.Close())
	}
}

type doc struct {
	ID    string `json:"id"`
	Color string `json:"color"`
}

func sessions(db *store.DB) *store.Table[doc] { return store.NewTable(db, sessionSpec(false)) }

func sessionSpec(logged bool) store.Spec[doc] {
	return store.Spec[doc]{Name: "cfs_sessions", Kind: "Session", Held: true, Logged: logged,
		Key:     func(d *doc) string { return d.ID },
		Indexes: []store.Index[doc]{{Column: "status", Of: func(d *doc) string { return d.Color }}}}
}

// A server that was killed may have changes in its log that the rows of its tables do
// not have.
func TestLogOfAKilledServerGoesAlong(t *testing.T) {
	running, url := storetest.SQLite(t), storetest.Postgres(t)
	db, err := store.Open(t.Context(), running, nil)
	must(t, err)
	defer db.Close()
	table := store.NewTable(db, sessionSpec(true))
	must(t, table.Put(t.Context(), doc{"a", "red"}, doc{"b", "red"}))
	_, err = table.Delete(t.Context(), "a")
	must(t, err)
	left := running + ".left"
	for _, part := range []string{"", "-wal"} {
		text, err := os.ReadFile(running + part)
		must(t, err)
		must(t, os.WriteFile(left+part, text, 0o600))
	}
	_, err = copyOf(left, url).ToPostgres(t.Context())
	must(t, err)
	there, err := store.Open(t.Context(), url, nil)
	must(t, err)
	defer there.Close()
	got, err := sessions(there).List(t.Context(), store.Query{})
	must(t, err)
	if diff := cmp.Diff([]doc{{"b", "red"}}, got); diff != "" {
		t.Error(diff)
	}
}

// seen is what readers find in a database.
type seen struct {
	All, Red, After []doc
	Due             []store.Message
	Found           []string
	Data            map[string]string
	Journal         []journal.Entry
}

func look(t *testing.T, source string, now func() time.Time) (s seen) {
	t.Helper()
	db, err := store.Open(t.Context(), source, nil)
	must(t, err)
	defer db.Close()
	table := sessions(db)
	s.All, err = table.List(t.Context(), store.Query{})
	must(t, err)
	s.Red, err = table.List(t.Context(), store.Query{Where: []store.Match{store.Is("status", "red")}})
	must(t, err)
	s.After, err = table.List(t.Context(), store.Query{After: "b", Limit: 2})
	must(t, err)
	s.Due, err = store.NewQueue(db, "cfs", now).Due(t.Context(), 10)
	must(t, err)
	segments := store.NewSegments(db, "bss_endpoint_accesses")
	s.Found, err = segments.Find(t.Context(), "", "~", store.MayHave("x1"))
	must(t, err)
	s.Data = map[string]string{}
	must(t, segments.Read(t.Context(), s.Found, func(key string, data []byte) error { s.Data[key] = string(data); return nil }))
	s.Journal, err = journal.New(db, now).List(t.Context(), "x1", "", 10)
	must(t, err)
	return s
}

// What services read is the same on SQLite, PostgreSQL, and SQLite again; and
// they can go on writing.
func TestReadersSeeTheSame(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now := func() time.Time { return start }
	path, url, home := storetest.SQLite(t), storetest.Postgres(t), storetest.SQLite(t)
	db, err := store.Open(t.Context(), path, nil)
	must(t, err)
	must(t, sessions(db).Put(t.Context(), doc{"a", "red"}, doc{"B", "red"}, doc{"ä", "blue"}, doc{"c", ""}, doc{"d", "red"}))
	must(t, sessions(db).Put(t.Context(), doc{"a", "blue"}))
	q := store.NewQueue(db, "cfs", now)
	for _, text := range []string{"one", "two", "three"} {
		must(t, q.Put(t.Context(), []byte(text)))
	}
	must(t, q.Retry(t.Context(), 2, -time.Second))
	must(t, q.Done(t.Context(), 3))
	must(t, store.NewSegments(db, "bss_endpoint_accesses").Append(t.Context(),
		store.Segment{Key: "k1", Newest: 5, Index: store.NameIndex([]string{"x1"}), Data: []byte{0, 1, 255}},
		store.Segment{Key: "k2", Newest: 6, Index: store.NameIndex([]string{"x2"}), Data: []byte("y")}))
	must(t, journal.New(db, now).Append(t.Context(), journal.Entry{Node: "x1", Time: start, Source: "bos", Kind: "status", Text: "happened"}))
	must(t, db.Close())

	want := look(t, path, now)
	if len(want.Journal) != 1 || len(want.Due) != 2 || len(want.Found) != 1 {
		t.Fatalf("expected something of everything, got %+v", want)
	}
	_, err = copyOf(path, url).ToPostgres(t.Context())
	must(t, err)
	if diff := cmp.Diff(want, look(t, url, now)); diff != "" {
		t.Errorf("on PostgreSQL: %s", diff)
	}
	_, err = copyOf(home, url).ToSQLite(t.Context())
	must(t, err)
	if diff := cmp.Diff(want, look(t, home, now)); diff != "" {
		t.Errorf("back on SQLite: %s", diff)
	}
	for _, source := range []string{url, home} {
		db, err := store.Open(t.Context(), source, nil)
		must(t, err)
		must(t, store.NewQueue(db, "cfs", now).Put(t.Context(), []byte("four")))
		due, err := store.NewQueue(db, "cfs", now).Due(t.Context(), 10)
		must(t, err)
		if last := due[len(due)-1]; last.ID != 4 || string(last.Payload) != "four" {
			t.Errorf("expected message 4 after 3, which is done, got %d %q", last.ID, last.Payload)
		}
		must(t, db.Close())
	}
}

func TestPasswordIsNotShown(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://d:secret@db/drover":              "postgres://d:xxxxx@db/drover",
		"postgres:///drover?host=/s&password=secret": "postgres:///drover?host=%2Fs&password=xxxxx",
		"postgres://d:sec%ret@db/drover":             "postgres://...",
	} {
		if got := Redacted(url); got != want {
			t.Errorf("%s: got %s", url, got)
		}
	}
}
