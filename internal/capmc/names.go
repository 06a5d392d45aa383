package capmc

import (
	"slices"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/xname"
)

// kinds are the components that have a power of their own to control.
var kinds = []xname.Type{xname.Chassis, xname.ComputeModule, xname.RouterModule, xname.HSNBoard, xname.Node, xname.PDUOutlet, xname.PDUConnector}

func controllable(t xname.Type) bool { return slices.Contains(kinds, t) }

func kindNames() []string {
	out := make([]string, len(kinds))
	for i, k := range kinds {
		out[i] = string(k)
	}
	return out
}

func isPDU(t xname.Type) bool { return t == xname.PDUOutlet || t == xname.PDUConnector }

// wildcards stand for everything.
var wildcards = []string{"s0", "all"}

// checkNames brings names into the one spelling. Those that are none, and
// repetitions unless they are tolerated, are wrong.
func checkNames(given []string, tolerant bool) (names []string, all bool, wrong []XnameError) {
	seen := map[string]bool{}
	for _, g := range given {
		n := xname.Normalize(g)
		switch {
		case slices.Contains(wildcards, n):
			all = true
		case xname.TypeOf(n) == xname.Invalid:
			wrong = append(wrong, XnameError{g, invalid, "Invalid xname"})
		case seen[n] && !tolerant:
			wrong = append(wrong, XnameError{g, invalid, "Duplicate xname"})
		case !seen[n]:
			seen[n] = true
			names = append(names, n)
		}
	}
	return names, all, wrong
}

// ancestors are what the components sit in that has a power of its own and is
// no PDU.
func ancestors(names []string) []string {
	var out []string
	for _, n := range names {
		for p := xname.Parent(n); p != ""; p = xname.Parent(p) {
			if t := xname.TypeOf(p); controllable(t) && !isPDU(t) {
				out = append(out, p)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// enabled are the names of the components that may be used, sorted, each once.
func enabled(components []hsm.Component) []string {
	var out []string
	for i := range components {
		if components[i].IsEnabled() {
			out = append(out, components[i].ID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// lost are those of the names that are not among the components, or disabled.
func lost(names []string, components []hsm.Component) (missing, disabled []string) {
	by := make(map[string]*hsm.Component, len(components))
	for i := range components {
		by[components[i].ID] = &components[i]
	}
	for _, n := range names {
		switch c := by[n]; {
		case c == nil:
			missing = append(missing, n)
		case !c.IsEnabled():
			disabled = append(disabled, n)
		}
	}
	return missing, disabled
}
