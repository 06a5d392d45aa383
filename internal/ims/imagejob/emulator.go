package imagejob

import (
	"os/exec"
	"runtime"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/ims"
)

// hostArch is this machine's architecture in IMS's words.
func hostArch() string {
	if runtime.GOARCH == "arm64" {
		return ims.AArch64
	}
	return ims.X86_64
}

// formats are what begins the programs of an architecture and which bits of
// that count, as binfmt_misc takes them.
var formats = map[string]struct{ magic, mask string }{
	ims.AArch64: {`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`,
		`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`},
	ims.X86_64: {`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00`,
		`\xff\xff\xff\xff\xff\xfe\xfe\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`},
}

// emulator is what runs programs of the architecture, as binfmt_misc takes it;
// empty: this machine itself does.
func emulator(arch string) (string, error) {
	if arch == hostArch() {
		return "", nil
	}
	name := "qemu-" + arch
	for _, program := range []string{name + "-static", name} {
		if path, err := exec.LookPath(program); err == nil {
			f := formats[arch]
			return ":drover-" + arch + ":M::" + f.magic + ":" + f.mask + ":" + path + ":POF", nil
		}
	}
	return "", fault.New(fault.Unavailable, "the image is for %s and this machine is %s; its programs run here by emulation, "+
		"which is missing. Install:\n    apt-get install qemu-user-static", arch, hostArch())
}
