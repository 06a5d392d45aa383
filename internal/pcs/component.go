package pcs

import (
	"slices"

	"github.com/drover-hpc/drover/internal/xname"
)

// Component is what PCS must know of a component to drive it.
type Component struct {
	Xname       string
	Type        xname.Type
	BMC         string      // xname of the controller
	Address     string      // of the controller: host or host:port
	OdataID     string      // path of the resource that has the PowerState
	ResetTarget string      // path to POST resets to; empty: no power control
	ResetTypes  []string    // ResetTypes that the hardware offers; none: it does not tell
	can         []Operation // what that makes possible; nil: to be found out
}

// same tells whether both are driven in the same way.
func (c *Component) same(d *Component) bool {
	return c.Xname == d.Xname && c.BMC == d.BMC && c.Address == d.Address && c.OdataID == d.OdataID &&
		c.ResetTarget == d.ResetTarget && slices.Equal(c.ResetTypes, d.ResetTypes)
}

// supported lists the operations that the component can do.
func (c *Component) supported() []Operation {
	if c.ResetTarget == "" {
		return []Operation{}
	}
	if c.can == nil {
		return supported(c.ResetTypes)
	}
	return c.can
}

var (
	bmcTypes    = []xname.Type{xname.NodeBMC, xname.ChassisBMC, xname.RouterBMC}
	moduleTypes = []xname.Type{xname.ComputeModule, xname.RouterModule, xname.HSNBoard}
)

func isBMC(t xname.Type) bool    { return slices.Contains(bmcTypes, t) }
func isModule(t xname.Type) bool { return slices.Contains(moduleTypes, t) }

// ancestors are what the component sits in; none of a name that is no xname.
func ancestors(name string) (out []string) {
	if xname.TypeOf(name) == xname.Invalid {
		return nil
	}
	for p := xname.Parent(name); p != ""; p = xname.Parent(p) {
		out = append(out, p)
	}
	return out
}

// hasPower tells whether components of the type have a power state.
func hasPower(t xname.Type) bool {
	return t == xname.Node || t == xname.Chassis || isModule(t) || isBMC(t)
}
