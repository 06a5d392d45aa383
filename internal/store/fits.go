package store

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/drover-hpc/drover/internal/fault"
)

// maxIndexed is what an entry of an index may have, in bytes; PostgreSQL takes a
// little more.
const maxIndexed = 2500

// fits refuses what PostgreSQL could not store, whichever the database is: what one
// takes, the other takes, and a site can move. At the commit it would undo what
// others wrote.
func (t *Table[T]) fits(key string, columns []string) error {
	if !indexable(key) || slices.ContainsFunc(columns, func(v string) bool { return !indexable(v) }) {
		return fault.New(fault.Invalid, "write to %s: %.100q cannot be stored: expected UTF-8 without zero bytes, of at most %d bytes",
			t.spec.Name, key, maxIndexed)
	}
	return nil
}

func indexable(value string) bool {
	return len(value) <= maxIndexed && utf8.ValidString(value) && strings.IndexByte(value, 0) < 0
}
