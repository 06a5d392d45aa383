package capmc_test

import (
	"testing"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/pcs"
)

// states gives the world's nodes different states: n0 on and ready, n1 off,
// n2 of a BMC that does not answer, and one disabled.
func (w *world) states() {
	w.pcs.states[n0] = pcs.PowerStatus{PowerState: pcs.PowerOn}
	w.pcs.states[n1] = pcs.PowerStatus{PowerState: pcs.PowerOff}
	w.pcs.states[n2] = pcs.PowerStatus{PowerState: pcs.PowerUndefined}
	w.pcs.states["x1c0s1b0n1"] = pcs.PowerStatus{PowerState: pcs.PowerOff}
	for x, change := range map[string]func(*hsm.Component){
		n1:           func(c *hsm.Component) { c.State, c.Flag = "Off", "Alert" },
		n2:           func(c *hsm.Component) { c.State, c.Locked = "Standby", true },
		"x1c0s1b0n1": func(c *hsm.Component) { c.State = "Off" },
		slot0:        func(c *hsm.Component) { c.State = "Empty" },
	} {
		for i := range w.hsm.components {
			if c := &w.hsm.components[i]; c.ID == x {
				change(c)
			}
		}
	}
}

func TestStatusListsComponentsByState(t *testing.T) {
	const four = `"xnames":["x1c0s0b0n0","x1c0s0b0n1","x1c0s1b0n1","x1c0s1b0n0"]`
	for name, tt := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"of PCS": {`{"xnames":["x1c0s0b0n0","x1c0s0b0n1"]}`, 200, `{"e":0,"err_msg":"","flags":{"alert":["x1c0s0b0n1"]},"off":["x1c0s0b0n1"],"on":["x1c0s0b0n0"]}`},
		"that cannot be told": {`{` + four + `}`, 200, `{"disabled":["x1c0s1b0n1"],"e":-1,"err_msg":"Errors encountered: the state of 1 components cannot be told",` +
			`"flags":{"alert":["x1c0s0b0n1"],"locked":["x1c0s1b0n0"]},"off":["x1c0s0b0n1","x1c0s1b0n1"],"on":["x1c0s0b0n0"],"undefined":["x1c0s1b0n0"]}`},
		"of HSM": {`{` + four + `,"source":"hsm"}`, 200, `{"disabled":["x1c0s1b0n1"],"e":0,"err_msg":"","flags":{"alert":["x1c0s0b0n1"],"locked":["x1c0s1b0n0"]},` +
			`"off":["x1c0s0b0n1","x1c0s1b0n1"],"ready":["x1c0s0b0n0"],"standby":["x1c0s1b0n0"]}`},
		"filtered, without disabled": {`{` + four + `,"source":"SMD","filter":"show_off|show_ready"}`, 200, `{"e":0,"err_msg":"","off":["x1c0s0b0n1"],"ready":["x1c0s0b0n0"]}`},
		"filtered, with disabled":    {`{` + four + `,"source":"software","filter":"show_off|show_disabled"}`, 200, `{"disabled":["x1c0s1b0n1"],"e":0,"err_msg":"","off":["x1c0s0b0n1","x1c0s1b0n1"]}`},
		"filtered by flag":           {`{` + four + `,"source":"hsm","filter":"show_alert"}`, 200, `{"e":0,"err_msg":"","flags":{"alert":["x1c0s0b0n1"]}}`},
		"what is not there":          {`{` + four + `,"filter":"show_ready|show_diag","source":"redfish"}`, 200, `{"e":-1,"err_msg":"Errors encountered: the state of 1 components cannot be told"}`},
		"an empty slot":              {`{"xnames":["x1c0s0"]}`, 200, `{"e":0,"empty":["x1c0s0"],"err_msg":""}`},
		"of all":                     {`{"filter":"show_on|show_empty"}`, 200, `"empty":["x1c0s0"],"err_msg":"Errors encountered: the state of 3 components cannot be told","on":["x1c0s0b0n0"]}`},
		"bad filter":                 {`{"filter":"show_on|on"}`, 400, `{"e":400,"err_msg":"Bad Request: invalid filter string: on"}`},
		"bad source":                 {`{"source":"oracle"}`, 400, "invalid source: oracle"},
		"odd source":                 {`{"source":7}`, 400, "invalid source: 7"},
		"no name":                    {`{"xnames":["foo"]}`, 400, `"xnames":[{"e":22,"err_msg":"Invalid xname","xname":"foo"}]`},
		"not there":                  {`{"xnames":["x9c0s0b0n0"]}`, 400, `"xnames":[{"e":22,"err_msg":"Component not found","xname":"x9c0s0b0n0"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.states()
			w.does("/get_xname_status", tt.body, tt.status, tt.want)
		})
	}
}

func TestStatusOfNodesByNID(t *testing.T) {
	w := newWorld(t)
	w.states()
	for _, path := range []string{"/get_node_status", "/node_status"} {
		w.does(path, `{"nids":[2,1]}`, 200, `{"e":0,"err_msg":"","off":[2],"on":[1]}`)
		w.does(path, `{"filter":"show_ready|show_standby","source":"hsm"}`, 200, `{"e":0,"err_msg":"","ready":[1],"standby":[3]}`)
	}
	w.does("/get_nid_map", `{"nids":[2]}`, 200, `{"e":0,"err_msg":"","nids":[{"cname":"x1c0s0b0n1","nid":2,"role":"compute"}]}`)
	w.does("/get_nid_map", `{}`, 200, `"nid":4,"role":"compute"}]}`)
}
