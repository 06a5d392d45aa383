package overview

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/xname"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// fleetOf are the nodes of an expression, each as change makes it of one that is well.
func fleetOf(t *testing.T, expr string, change func(n *roster.Node)) []roster.Node {
	t.Helper()
	list, err := xname.Expand(expr)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]roster.Node, len(list))
	for i, name := range list {
		out[i] = roster.Node{Xname: name, Power: "on", State: "Ready", Flag: "OK", Status: "stable", Image: "compute-9", DesiredImage: "compute-9",
			Configuration: "site", ConfigStatus: "configured"}
		if change != nil {
			change(&out[i])
		}
	}
	return out
}

// fleet has 256 nodes that are well, and a few of each other kind.
func fleet(t *testing.T) *roster.Answer {
	a := &roster.Answer{Time: noon, Nodes: fleetOf(t, "x1000c[0-3]s[0-63]b0n0", nil)}
	a.Nodes = append(a.Nodes, fleetOf(t, "x1000c4s[0-9]b0n0", func(n *roster.Node) {
		since := noon.Add(-3 * time.Minute)
		if n.Xname == "x1000c4s7b0n0" {
			since = noon.Add(-252 * time.Second)
		}
		n.Status, n.Phase, n.Since, n.Session, n.ConfigStatus = "configuring", "configuring", &since, "boot-7", "pending"
	})...)
	a.Nodes = append(a.Nodes, fleetOf(t, "x1001c0s[0-1]b0n0", func(n *roster.Node) {
		n.Power, n.State, n.Flag, n.Disabled, n.Locked = "off", "Off", "Warning", true, true
		n.Status, n.Image, n.Error = "failed", "", "the BMC\nrefused"
	})...)
	a.Nodes = append(a.Nodes, fleetOf(t, "x1001c0s2b0n0", func(n *roster.Node) { n.Image = "compute-8" })...)
	a.Nodes = append(a.Nodes, fleetOf(t, "x1001c0s3b0n0", func(n *roster.Node) { *n = roster.Node{Xname: n.Xname} })...)
	return a
}

func expect(t *testing.T, got []string, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), strings.Join(got, "\n")+"\n"); diff != "" {
		t.Error(diff)
	}
}

func TestNodesThatStandAlikeShareALine(t *testing.T) {
	a := fleet(t)
	expect(t, Table(a, Names(a), ""), table)
}

const table = `NODES              POWER  STATE                        STATUS             IMAGE                  CONFIGURATION  SESSION  COUNT  ERROR
x1000c[0-3]s*b0n0  on     Ready                        stable             compute-9              site           -        256
x1000c4s[0-9]b0n0  on     Ready                        configuring 4m12s  compute-9              site pending   boot-7   10
x1001c0s[0-1]b0n0  off    Off Warning disabled locked  failed             (compute-9)            site           -        2      the BMC refused
x1001c0s2b0n0      on     Ready                        stable             compute-8 (compute-9)  site           -        1
x1001c0s3b0n0      -      -                            -                  -                      -              -        1
`

func TestGroupsHaveHeadings(t *testing.T) {
	a := &roster.Answer{Time: noon, Nodes: append(fleetOf(t, "x1001c0s[0-2]b0n0", nil), fleetOf(t, "x1000c0s0b0n0", nil)...)}
	expect(t, Table(a, nil, "rack"), `
NODES              POWER  STATE  STATUS  IMAGE      CONFIGURATION  SESSION  COUNT

x1000: 1 node
x1000c0s0b0n0      on     Ready  stable  compute-9  site           -        1

x1001: 3 nodes
x1001c0s[0-2]b0n0  on     Ready  stable  compute-9  site           -        3
`)
	a.Nodes = fleetOf(t, "x1c0s0b0n0", func(n *roster.Node) { n.Image = "" })
	if got := Table(a, nil, "image"); got[2] != "no image: 1 node" {
		t.Errorf("%q", got)
	}
}

