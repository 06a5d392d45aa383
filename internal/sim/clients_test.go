package sim_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/docpage"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/sim"
)

// validated is what DMTF's redfish-service-validator counts.
type validated struct{ pass, warn, fail int }

func (v validated) String() string {
	return fmt.Sprintf("%d passes, %d warnings, %d fails", v.pass, v.warn, v.fail)
}

// leastPasses is what a BMC that does all by the book is to have: without
// schemas the validator has no fails either.
const leastPasses = 430

var (
	// notValid are the characters that break the rules on purpose.
	notValid = map[string]string{"busy": "refuses on purpose", "lost-member": "dangling links on purpose",
		"node-controls": "HPE's own names on purpose", "power": "has what is deprecated on purpose"}
	// sushyCannot are the steps that sushy has no means for.
	sushyCannot = map[string][]string{
		"etag":     {"power on"},            // it sends no If-Match with an action
		"adapters": {"read the interfaces"}, // it looks for EthernetInterfaces alone
	}
	counts = regexp.MustCompile(`\|\s+(\d+)\s+\|\s+(\d+)\s+\|\s+(\d+)\s+\|\s+\d+\s+\|`)
)

// TestRedfishClients has clients that know nothing of this program judge the BMC
// of each character: DMTF's service validator with DMTF's schemas, and sushy,
// which Ironic drives machines with. REDFISH_TOOLS is where `make redfish-check`
// put them; the table goes to the file REDFISH_TABLE.
func TestRedfishClients(t *testing.T) {
	tools := os.Getenv("REDFISH_TOOLS")
	if tools == "" {
		t.Skip("REDFISH_TOOLS names no directory with redfish-service-validator and sushy: make redfish-check")
	}
	names := bmc.CharacterNames()
	f := fleet(t, newGateway(), func(o *sim.Options) { o.Nodes, o.Characters = len(names), names })
	table := "| character | BMC | redfish-service-validator | sushy |\n|---|---|---|---|\n"
	for i, name := range names {
		b, n := f.BMCs()[i], f.Nodes()[i]
		row := fmt.Sprintf("| `%s` | %s | ", name, b.Xname)
		t.Run(name, func(t *testing.T) {
			done, failed := sushySteps(t, tools, b, name)
			if !slices.Equal(failed, sushyCannot[name]) {
				t.Errorf("sushy cannot: %q, expected %q", failed, sushyCannot[name])
			}
			said := fmt.Sprintf("all %d steps", len(done))
			if len(failed) > 0 {
				said = fmt.Sprintf("%d steps; not: %s", len(done), strings.Join(failed, ", "))
			}
			turnedOn(t, b, n)
			row += judged(t, tools, b, name) + " | " + said + " |\n"
		})
		table += row
	}
	if file := os.Getenv("REDFISH_TABLE"); file != "" && !t.Failed() && strings.Count(table, "\n") == len(names)+2 { // all were asked
		if err := (docpage.Part{File: file, By: "make redfish-check"}).Write(table); err != nil {
			t.Fatal(err)
		}
	}
}

// sushySteps are what sushy did with the BMC and what it could not.
func sushySteps(t *testing.T, tools string, b bmc.Account, name string) (done, failed []string) {
	t.Helper()
	kind := bmc.ResetOn
	if name == "force-on" {
		kind = bmc.ForceOn
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(tools, "venv/bin/python"), "testdata/sushy_client.py",
		"http://"+b.Address, b.Username, b.Password, kind).CombinedOutput()
	t.Logf("sushy, %s:\n%s", name, out)
	if err != nil {
		t.Fatalf("sushy: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		step := strings.TrimSpace(line)
		if what, ok := strings.CutPrefix(step, "ok "); ok {
			done = append(done, what)
		} else if what, ok := strings.CutPrefix(step, "no "); ok {
			what, _, _ = strings.Cut(what, ":")
			failed = append(failed, what)
		}
	}
	return done, failed
}

// turnedOn has the node running, so that its console has lines.
func turnedOn(t *testing.T, b bmc.Account, n *sim.Node) {
	t.Helper()
	if n.PowerState() == bmc.Off {
		d := redfish.New(1)
		defer d.Close()
		if err := d.Reset(t.Context(), b.Address, redfish.Login{Username: b.Username, Password: b.Password}, itsOn, bmc.ResetOn); err != nil {
			t.Fatal(err)
		}
	}
	up(t, n)
}

// deprecatedURIs are warned of: the drive is below its system's storage, where
// controllers have it, and not below a chassis, where newer schemas want it.
const deprecatedURIs = 1

// judged is what the validator finds, or why it was not asked.
func judged(t *testing.T, tools string, b bmc.Account, name string) string {
	t.Helper()
	if why := notValid[name]; why != "" {
		return "not asked: " + why
	}
	schemas, err := filepath.Glob(filepath.Join(tools, "csdl/*.xml"))
	if err != nil || len(schemas) == 0 {
		why, _ := os.ReadFile(filepath.Join(tools, "csdl/why"))
		t.Skipf("no schemas, and without them the validator passes nothing: %s", why)
	}
	own := t.TempDir() // it writes there
	for _, s := range schemas {
		if err := os.Symlink(s, filepath.Join(own, filepath.Base(s))); err != nil {
			t.Fatal(err)
		}
	}
	out, _ := exec.CommandContext(t.Context(), filepath.Join(tools, "venv/bin/rf_service_validator"), "--rhost", "http://"+b.Address,
		"--user", b.Username, "--password", b.Password, "--authtype", "Session", "--schema_directory", own, "--logdir", t.TempDir(),
		"--ext_https_proxy", "http://127.0.0.1:9", "--ext_http_proxy", "http://127.0.0.1:9").CombinedOutput() // judged by its counts
	m := counts.FindSubmatch(out)
	if m == nil {
		t.Fatalf("the validator counted nothing:\n%s", out)
	}
	number := func(i int) int { n, _ := strconv.Atoi(string(m[i])); return n }
	v := validated{number(1), number(2), number(3)}
	if v.fail != 0 || v.warn > deprecatedURIs || v.pass < 300 || name == "plain" && v.pass < leastPasses {
		t.Errorf("%s, expected no fail, no more than %d warning and at least %d passes:\n%s", v, deprecatedURIs, leastPasses, out)
	}
	return v.String()
}
