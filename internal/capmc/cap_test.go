package capmc_test

import (
	"fmt"
	"testing"

	"github.com/drover-hpc/drover/internal/pcs"
)

func (w *world) capped(x string, watts, most int) {
	w.pcs.caps[x] = pcs.CappedComponent{Limits: &pcs.PowerRange{HostLimitMax: most, HostLimitMin: 350},
		PowerCapLimits: []pcs.PowerCap{{Name: "Node Power Limit", CurrentValue: watts, MinimumValue: 350, MaximumValue: most}}}
}

func TestPowerCapsByNID(t *testing.T) {
	w := newWorld(t)
	w.capped(n0, 500, 925)
	w.capped(n1, 0, 925)
	w.pcs.caps[n2] = pcs.CappedComponent{Error: "the BMC has no power limit for this node"}
	w.does("/get_power_cap", `{"nids":[2,1]}`, 200, `{"e":0,"err_msg":"","nids":[{"controls":[{"name":"Node Power Limit","val":500}],"nid":1},{"controls":[{"name":"Node Power Limit","val":0}],"nid":2}]}`)
	w.hsm.components[3].Role = "Application"
	w.hsm.components[1].State = "Off"
	w.does("/get_power_cap", `{"nids":[1,2,3,4,77]}`, 200, `{"e":52,"err_msg":"Invalid exchange: 4 nodes failed","nids":[{"controls":[{"name":"Node Power Limit","val":500}],"nid":1},`+
		`{"e":22,"err_msg":"Invalid state, NID is not 'ready'","nid":2},{"e":66,"err_msg":"the BMC has no power limit for this node","nid":3},`+
		`{"e":22,"err_msg":"Invalid type, not a compute node","nid":4},{"e":22,"err_msg":"Undefined NID","nid":77}]}`)
	// All is all that can be asked.
	w.does("/get_power_cap", `{"nids":[]}`, 200, `"nids":[{"controls":[{"name":"Node Power Limit","val":500}],"nid":1},{"e":66`)
	w.does("/get_power_cap", `{"nids":[1,1]}`, 400, "Duplicate NID")
}

func TestNodesThatCanBeCappedAlikeAreAGroup(t *testing.T) {
	w := newWorld(t)
	w.capped(n0, 500, 925)
	w.capped(n1, 0, 925)
	w.capped(n2, 0, 1500)
	group := func(most int, nids string) string {
		return fmt.Sprintf(`{"controls":[{"desc":"Node Power Limit","max":%d,"min":350,"name":"Node Power Limit"}],"desc":"nodes limited to 350 to %d W","host_limit_max":%d,"host_limit_min":350,`+
			`"name":"NodePowerLimit:350-%d","nids":%s,"powerup":0,"static":0,"supply":%d}`, most, most, most, most, nids, most)
	}
	w.does("/get_power_cap_capabilities", `{"nids":[3,2,1]}`, 200, `{"e":0,"err_msg":"","groups":[`+group(925, "[1,2]")+","+group(1500, "[3]")+`]}`)
	w.does("/get_power_cap_capabilities", `{"nids":[3,77]}`, 200, `{"e":52,"err_msg":"Invalid exchange: 1 nodes failed","groups":[`+group(1500, "[3]")+`],"nids":[{"e":22,"err_msg":"Undefined NID","nid":77}]}`)
}

func TestPowerCapsAreSetByNID(t *testing.T) {
	w := newWorld(t)
	w.capped(n0, 500, 925)
	w.pcs.caps[n1] = pcs.CappedComponent{Error: "BMC answered 400: supply 2 is missing"}
	set := func(nid, watts int) string {
		return fmt.Sprintf(`{"nid":%d,"controls":[{"name":"node","val":%d}]}`, nid, watts)
	}
	w.does("/set_power_cap", `{"nids":[`+set(1, 500)+`]}`, 200, `{"e":0,"err_msg":"","nids":[]}`)
	w.does("/set_power_cap", `{"nids":[`+set(77, 500)+","+set(2, 500)+","+set(1, 0)+`]}`, 200,
		`{"e":52,"err_msg":"Invalid exchange: 2 nodes failed","nids":[{"e":74,"err_msg":"BMC answered 400: supply 2 is missing","nid":2},{"e":22,"err_msg":"Undefined NID","nid":77}]}`)
	if got := fmt.Sprint(w.pcs.orders); got != "[{x1c0s0b0n0 [{node 500}]} {x1c0s0b0n1 [{node 500}]} {x1c0s0b0n0 [{node 0}]}]" {
		t.Errorf("PCS got %s", got)
	}
	for body, want := range map[string]string{
		`{"nids":[]}`:                        "nids list is empty",
		`{"nids":[{"nid":1,"controls":[]}]}`: "no controls for NID 1",
		`{"nids":[` + set(1, -5) + `]}`:      "control 'node' with the value -5",
		`{"nids":[{"nid":1,"controls":[{"name":"node","value":500}]}]}`: "control 'node' without val",
		`{"nids":[{"nid":1,"controls":[{"name":"node","val":null}]}]}`:  "control 'node' without val",
		`{"nids":[` + set(1, 1) + "," + set(1, 2) + `]}`:                "Duplicate NID",
	} {
		w.does("/set_power_cap", body, 400, want)
	}
}
