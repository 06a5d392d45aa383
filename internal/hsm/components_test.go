package hsm

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const fourNodes = `{"Components":[
 {"ID":"x1000c0s0b0n0","State":"Ready","Arch":"X86","Role":"Management","SubRole":"Worker"},
 {"ID":"X1000C0S0B0N01","State":"off","Arch":"arm","NID":7},
 {"ID":"x1000c0s1b0n0","State":"On","Enabled":false,"Class":"mountain"},
 {"ID":"x1000c0s1b0","State":"Ready"}]}`

func seeded(t *testing.T) *bench {
	b := newBench(t, nil)
	b.ok("POST", "/State/Components", fourNodes)
	return b
}

func TestNewComponents(t *testing.T) {
	b := seeded(t)
	got := b.ok("GET", "/State/Components/x1000c0s0b0n1", "")
	if want := `{"ID":"x1000c0s0b0n1","Type":"Node","State":"Off","Flag":"OK","Enabled":true,"Role":"Compute","NID":7,"Arch":"ARM"}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if nid := b.component("x1000c0s1b0n0").NID; nid == nil || *nid != 1001*16384+32 {
		t.Errorf("synthetic NID %v", nid)
	}
	if c := b.component("x1000c0s1b0"); c.NID != nil || c.Role != "" {
		t.Errorf("a controller has NID %v and role %q", c.NID, c.Role)
	}
	again := `{"Components":[{"ID":"x1000c0s0b0n1","State":"Standby","Role":"Storage","NID":9,"Enabled":false}],"Force":%t}`
	b.ok("POST", "/State/Components", fmt.Sprintf(again, false))
	if c := b.component("x1000c0s0b0n1"); c.State != "Off" {
		t.Errorf("without force the state became %s", c.State)
	}
	b.ok("POST", "/State/Components", fmt.Sprintf(again, true))
	if c := b.component("x1000c0s0b0n1"); c.State != "Standby" || c.Role != "Compute" || *c.NID != 7 || !*c.Enabled {
		t.Errorf("with force it became %+v", c)
	}
	b.refused("POST", "/State/Components", `{"Components":[{"ID":"bogus","State":"On"}]}`, 400, "invalid xname")
	b.refused("POST", "/State/Components", `{"Components":[{"ID":"x1c0s0b0n0"}]}`, 400, "Missing State")
	b.refused("PUT", "/State/Components/x1c0s0b0n0", `{"Component":{"ID":"x1c0s0b0n1","State":"On"}}`, 400, "do not match")
}

func TestSelections(t *testing.T) {
	b := seeded(t)
	b.ok("POST", "/groups", `{"label":"blue","members":{"ids":["x1000c0s0b0n0","x1000c0s0b0n1"]}}`)
	b.ok("POST", "/partitions", `{"name":"p1","members":{"ids":["x1000c0s0b0n0","x1000c0s1b0n0"]}}`)
	const all = "x1000c0s0b0n0 x1000c0s0b0n1 x1000c0s1b0 x1000c0s1b0n0"
	for query, want := range map[string]string{
		"":                                     all,
		"?type=node":                           "x1000c0s0b0n0 x1000c0s0b0n1 x1000c0s1b0n0",
		"?type=!Node":                          "x1000c0s1b0",
		"?state=ready&state=On":                "x1000c0s0b0n0 x1000c0s1b0 x1000c0s1b0n0",
		"?state=Ready&type=Node":               "x1000c0s0b0n0",
		"?state!=empty":                        all,
		"?enabled=F":                           "x1000c0s1b0n0",
		"?enabled=!false":                      "x1000c0s0b0n0 x1000c0s0b0n1 x1000c0s1b0",
		"?role=":                               "x1000c0s1b0",
		"?subrole=worker":                      "x1000c0s0b0n0",
		"?class=Mountain":                      "x1000c0s1b0n0",
		"?nid=7":                               "x1000c0s0b0n1",
		"?nid=":                                "x1000c0s1b0",
		"?nid_start=1&nid_end=9":               "x1000c0s0b0n1",
		"?nid=!7&type=Node":                    "x1000c0s0b0n0 x1000c0s1b0n0",
		"?id=x1000c0s1b0&id=X1000c0s00b0n0":    "x1000c0s0b0n0 x1000c0s1b0",
		"?id=x1000c0s1b0&type=Node":            "",
		"?group=blue":                          "x1000c0s0b0n0 x1000c0s0b0n1",
		"?group=NULL":                          "x1000c0s1b0 x1000c0s1b0n0",
		"?group=blue&partition=p1":             "x1000c0s0b0n0",
		"?partition=p99":                       "",
		"/Query/x1000c0s1?type=Node":           "x1000c0s1b0n0",
		"/Query/s0?type=NodeBMC":               "x1000c0s1b0",
		"/Query/x1000c0s1":                     "",
		"/Query/x1000c0s1b0n0?type=Node&nid=7": "",
	} {
		if got := b.ids("/State/Components" + query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	for query, text := range map[string]string{
		"type=bogus": "bad query param: Argument was not a valid HMS Type", "state=!x": "HMS State", "state=": "HMS State",
		"enabled=perhaps": "enabled", "nid=a": "NID", "nid_start=1": "pairs", "id=bogus": "xname ID",
		"group=a&group=b&partition=p1": "more than one",
	} {
		b.refused("GET", "/State/Components?"+query, "", 400, text)
	}
}

func TestQueryAndViews(t *testing.T) {
	b := seeded(t)
	for body, want := range map[string]string{
		`{"ComponentIDs":["x1000c0s0b0n0","x9c0s0b0n0"]}`:                                     "x1000c0s0b0n0",
		`{"ComponentIDs":["x1000c0s0b0n0","x1000c0s1b0n0"],"enabled":["True"]}`:               "x1000c0s0b0n0",
		`{"ComponentIDs":["all"],"type":["node"],"state":["Ready","Off"]}`:                    "x1000c0s0b0n0 x1000c0s0b0n1",
		`{"ComponentIDs":["x1000c0s1","x1000c0s0b0n1"],"type":["Node"]}`:                      "x1000c0s0b0n1 x1000c0s1b0n0",
		`{"ComponentIDs":["s0"],"nid_start":["7","100"],"nid_end":["7","200"],"type":["!x"]}`: "400",
	} {
		status, text := b.call("POST", "/State/Components/Query", body)
		var out componentArray
		if status == 200 {
			if err := json.Unmarshal([]byte(text), &out); err != nil {
				t.Fatal(err)
			}
			text = idsIn(out.Components)
		} else {
			text = fmt.Sprint(status)
		}
		if text != want {
			t.Errorf("%s: got %q, want %q", body, text, want)
		}
	}
	b.refused("POST", "/State/Components/Query", `{"type":["Node"]}`, 400, "Missing IDs")
	for view, want := range map[string]string{
		"stateonly=true":              `{"Components":[{"ID":"x1000c0s0b0n1","Type":"Node","State":"Off","Flag":"OK"}]}`,
		"flagonly=true&roleonly=true": `{"Components":[{"ID":"x1000c0s0b0n1","Type":"Node","Flag":"OK"}]}`,
		"roleonly=true":               `{"Components":[{"ID":"x1000c0s0b0n1","Type":"Node","Role":"Compute"}]}`,
		"nidonly=true":                `{"Components":[{"ID":"x1000c0s0b0n1","Type":"Node","NID":7}]}`,
	} {
		if got := b.ok("GET", "/State/Components?id=x1000c0s0b0n1&"+view, ""); got != want {
			t.Errorf("%s: got %s", view, got)
		}
	}
	if got := b.ok("GET", "/State/Components?role=Storage", ""); got != `{"Components":[]}` {
		t.Errorf("no match gave %s", got)
	}
	if got := b.ok("POST", "/State/Components/ByNID/Query", `{"NIDRanges":["1-24"],"nidonly":true}`); got != `{"Components":[{"ID":"x1000c0s0b0n1","Type":"Node","NID":7}]}` {
		t.Errorf("by NID: %s", got)
	}
	b.ok("GET", "/State/Components/ByNID/7", "")
	b.refused("GET", "/State/Components/ByNID/8", "", 404, "no such xname.")
	b.refused("GET", "/State/Components/nonsense", "", 404, "no such xname.")
}

func TestPatches(t *testing.T) {
	b := seeded(t)
	const node, bulk = "/State/Components/x1000c0s0b0n1/", "/State/Components/Bulk"
	const two = `"ComponentIDs":["x1000c0s0b0n0","x1000c0s0b0n1","x5c0s0b0n0"]`
	b.ok("PATCH", bulk+"StateData", `{`+two+`,"State":"on"}`) // Ready may not become On
	if a, o := b.component("x1000c0s0b0n0").State, b.component("x1000c0s0b0n1").State; a != "Ready" || o != "On" {
		t.Errorf("states %s and %s", a, o)
	}
	b.ok("PATCH", bulk+"FlagOnly", `{`+two+`,"Flag":"warn"}`)
	b.ok("PATCH", bulk+"Enabled", `{`+two+`,"Enabled":false}`)
	b.ok("PATCH", bulk+"SoftwareStatus", `{`+two+`,"SoftwareStatus":"AdminStatus"}`)
	b.ok("PATCH", bulk+"Role", `{`+two+`,"Role":"management"}`)
	b.ok("PATCH", bulk+"NID", `{"Components":[{"ID":"x1000c0s0b0n1","NID":-1}]}`)
	want := Component{ID: "x1000c0s0b0n1", Type: "Node", State: "On", Flag: "Warning", Enabled: new(bool),
		SoftwareStatus: "AdminStatus", Role: "Management", Arch: "ARM"}
	if diff := cmp.Diff(want, b.component("x1000c0s0b0n1")); diff != "" {
		t.Error(diff)
	}
	if sub := b.component("x1000c0s0b0n0").SubRole; sub != "Worker" {
		t.Errorf("a bulk role that was there already changed the subrole to %q", sub)
	}
	b.ok("PATCH", "/State/Components/x1000c0s0b0n0/Role", `{"Role":"Management"}`)
	if sub := b.component("x1000c0s0b0n0").SubRole; sub != "" {
		t.Errorf("a role without subrole left subrole %q", sub)
	}
	b.ok("PATCH", node+"NID", `{"NID":12}`)
	b.ok("PATCH", "/State/Components/x5c0s0b0n0/StateData", `{"State":"Off"}`)

	b.refused("PATCH", node+"StateData", `{"Flag":"OK"}`, 400, "Missing State")
	b.refused("PATCH", node+"StateData", `{"State":"Empty"}`, 400, "operation not allowed and not forced.")
	b.refused("PATCH", node+"StateData", `{"ID":"x1000c0s0b0n0","State":"On"}`, 400, "do not match")
	b.refused("PATCH", node+"Enabled", `{"Enabled":null}`, 400, "Missing Enabled field")
	b.refused("PATCH", node+"Enabled", `{"Enabled":"yes"}`, 400, "Enabled")
	b.refused("PATCH", node+"Role", `{}`, 400, "Missing Role")
	b.refused("PATCH", node+"NID", `{}`, 400, "Missing NID")
	b.refused("PATCH", node+"FlagOnly", `{"Flag":"pirate"}`, 400, "HMS Flag")
	b.refused("PATCH", "/State/Components/bogus/FlagOnly", `{"Flag":"OK"}`, 400, "invalid xname ID")
	b.refused("PATCH", bulk+"StateData", `{"State":"On"}`, 400, "Missing IDs")
	b.refused("PATCH", bulk+"SoftwareStatus", `{`+two+`}`, 400, "Missing SoftwareStatus")
}

func TestDeletingAComponentEndsItsMemberships(t *testing.T) {
	b := seeded(t)
	b.ok("POST", "/groups", `{"label":"blue","members":{"ids":["x1000c0s0b0n0"]}}`)
	if got := b.ok("DELETE", "/State/Components/x1000c0s0b0n0", ""); got != `{"code":0,"message":"deleted 1 entry"}` {
		t.Error(got)
	}
	if got := b.ok("GET", "/groups/blue/members", ""); got != `{"ids":[]}` {
		t.Error(got)
	}
	b.refused("DELETE", "/State/Components/x1000c0s0b0n0", "", 404, "no such xname.")
	b.refused("DELETE", "/State/Components/bogus", "", 400, "invalid xname")
	if got := b.ok("DELETE", "/State/Components", ""); got != `{"code":0,"message":"deleted 3 entries"}` {
		t.Error(got)
	}
	b.refused("DELETE", "/State/Components", "", 404, "no entries to delete")
}

// Whatever is asked without force, a component only takes steps that the
// published table allows, and a locked flag stays.
func TestStateChangesFollowTheTable(t *testing.T) {
	allowed := map[string]string{"Off": "Off On Standby Halt Ready", "On": "On Off Standby Halt", "Standby": "Standby Ready",
		"Halt": "Halt Ready", "Ready": "Ready On Off Standby Halt"}
	rapid.Check(t, func(r *rapid.T) {
		c := Component{State: rapid.SampledFrom(values.State).Draw(r, "state"), Flag: rapid.SampledFrom(values.Flag).Draw(r, "flag")}
		for range rapid.IntRange(1, 10).Draw(r, "steps") {
			state, flag := rapid.SampledFrom(values.State).Draw(r, "new state"), rapid.SampledFrom(values.Flag).Draw(r, "new flag")
			force := rapid.Bool().Draw(r, "force")
			before := c
			ch, err := newStateChange(state, flag, force)
			if _, free := allowed[state]; (err != nil) != (!free && !force) {
				r.Fatalf("%s, force %t: %v", state, force, err)
			}
			if err != nil {
				continue
			}
			changed := ch.apply(&c)
			if changed != (before.State != c.State || before.Flag != c.Flag) {
				r.Fatalf("%+v to %+v reported as %t", before, c, changed)
			}
			if force && c.State != state {
				r.Fatalf("forced %s gave %s", state, c.State)
			}
			if before.Flag == "Locked" && c.Flag != "Locked" {
				r.Fatalf("the locked flag became %s", c.Flag)
			}
			if changed && !force {
				if !slices.Contains(words(allowed[state]), before.State) {
					r.Fatalf("%s to %s", before.State, c.State)
				}
				if state == "Ready" && flag == "Warning" && before.State != "Ready" {
					r.Fatalf("a missed heartbeat made %s Ready", before.State)
				}
			}
		}
	})
}

func TestClientReadsAndSets(t *testing.T) {
	b := seeded(t)
	nodes, err := b.client.Components(t.Context(), url.Values{"type": {"Node"}})
	if err != nil || len(nodes) != 3 {
		t.Fatalf("%v %v", nodes, err)
	}
	if err := b.client.SetState(t.Context(), []string{"x1000c0s0b0n1"}, "Ready", ""); err != nil {
		t.Fatal(err)
	}
	found, err := b.client.Query(t.Context(), ComponentQuery{ComponentIDs: []string{"x1000c0s0b0n1"}, Enabled: []string{"True"}})
	if err != nil || len(found) != 1 || found[0].State != "Ready" {
		t.Errorf("%+v %v", found, err)
	}
	if err := b.client.SetState(t.Context(), nil, "Ready", ""); err != nil {
		t.Errorf("no nodes: %v", err)
	}
}