func TestWhatASilentServiceKnowsIsAQuestion(t *testing.T) {
	a := &roster.Answer{Time: noon, Nodes: []roster.Node{{Xname: "x1c0s0b0n0", Status: "stable"}},
		Silent: []roster.Silence{{Service: roster.HSM, Error: "503 away"}, {Service: roster.PCS, Error: "no route"}}}
	expect(t, Table(a, nil, ""), `
NODES       POWER  STATE  STATUS  IMAGE  CONFIGURATION  SESSION  COUNT
x1c0s0b0n0  ?      ?      stable  -      -              -        1

HSM gives no answer, so that states and roles are not known: 503 away
PCS gives no answer, so that power is not known: no route
`)
	expect(t, Table(&roster.Answer{}, nil, ""), "No nodes.\n")
}

// An error that names its node is the same one as that of the node beside it.
func TestNodesWithTheSameTroubleShareALine(t *testing.T) {
	a := &roster.Answer{Nodes: fleetOf(t, "x1c0s[0-2]b0n0", func(n *roster.Node) {
		n.Error = "the BMC of " + n.Xname + " refused"
		if n.Xname == "x1c0s2b0n0" {
			n.Power = "off"
		}
	})}
	expect(t, Table(a, nil, ""), `
NODES           POWER  STATE  STATUS  IMAGE      CONFIGURATION  SESSION  COUNT  ERROR
x1c0s[0-1]b0n0  on     Ready  stable  compute-9  site           -        2      the BMC of NODE refused
x1c0s2b0n0      off    Ready  stable  compute-9  site           -        1      the BMC of x1c0s2b0n0 refused
`)
}

func TestALongListOfNamesIsCut(t *testing.T) {
	var list []roster.Node
	for i := range 30 {
		list = append(list, fleetOf(t, fmt.Sprintf("x%dc%ds%db0n0", 1000+i, i%8, i), nil)...)
	}
	line := Table(&roster.Answer{Nodes: list}, nil, "")[1]
	if name, _, _ := strings.Cut(line, " "); len(name) > maxNames || !strings.HasPrefix(name, "x1000c0s0b0n0,x1001") || !strings.HasSuffix(name, ",...") || !strings.HasSuffix(line, " 30") {
		t.Errorf("%q", line)
	}
}

