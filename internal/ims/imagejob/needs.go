package imagejob

import (
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/image"
	"github.com/drover-hpc/drover/internal/ims"
)

// need is a program and the package of Debian that has it.
type need struct{ program, pkg string }

// refuse tells what keeps this machine from running the job with the settings.
func refuse(o ims.JobOrder, s Settings) error {
	if os.Geteuid() != 0 {
		return fault.New(fault.Forbidden, "image jobs mount file systems, change owners and make devices: the server has to run as root for them")
	}
	if err := missing(needs(o), exec.LookPath); err != nil {
		return err
	}
	if o.Type == ims.Create {
		return refuseRecipe(o, s)
	}
	if _, err := emulator(o.Arch); err != nil {
		return err
	}
	if !o.Jail && !has("/", sshd) {
		return errNoSSHD(false)
	}
	return nil
}

func refuseRecipe(o ims.JobOrder, s Settings) error {
	switch {
	case o.Recipe != RecipeKiwi && o.Recipe != RecipeDrover:
		return fault.New(fault.Invalid, "recipes of type %s cannot be built here: expected %s or %s - 'artifact_id'", o.Recipe, RecipeKiwi, RecipeDrover)
	case o.Arch != hostArch():
		return fault.New(fault.Invalid, "a recipe for %s is built on a machine of that architecture; this is %s. "+
			"Build the image there, upload it and register it - 'artifact_id'", o.Arch, hostArch())
	case o.Recipe == RecipeDrover:
		return refuseDebian(s)
	case o.Debug && !has("/", sshd):
		return errNoSSHD(false)
	}
	if _, err := exec.LookPath("kiwi-ng"); err != nil {
		return fault.New(fault.Unavailable, "recipes of type kiwi-ng are built with kiwi-ng, which this machine lacks. Install:\n"+
			"    apt-get install rsync && pipx install kiwi   (or the package python3-kiwi)")
	}
	return nil
}

// refuseDebian tells what keeps this machine from making images of its own kind.
func refuseDebian(s Settings) error {
	if err := image.Missing(true); err != nil {
		return err
	}
	reporter, err := s.reporter()
	if err != nil {
		return err
	}
	if err := image.CheckReporter(reporter); err != nil {
		return fault.New(fault.Invalid, "images of recipes of type %s have this server's program as the node's reporter, and %w; "+
			"run the server with a program that is built with CGO_ENABLED=0 (`make build`), or use a recipe of type %s - 'artifact_id'", RecipeDrover, err, RecipeKiwi)
	}
	return nil
}

func needs(o ims.JobOrder) []need {
	list := []need{{"mount", "mount"}, {"mkfs.ext4", "e2fsprogs"}, {"tar", "tar"}}
	if o.Type == ims.Customize {
		list = append(list, need{"unsquashfs", "squashfs-tools"})
	}
	if o.Recipe == RecipeKiwi {
		list = append(list, need{"rsync", "rsync"})
	}
	return append(list, need{"mksquashfs", "squashfs-tools"})
}

func missing(list []need, look func(string) (string, error)) error {
	var programs, packages []string
	for _, n := range list {
		if _, err := look(n.program); err != nil {
			programs, packages = append(programs, n.program), append(packages, n.pkg)
		}
	}
	if programs == nil {
		return nil
	}
	return fault.New(fault.Unavailable, "image jobs need %s, which this machine lacks. Install:\n    apt-get install %s",
		strings.Join(programs, ", "), strings.Join(slices.Compact(packages), " "))
}
