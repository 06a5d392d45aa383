package machine

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var write = flag.Bool("write", false, "write the table into docs/operations.md")

const (
	page  = "../../../docs/operations.md"
	begin = "<!-- table of package machine: go test ./internal/bos/machine -run Documented -write -->\n"
	end   = "<!-- end of table -->\n"
)

// The table of the docs is the one of the code.
func TestTableIsDocumented(t *testing.T) {
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	table, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", page)
	}
	if strings.TrimSpace(table) == strings.TrimSpace(Table()) {
		return
	}
	if !*write {
		t.Fatalf("%s has another table: run the command that stands above it", page)
	}
	if err := os.WriteFile(page, []byte(before+begin+"\n"+Table()+"\n"+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
