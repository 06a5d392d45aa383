package image

import (
	"os/exec"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// need is a program and the package of Debian that has it.
type need struct{ program, pkg string }

// needs are the programs that a build runs.
func needs(root bool) []need {
	list := []need{{"mmdebstrap", "mmdebstrap"}, {"apt-get", "apt"}, {"dpkg-deb", "dpkg"}, {"tar", "tar"}, {"mksquashfs", "squashfs-tools"}}
	if !root { // mmdebstrap then works in a user namespace
		list = append(list, need{"newuidmap", "uidmap"})
	}
	return list
}

// Missing says what the host lacks for a build, and how to install it; nil
// when all is there.
func Missing(root bool) error { return missing(needs(root), exec.LookPath) }

func missing(list []need, look func(string) (string, error)) error {
	var programs, packages []string
	for _, n := range list {
		if _, err := look(n.program); err != nil {
			programs = append(programs, n.program)
			packages = append(packages, n.pkg)
		}
	}
	if programs == nil {
		return nil
	}
	return fault.New(fault.Unavailable, "an image is built with %s, which this machine lacks. Install:\n    apt-get install %s",
		strings.Join(programs, ", "), strings.Join(slices.Compact(packages), " "))
}
