package sim

import "github.com/drover-hpc/drover/internal/sim/jail"

// ReexecIfChild must be the first call of main and of TestMain: commands on
// simulated nodes run through this same program. It returns unless the process
// was started for that.
func ReexecIfChild() { jail.Main() }
