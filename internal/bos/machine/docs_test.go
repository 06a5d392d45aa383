package machine

import (
	"flag"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/docpage"
)

var write = flag.Bool("write", false, "write the table into docs/operations.md")

// The table of the docs is the one of the code.
func TestTableIsDocumented(t *testing.T) {
	page := docpage.Part{File: "../../../docs/operations.md", By: "go test ./internal/bos/machine -run Documented -write"}
	told, err := page.Read()
	if err != nil {
		t.Fatal(err)
	}
	if told == strings.TrimSpace(Table()) {
		return
	}
	if !*write {
		t.Fatalf("%s has another table: run %s", page.File, page.By)
	}
	if err := page.Write(Table()); err != nil {
		t.Fatal(err)
	}
}
