package capmc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/pcs"
)

// Control is a power cap.
type Control struct {
	Name string `json:"name" doc:"The control, as the node's BMC calls it"`
	Val  int    `json:"val" doc:"Watts; 0: no cap"`
}

// CappedNode is what is known of a node's power caps.
type CappedNode struct {
	NID      int       `json:"nid"`
	E        int       `json:"e,omitempty" doc:"What went wrong"`
	ErrMsg   string    `json:"err_msg,omitempty" doc:"What went wrong, in words"`
	Controls []Control `json:"controls,omitempty" doc:"The node's power caps"`
}

// Caps is the answer to get_power_cap.
type Caps struct {
	Result
	NIDs []CappedNode `json:"nids" nullable:"false" doc:"The nodes"`
}

// Capability is what a control can be set to.
type Capability struct {
	Name string `json:"name" doc:"The control, as the node's BMC calls it"`
	Desc string `json:"desc" doc:"What it controls"`
	Min  int    `json:"min" doc:"Fewest watts"`
	Max  int    `json:"max" doc:"Most watts"`
}

// CapGroup is nodes whose power can be capped alike.
type CapGroup struct {
	Name         string       `json:"name" doc:"Tells groups apart"`
	Desc         string       `json:"desc" doc:"What the nodes have in common"`
	HostLimitMax int          `json:"host_limit_max" doc:"Most watts"`
	HostLimitMin int          `json:"host_limit_min" doc:"Fewest watts"`
	Static       int          `json:"static" doc:"Watts that are not measured: none"`
	Supply       int          `json:"supply" doc:"Watts of the power supply; the most that a node can be limited to"`
	Powerup      int          `json:"powerup" doc:"Watts drawn while a node starts; 0: not told"`
	NIDs         []int        `json:"nids" nullable:"false" doc:"The nodes"`
	Controls     []Capability `json:"controls" nullable:"false" doc:"What can be set"`
}

// Capabilities is the answer to get_power_cap_capabilities.
type Capabilities struct {
	Result
	Groups []CapGroup `json:"groups" nullable:"false" doc:"The nodes, by hardware"`
	// NIDs are of nodes that could not be asked.
	NIDs []NIDError `json:"nids,omitempty" doc:"What went wrong with which node"`
}

// NodeCaps is which power caps a node is to have.
type NodeCaps struct {
	NID      int          `json:"nid" doc:"The node, which must be ready"`
	Controls []CapSetting `json:"controls" nullable:"false" doc:"What to set"`
}

// CapSetting is what a power cap is to be. One that says no value is not taken
// for one that says 0, which removes the cap.
type CapSetting struct {
	Name string `json:"name" doc:"The control, as the node's BMC calls it"`
	Val  *int   `json:"val" nullable:"false" doc:"Watts; 0 removes the cap"`
}

// NIDOutcome is an answer that names the nodes that failed.
type NIDOutcome struct {
	Result
	NIDs []NIDError `json:"nids" nullable:"false" doc:"What went wrong with which node; the others succeeded"`
}

// precondition is why a node's power is not to be capped or asked for.
func (n node) precondition() *NIDError {
	switch {
	case n.component == nil:
		return &NIDError{n.nid, invalid, "Undefined NID"}
	case !strings.EqualFold(n.component.Role, "Compute"):
		return &NIDError{n.nid, invalid, "Invalid type, not a compute node"}
	case !strings.EqualFold(n.component.State, "Ready"):
		return &NIDError{n.nid, invalid, "Invalid state, NID is not 'ready'"}
	}
	return nil
}

// capError is what an answer says of a component of a power cap task.
func capError(nid int, c *pcs.CappedComponent) *NIDError {
	switch {
	case c == nil:
		return &NIDError{nid, badAnswer, "PCS does not tell of the node"}
	case c.Error == "":
		return nil
	case strings.Contains(c.Error, "no power limit"):
		return &NIDError{nid, noData, c.Error}
	}
	return &NIDError{nid, badAnswer, c.Error}
}

// capResult is the code of an answer of which so many nodes failed.
func capResult(bad int) Result {
	if bad == 0 {
		return Result{}
	}
	return Result{badNode, fmt.Sprintf("Invalid exchange: %d nodes failed", bad)}
}

// group puts nodes together that can be capped alike, in the order of NIDs.
func group(nids []int, by map[int]*pcs.CappedComponent) []CapGroup {
	out := []CapGroup{}
	at := map[string]int{}
	slices.Sort(nids)
	for _, nid := range nids {
		g := groupOf(by[nid])
		i, known := at[g.Name]
		if !known {
			i = len(out)
			at[g.Name] = i
			out = append(out, g)
		}
		out[i].NIDs = append(out[i].NIDs, nid)
	}
	return out
}

// groupOf is the group of a node, without its members; the name says what its
// members have in common.
func groupOf(c *pcs.CappedComponent) CapGroup {
	g := CapGroup{NIDs: []int{}, Controls: []Capability{}}
	words := make([]string, 0, len(c.PowerCapLimits))
	for _, l := range c.PowerCapLimits {
		g.Controls = append(g.Controls, Capability{Name: l.Name, Desc: l.Name, Min: l.MinimumValue, Max: l.MaximumValue})
		words = append(words, fmt.Sprintf("%s:%d-%d", strings.ReplaceAll(l.Name, " ", ""), l.MinimumValue, l.MaximumValue))
	}
	if r := c.Limits; r != nil {
		g.HostLimitMax, g.HostLimitMin, g.Supply, g.Powerup = r.HostLimitMax, r.HostLimitMin, r.HostLimitMax, r.PowerupPower
	}
	g.Name = strings.Join(words, "_")
	g.Desc = fmt.Sprintf("nodes limited to %d to %d W", g.HostLimitMin, g.HostLimitMax)
	return g
}