func TestFiltersAndOrders(t *testing.T) {
	a := fleet(t)
	for filters, want := range map[string]int{
		"status=failed": 2, "STATUS=Failed,config*": 12, "status!=stable": 13, "session=": 260, "rack=x1001": 4, "error=*refused": 2,
		"image=compute-8 desired-image=compute-9": 1, "power=of? locked=true": 2, "rack!=x1000,x1001": 0, "": 270,
	} {
		var keep []Filter
		for text := range strings.FieldsSeq(filters) {
			f, err := ParseFilter(text)
			if err != nil {
				t.Fatal(err)
			}
			keep = append(keep, f)
		}
		if got := len(Keep(a.Nodes, keep)); got != want {
			t.Errorf("%s: %d nodes, want %d", filters, got, want)
		}
	}
	for _, text := range []string{"status", "color=red", "status=[", ""} {
		if _, err := ParseFilter(text); err == nil {
			t.Errorf("%q is a filter", text)
		}
	}
	list := fleetOf(t, "x1c0s[2,10]b0n0,x1c0s1b0n0", func(n *roster.Node) {
		if n.Xname == "x1c0s10b0n0" {
			n.Status = "failed"
		}
	})
	for text, want := range map[string]string{"": "1 2 10", "-xname": "10 2 1", "status": "10 1 2", "-status": "1 2 10"} {
		by, err := ParseOrder(text)
		if err != nil {
			t.Fatal(err)
		}
		Sort(list, by)
		var got []string
		for _, n := range list {
			got = append(got, strings.TrimSuffix(strings.TrimPrefix(n.Xname, "x1c0s"), "b0n0"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("by %q: %q, want %s", text, got, want)
		}
	}
	if _, err := ParseOrder("color"); err == nil {
		t.Error("nodes have a color")
	}
}

func TestWideAndCSVTellAllOfEachNode(t *testing.T) {
	since := noon.Add(-time.Minute)
	a := &roster.Answer{Time: noon, Nodes: fleetOf(t, "x1c0s0b0n0", func(n *roster.Node) { n.Error, n.Since = `a, "b"`, &since })}
	const head = "xname,rack,nid,role,subrole,power,management,state,flag,disabled,locked,status,phase,since,enabled,session,image,desired_image,configuration,configuration_status,error\n"
	if got := CSV(a); got != head+`x1c0s0b0n0,x1,,,,on,,Ready,OK,false,false,stable,,2026-01-02T11:59:00Z,false,,compute-9,compute-9,site,configured,"a, ""b"""`+"\n" {
		t.Error(got)
	}
	wide := Wide(a)
	if len(wide) != 2 || strings.Join(strings.Fields(wide[1]), " ") != `x1c0s0b0n0 x1 - - - on - Ready OK false false stable - 2026-01-02T11:59:00Z false - compute-9 compute-9 site configured a, "b"` ||
		strings.ToLower(strings.Join(strings.Fields(wide[0]), ",")+"\n") != head {
		t.Errorf("%q", wide)
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{-1: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m01s", 2*time.Hour + 5*time.Minute: "2h05m", 75 * time.Hour: "3d03h"} {
		if got := ago(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestPowerTableFoldsWhatIsAlike(t *testing.T) {
	on := func(name, trouble string) pcs.PowerStatus {
		return pcs.PowerStatus{Xname: name, PowerState: pcs.PowerOn, ManagementState: pcs.Available, Error: trouble}
	}
	for want, list := range map[string][]pcs.PowerStatus{
		"No components.": nil,
		"NODES           POWER  BMC        COUNT\nx1c0s[0-1]b0n0  on     available  2": {on("x1c0s1b0n0", ""), on("x1c0s0b0n0", "")},
		"NODES           POWER  BMC        COUNT  ERROR\nx1c0s[0-1]b0n0  on     available  2      NODE is hot\nx1c0s2b0n0      on     available  1": {
			on("x1c0s2b0n0", ""), on("x1c0s1b0n0", "x1c0s1b0n0 is hot"), on("x1c0s0b0n0", "x1c0s0b0n0 is hot")},
		"NODES       POWER  BMC  COUNT\nx1c0s*b0n0  -      -    3": {{Xname: "x1c0s0b0n0"}, {Xname: "x1c0s2b0n0"}, {Xname: "x1c0s4b0n0"}},
	} {
		var all []string
		for _, one := range list {
			all = append(all, one.Xname)
		}
		if got := strings.Join(PowerTable(list, all), "\n"); got != want && !strings.Contains(want, "[") {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if got := strings.Join(PowerTable(list, nil), "\n"); got != want && strings.Contains(want, "[") {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestWhereNodesStandInAWord(t *testing.T) {
	for want, nodes := range map[Stand][]roster.Node{
		Failed:      {{Status: "failed", Power: "off"}, {Status: "stable", Power: "on", ConfigStatus: "failed"}},
		Moving:      {{Status: "power_on_called", Power: "off"}, {Status: "on_hold", Power: "on"}},
		Configuring: {{Status: "configuring", Power: "on"}, {Status: "stable", Power: "on", ConfigStatus: "pending"}},
		Stable:      {{Status: "stable", Power: "on", ConfigStatus: "configured"}},
		Off:         {{Status: "stable", Power: "off", ConfigStatus: "pending"}},
		Unknown:     {{Power: "on"}, {Status: "stable", Power: "undefined"}, {Status: "stable"}},
	} {
		for i := range nodes {
			if got := StandOf(&nodes[i]); got != want {
				t.Errorf("%+v: %s, want %s", nodes[i], got, want)
			}
		}
	}
}

func TestTroublesAreFoldedByCause(t *testing.T) {
	a := &roster.Answer{Nodes: fleetOf(t, "x1c0s[0-3]b0n0", func(n *roster.Node) {
		switch n.Xname {
		case "x1c0s0b0n0":
			n.Error = "x1c0s0b0n0 is lost"
		case "x1c0s1b0n0", "x1c0s3b0n0":
			n.Error = "the BMC of\n" + n.Xname + " refused"
		}
	})}
	want := []Trouble{{"the BMC of NODE refused", []string{"x1c0s1b0n0", "x1c0s3b0n0"}}, {"x1c0s0b0n0 is lost", []string{"x1c0s0b0n0"}}}
	if diff := cmp.Diff(want, Troubles(a)); diff != "" {
		t.Error(diff)
	}
}
