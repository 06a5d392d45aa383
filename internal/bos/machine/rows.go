package machine

import (
	"fmt"
	"strings"
)

// Row is one row of the table status x fact, as documented. The first that
// holds decides, but an outcome is recorded before the look decides.
type Row struct {
	N      int
	Status string
	Fact   string
	New    string
	// Effect is what is done, in the words of the operators; empty is nothing.
	Effect string
	// Attempt tells whether an attempt is counted.
	Attempt bool
}

// Rows is the table. A status "any" excludes those that have a row of their
// own. Waits are max_power_on_wait_time (on), max_power_off_wait_time (off) and
// max_boot_wait_time (boot), each counted from when the BMC took the request.
var Rows = []Row{
	{2, "any", "not enabled", "same", "a call under way is given up, its transition aborted", false},
	{3, "any", "an agent of BOS v1 moves the node", "same, however long", "", false},
	{4, "failed", "enabled by hand", "failed, disabled", "", false},
	{5, "any", "off, and should be off; powered on for an earlier session, within the on wait", "same", "", false},
	{6, "any", "PCS (or CFS, where it decides) does not answer", "same, however long", "", false},
	{7, "any", "PCS or CFS does not list the node", "same; after the on wait on_hold, disabled", "", false},
	{9, "power_on_called", "power undefined, within the boot wait", "same", "", false},
	{10, "any", "power undefined", "same", "", false},
	{11, "any", "power undefined for as long as all attempts would last", "failed", "", false},
	{12, "any", "off, and should be off", "stable", "", false},
	{13, "any but power_on_*", "off, and should run", "power_on_pending", "", false},
	{14, "power_on_pending", "off, told to wait", "same", "", false},
	{15, "power_on_pending", "off, no attempts left", "failed", "", false},
	{16, "power_on_pending", "off", "power_on_called", "boot parameters, configuration held, On", false},
	{18, "power_on_called", "later, for as long as all attempts would last", "failed", "", false},
	{19, "power_on_called", "refused, no attempts left", "failed", "", true},
	{20, "power_on_called", "the BMC cannot", "failed", "", true},
	{21, "power_on_called", "off, no answer yet", "same", "", false},
	{22, "power_on_called", "off, accepted, within the on wait", "same", "", true},
	{23, "power_on_called", "off, accepted, on wait over", "power_on_pending", "", false},
	{24, "power_on_*, configuring", "on, within the boot wait", "power_on_called", "", true},
	{25, "power_on_*, configuring", "on, boot wait over", "power_off_pending; no attempts left: failed, left on", "", false},
	{26, "any but power_off_*", "on, should be off or run something else", "power_off_pending", "", false},
	{27, "power_off_pending", "on", "power_off_gracefully_called; no attempts left: failed", "Soft-Off", false},
	{29, "power_off_gracefully_called", "on, later", "same; for as long as all attempts would last: failed", "Soft-Off again", false},
	{30, "power_off_gracefully_called", "on, refused in words", "same; off wait over: power_off_forcefully_called", "Soft-Off again; then Force-Off", true},
	{31, "power_off_gracefully_called", "on, the BMC cannot", "power_off_forcefully_called", "Force-Off", true},
	{32, "power_off_gracefully_called", "on, no answer yet or within the off wait", "same", "", true},
	{33, "power_off_gracefully_called", "on, accepted, off wait over", "power_off_forcefully_called", "Force-Off", false},
	{35, "power_off_forcefully_called", "on, later or refused", "same; limits as for the graceful way: failed", "Force-Off again", true},
	{36, "power_off_forcefully_called", "the BMC cannot", "failed", "", true},
	{37, "power_off_forcefully_called", "on", "same; off wait over: again, or failed", "Force-Off again", true},
	{38, "any but power_off_*_called", "on, runs what it should, CFS wants another configuration", "configuring", "configuration to CFS", false},
	{39, "any but power_off_*_called", "on, runs what it should, configured", "stable", "", false},
	{40, "any but power_off_*_called", "on, runs what it should, CFS pending", "configuring", "", false},
	{41, "any but power_off_*_called", "as 40, CFS waits for the booted node to enable itself", "configuring; boot wait over: failed", "", false},
	{42, "any but power_off_*_called", "as 40, disabled in CFS", "configuring", "enabled in CFS", false},
	{43, "any but power_off_*_called", "CFS failed", "failed", "", false},
	{44, "any but power_off_*_called", "CFS says anything else", "failed", "", false},
}

// Table is the table as Markdown, for docs/operations.md.
func Table() string {
	var b strings.Builder
	b.WriteString("| row | status | fact | new status | done | attempt |\n|---|---|---|---|---|---|\n")
	for _, r := range Rows {
		counted := ""
		if r.Attempt {
			counted = "yes"
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n", r.N, r.Status, r.Fact, r.New, r.Effect, counted)
	}
	return b.String()
}
