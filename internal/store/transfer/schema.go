package transfer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// kind is what a column holds.
type kind string

const (
	text    kind = "text"
	integer kind = "integer"
	octets  kind = "bytes"
)

// table is a table as both engines have it.
type table struct {
	name    string
	columns []column // the first one is the key
	serial  bool     // the key counts up
}

type column struct {
	name string
	kind kind
}

func (t *table) key() string { return t.columns[0].name }

func (t *table) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// list is the columns for a statement.
func (t *table) list() string { return strings.Join(t.names(), ",") }

// versions is the table in which migrations are noted: each engine has its own.
const versions = "goose_db_version"

// schema is what a database has: its version and the columns of its tables.
type schema struct {
	version int64
	tables  map[string]map[string]kind
}

// agree tells why tables of SQLite cannot be those of PostgreSQL. SQLite is asked
// what tables there are: on PostgreSQL others may have tables of their own.
func agree(tables []table, lite, postgres schema) error {
	if lite.version != postgres.version {
		return fault.New(fault.Conflict, "SQLite has version %d of the schema, PostgreSQL %d: use the newer drover for both", lite.version, postgres.version)
	}
	for _, t := range tables {
		there := postgres.tables[t.name]
		if there == nil {
			return fault.New(fault.Conflict, "table %s: only SQLite has it: expected the tables that drover makes", t.name)
		}
		want := map[string]kind{}
		for _, c := range t.columns {
			want[c.name] = c.kind
		}
		if !maps.Equal(want, there) {
			return fault.New(fault.Conflict, "table %s: SQLite has the columns %s, PostgreSQL %s", t.name, described(want), described(there))
		}
	}
	return nil
}

func described(columns map[string]kind) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		out = append(out, fmt.Sprintf("%s %s", name, columns[name]))
	}
	return strings.Join(out, ", ")
}

// counts are the rows of each table that has any.
func counts(ctx context.Context, s side, tables []table) (map[string]int64, error) {
	out := map[string]int64{}
	for _, t := range tables {
		n, err := s.count(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("count the rows of %s: %w", t.name, err)
		}
		if n > 0 {
			out[t.name] = n
		}
	}
	return out, nil
}
