package operators

import (
	"time"

	"github.com/drover-hpc/drover/internal/bos"
)

// The power-off-graceful operator selects components that run and should be
// off, or should run something else, and asks PCS to shut them down.
func (o *Operators) powerOffGraceful() *powerAction {
	return &powerAction{name: bos.PoweringOffGently, operation: "Soft-Off", words: "power off gracefully",
		pending: []string{bos.StatusPowerOffPending, bos.StatusPowerOffGently}, called: bos.StatusPowerOffGently,
		overtakes: []string{"Soft-Off"}, minutes: minutesToPowerOff}
}

// minutesToPowerOff gives PCS the time after which the node is forced off.
func minutesToPowerOff(o bos.Options) int {
	return max(1, int((o.PowerOffWait()+time.Minute-1)/time.Minute))
}
