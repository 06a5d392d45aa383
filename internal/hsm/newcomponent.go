package hsm

import (
	"fmt"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/xname"
)

// settle spells the component's fields as published, derives its type and
// checks them all.
func (c *Component) settle(known *Values) error {
	if c.ID == "" {
		return fault.New(fault.Invalid, "Missing ID")
	}
	id := xname.Normalize(c.ID)
	typ := xname.TypeOf(id)
	if typ == xname.Invalid {
		return invalidXname(c.ID)
	}
	if c.State == "" {
		return fault.New(fault.Invalid, "Missing State")
	}
	c.ID, c.Type = id, string(typ)
	if c.Flag == "" {
		c.Flag = flagOK
	}
	if c.Enabled == nil {
		c.Enabled = new(bool)
		*c.Enabled = true
	}
	if c.NID != nil && *c.NID < 0 {
		c.NID = nil
	}
	for _, f := range []struct {
		name  string
		words []string
		value *string
	}{{"State", values.State, &c.State}, {"Flag", values.Flag, &c.Flag}, {"Role", known.Role, &c.Role},
		{"SubRole", known.SubRole, &c.SubRole}, {"NetType", values.NetType, &c.NetType},
		{"Arch", values.Arch, &c.Arch}, {"Class", values.Class, &c.Class}} {
		if err := spell(f.name, f.words, f.value); err != nil {
			return err
		}
	}
	return nil
}

// defaults gives a new node the role and the NID that nobody chose.
func (c *Component) defaults() {
	if c.Type != string(xname.Node) {
		return
	}
	if c.Role == "" {
		c.Role = "Compute"
	}
	if c.NID == nil {
		c.NID = syntheticNID(c.ID)
	}
}

// replaceBy takes over what a forced creation of an existing component
// changes; Enabled, Role, SubRole and NID belong to those who set them.
func (c *Component) replaceBy(n Component) {
	c.State, c.Flag, c.Subtype, c.NetType, c.Arch, c.Class = n.State, n.Flag, n.Subtype, n.NetType, n.Arch, n.Class
}

// syntheticNID is a NID that follows from a node's place alone.
func syntheticNID(node string) *int {
	var cabinet, chassis, slot, bmc, n int
	if _, err := fmt.Sscanf(node, "x%dc%ds%db%dn%d", &cabinet, &chassis, &slot, &bmc, &n); err != nil {
		return nil
	}
	nid := (cabinet+1)*16384 + chassis*2048 + slot*32 + bmc*4 + n
	return &nid
}

func invalidXname(id string) error {
	return fault.New(fault.Invalid, "invalid xname ID '%s'", id)
}

// xnames normalises the names; one that has no xname's shape is refused.
func xnames(names []string) ([]string, error) {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = xname.Normalize(n)
		if xname.TypeOf(out[i]) == xname.Invalid {
			return nil, invalidXname(n)
		}
	}
	return out, nil
}
