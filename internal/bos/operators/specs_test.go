package operators

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bos"
)

var write = flag.Bool("write", false, "write the operators into docs/operations.md")

const (
	page  = "../../../docs/operations.md"
	begin = "<!-- operators: go test ./internal/bos/operators -run Documented -write -->\n"
	end   = "<!-- end of operators -->\n"
)

// declared are the operators of a server that runs alone.
func declared() []Spec {
	return New(Config{Service: &bos.Service{}, PowerTable: "pcs_status", TransitionTable: "pcs_transitions",
		ConfigurationTable: "cfs_components", InventoryTable: "hsm_components"}).Specs()
}

// What an operator changes is changed by no other.
func TestEachOutputHasOneOperator(t *testing.T) {
	owner := map[string]string{}
	for _, s := range declared() {
		for _, out := range s.Outputs {
			if owner[out] != "" {
				t.Errorf("%s and %s both declare %q", owner[out], s.Name, out)
			}
			owner[out] = s.Name
		}
	}
}

// The operators of the docs are those of the code.
func TestOperatorsAreDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("\n| operator | woken by | changes |\n|---|---|---|\n")
	for _, s := range declared() {
		if len(s.Outputs) > 0 {
			inputs := s.Inputs
			if s.Resync != nil {
				inputs = append(inputs, "the clock")
			}
			fmt.Fprintf(&table, "| %s | %s | %s |\n", s.Name, strings.Join(inputs, ", "), strings.Join(s.Outputs, "; "))
		}
	}
	table.WriteString("\n")
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	old, after, ended := strings.Cut(rest, end)
	switch {
	case !found || !ended:
		t.Fatalf("%s has no place for the operators", page)
	case old == table.String():
	case !*write:
		t.Fatalf("%s has other operators: run the command that stands above them", page)
	default:
		if err := os.WriteFile(page, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
