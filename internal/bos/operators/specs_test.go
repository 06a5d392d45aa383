package operators

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/docpage"
)

var write = flag.Bool("write", false, "write the operators into docs/operations.md")

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
	page := docpage.Part{File: "../../../docs/operations.md", By: "go test ./internal/bos/operators -run Documented -write"}
	var table strings.Builder
	table.WriteString("| operator | woken by | changes |\n|---|---|---|\n")
	for _, s := range declared() {
		if len(s.Outputs) == 0 { // it only has others look
			continue
		}
		woken := s.Inputs
		if s.Else != "" {
			woken = append(woken, s.Else)
		}
		if s.Resync != nil {
			woken = append(woken, "the clock")
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", s.Name, strings.Join(woken, ", "), strings.Join(s.Outputs, "; "))
	}
	told, err := page.Read()
	if err != nil {
		t.Fatal(err)
	}
	if told == strings.TrimSpace(table.String()) {
		return
	}
	if !*write {
		t.Fatalf("%s has other operators: run %s", page.File, page.By)
	}
	if err := page.Write(table.String()); err != nil {
		t.Fatal(err)
	}
}
