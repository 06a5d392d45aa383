package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/seal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

type login struct{ BMC, Password string }

// vault opens the database with the keys, nil for none, and its logins.
func vault(t *testing.T, source string, keys *seal.Keys) (*store.DB, *store.Table[login]) {
	t.Helper()
	var options []store.Option
	if keys != nil {
		options = append(options, store.Sealed(keys))
	}
	db, err := store.Open(t.Context(), source, nil, options...)
	must(t, err)
	return db, store.NewTable(db, store.Spec[login]{Name: "hsm_credentials", Kind: "Login", Key: func(l *login) string { return l.BMC }})
}

// onEach runs the test on the source of an empty database of each engine.
func onEach(t *testing.T, test func(t *testing.T, source string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, storetest.SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, storetest.Postgres(t)) })
}

// logins writes and changes logins, and deletes some: what they were must not stay.
func logins(t *testing.T, table *store.Table[login]) (words []string) {
	t.Helper()
	for round := range 3 {
		for i := range 40 {
			word := fmt.Sprintf("hush-%d-%d-%s", round, i, strings.Repeat("w", 10*i))
			words = append(words, word)
			must(t, table.Put(t.Context(), login{fmt.Sprintf("x%d", i), word}))
		}
	}
	_, err := table.Delete(t.Context(), "x0", "x7", "x39")
	must(t, err)
	return words
}

// filesOf is what the database has on the disk, by file, without the log of PostgreSQL: of
// what was there before, it is kept for as long as its owner says.
func filesOf(t *testing.T, source string) map[string][]byte {
	t.Helper()
	dir := filepath.Dir(source)
	if store.IsPostgres(source) {
		u, err := url.Parse(source)
		must(t, err)
		dir = filepath.Join(u.Query().Get("host"), "data", "base")
		db, err := sql.Open("pgx", source)
		must(t, err)
		_, err = db.ExecContext(t.Context(), "CHECKPOINT")
		must(t, errors.Join(err, db.Close()))
	}
	out := map[string][]byte{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreGone(err)
		}
		text, err := os.ReadFile(path)
		out[path] = text
		return ignoreGone(err)
	}))
	if len(out) == 0 {
		t.Fatalf("no files in %s", dir)
	}
	return out
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func contains(t *testing.T, source string, words []string) (where string) {
	t.Helper()
	for path, text := range filesOf(t, source) {
		for _, word := range words {
			if bytes.Contains(text, []byte(word)) {
				return path + " has " + word
			}
		}
	}
	return ""
}

func TestSecretsAreNotInTheFilesOfTheDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, source string) {
		keys := seal.New()
		db, table := vault(t, source, keys)
		words := logins(t, table)
		if where := contains(t, source, words); where != "" {
			t.Error("while it is open: " + where)
		}
		must(t, db.Close())
		if where := contains(t, source, words); where != "" {
			t.Error("after its end: " + where)
		}
		db, table = vault(t, source, keys)
		defer db.Close()
		if l, err := table.Get(t.Context(), "x3"); err != nil || l.Password != words[83] {
			t.Errorf("%v, %v", l, err)
		}
	})
}

func TestDatabaseInClearIsSealedByTheFirstStartWithAKey(t *testing.T) {
	onEach(t, func(t *testing.T, source string) {
		keys := seal.New()
		db, table := vault(t, source, nil)
		words := logins(t, table)
		must(t, db.Close())
		if !store.IsPostgres(source) && contains(t, source, words) == "" {
			t.Fatal("the words are not in the files to begin with")
		}
		db, table = vault(t, source, keys)
		if where := contains(t, source, words); where != "" {
			t.Error(where)
		}
		if all, err := table.List(t.Context(), store.Query{}); err != nil || len(all) != 37 || all[0].Password != words[81] {
			t.Errorf("%d, %v", len(all), err)
		}
		must(t, db.Close())
		if ids, err := store.SealedWith(t.Context(), source); err != nil || len(ids) != 1 || ids[0] != keys.First() {
			t.Errorf("sealed with %v, %v", ids, err)
		}
	})
}

func TestWrongKeyIsRefusedAndChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, source string) {
		right, wrong := seal.New(), seal.New()
		db, table := vault(t, source, right)
		words := logins(t, table)
		must(t, db.Close())
		before := dump(t, source)
		for name, options := range map[string][]store.Option{"another": {store.Sealed(wrong)}, "none": nil} {
			_, err := store.Open(t.Context(), source, nil, options...)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), right.First()) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if after := dump(t, source); after != before {
			t.Error("it changed something")
		}
		db, table = vault(t, source, right)
		defer db.Close()
		if l, err := table.Get(t.Context(), "x3"); err != nil || l.Password != words[83] {
			t.Errorf("%v, %v", l, err)
		}
	})
}

func TestSecretsThatWereMovedDoNotOpen(t *testing.T) {
	onEach(t, func(t *testing.T, source string) {
		keys := seal.New()
		db, table := vault(t, source, keys)
		defer db.Close()
		must(t, table.Put(t.Context(), login{"x1", "one"}, login{"x2", "two"}, login{"x3", "three"}))
		must(t, db.Exec(t.Context(), "UPDATE hsm_credentials SET doc = (SELECT doc FROM hsm_credentials WHERE key = 'x1') WHERE key = 'x2'"))
		must(t, db.Exec(t.Context(), `UPDATE hsm_credentials SET doc = '{"BMC":"x3","Password":"mine"}' WHERE key = 'x3'`))
		if l, err := table.Get(t.Context(), "x1"); err != nil || l.Password != "one" {
			t.Errorf("%v, %v", l, err)
		}
		for _, key := range []string{"x2", "x3"} {
			l, err := table.Get(t.Context(), key)
			if err == nil || strings.Contains(err.Error(), "one") || strings.Contains(err.Error(), "mine") {
				t.Errorf("%s: %v, %v", key, l, err)
			}
		}
	})
}

func TestAnotherFirstKeySealsEverythingAnew(t *testing.T) {
	onEach(t, func(t *testing.T, source string) {
		old, fresh := seal.New(), seal.New()
		db, table := vault(t, source, old)
		words := logins(t, table)
		must(t, db.Close())
		db, _ = vault(t, source, fresh.Before(old))
		must(t, db.Close())
		db, table = vault(t, source, fresh) // the old one is not needed any more
		all, err := table.List(t.Context(), store.Query{})
		if err != nil || len(all) != 37 || all[0].Password != words[81] {
			t.Errorf("%d, %v", len(all), err)
		}
		must(t, db.Close())
		if where := contains(t, source, []string{"sealed-1." + old.First()}); where != "" {
			t.Error(where)
		}
	})
}

// dump is all rows, as the database has them.
func dump(t *testing.T, source string) string {
	t.Helper()
	text, err := store.Dump(context.Background(), source, "hsm_credentials", "sealed_tables", "goose_db_version")
	must(t, err)
	return text
}
