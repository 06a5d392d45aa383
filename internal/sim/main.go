package sim

import "github.com/drover-hpc/drover/internal/jail/sftpd"

// ReexecIfChild must be the first call of main and of TestMain: the SFTP
// servers of simulated nodes are this same program. It returns unless the
// process was started for that.
func ReexecIfChild() { sftpd.Main() }
