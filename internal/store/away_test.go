package store_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// A file that another process holds, whose disk is full or that cannot be written is a
// database that is away, not a defect; a statement that is wrong is one.
func TestAFileThatCannotBeWrittenForNowIsAway(t *testing.T) {
	file := "file:" + filepath.Join(t.TempDir(), "a.db")
	open := func(how string) *sql.DB {
		t.Helper()
		db, err := sql.Open("sqlite", file+how)
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		t.Cleanup(func() { db.Close() })
		return db
	}
	first := open("")
	if _, err := first.Exec("CREATE TABLE a (b BLOB)"); err != nil {
		t.Fatal(err)
	}
	const insert = "INSERT INTO a VALUES (zeroblob(1000000))"
	for how, away := range map[string]bool{"?mode=ro": true, "?_pragma=max_page_count(3)": true, "?_pragma=busy_timeout(1)&_txlock=immediate": true, "": false} {
		db, statement := open(how), insert
		switch {
		case strings.Contains(how, "busy"):
			held, err := first.Begin()
			if err == nil {
				_, err = held.Exec(insert)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer held.Rollback()
		case !away:
			statement = "INSERT INTO none VALUES (1)"
		}
		_, err := db.Exec(statement)
		told := store.ToldBySQLite(err)
		if err == nil || fault.Is(told, fault.Unavailable) != away || away && strings.Contains(told.Error(), "SQLITE") {
			t.Errorf("%q: %v is told as %v", how, err, told)
		}
	}
}
