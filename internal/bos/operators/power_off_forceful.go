package operators

import "github.com/drover-hpc/drover/internal/bos"

// The power-off-forceful operator selects components that were asked to shut
// down and did not, in time or at all, and has PCS cut their power.
func (o *Operators) powerOffForceful() *powerAction {
	return &powerAction{name: bos.PoweringOffHard, operation: "Force-Off", words: "power off forcefully",
		pending: []string{bos.StatusPowerOffGently, bos.StatusPowerOffHard}, called: bos.StatusPowerOffHard,
		overtakes: []string{"Soft-Off", "Force-Off"},
		minutes:   func(bos.Options) int { return 1 }}
}
