package imagejob_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/need"
)

// shellSource is a shell that tells what it was built for, and makes the file
// that it is told to.
const shellSource = `package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

func main() {
	line := os.Args[len(os.Args)-1]
	if file, ok := strings.CutPrefix(line, "touch "); ok {
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	fmt.Println(runtime.GOARCH)
}
`

// arm is an image whose only program is for aarch64.
func (r *rig) arm() (i ims.Image, shell string) {
	r.t.Helper()
	dir := r.t.TempDir()
	root := filepath.Join(dir, "root")
	shell = filepath.Join(root, "bin/sh")
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(shellSource), 0o644); err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", shell, source)
	cmd.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=")
	if said, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%v: %s", err, said)
	}
	rootfs := filepath.Join(dir, "rootfs")
	if said, err := exec.Command("mksquashfs", root, rootfs, "-no-progress").CombinedOutput(); err != nil {
		r.t.Fatalf("%v: %s", err, said)
	}
	return r.register(map[string]string{"rootfs": rootfs}, ims.AArch64), shell
}

func TestImageOfAnotherArchitectureIsEmulatedInItsJobAlone(t *testing.T) {
	r := start(t)
	r.small() // what it needs of this machine is needed here
	if _, err := exec.LookPath("qemu-aarch64-static"); err != nil {
		need.Met(t, err)
	}
	i, shell := r.arm()
	j := r.reaches(r.customize(i.ID, nil).ID, ims.JobWaitingOnUser)
	if j.Arch != ims.AArch64 || j.Kernel != "Image" {
		t.Errorf("the job is for %s, its kernel %s", j.Arch, j.Kernel)
	}
	if got := r.sh(j, "uname"); got != "arm64" {
		t.Errorf("in the shell: %s", got)
	}
	if registered, _ := os.ReadFile("/proc/sys/fs/binfmt_misc/drover-aarch64"); registered != nil {
		t.Error("the emulator is the host's too")
	}
	before, err := os.ReadDir("/proc/sys/fs/binfmt_misc")
	if said, runErr := exec.Command(shell).CombinedOutput(); err == nil && len(before) == 0 && runErr == nil {
		t.Errorf("this machine runs the image's programs outside the job: %s", said)
	}
	r.sh(j, "touch /tmp/complete")
	j = r.reaches(j.ID, ims.JobSuccess)
	if made := r.image(*j.ImageID); made.Arch != ims.AArch64 {
		t.Errorf("the image is for %s", made.Arch)
	}
	r.gone(j.ID)
}

func TestJobsThatThisMachineLacksProgramsForAreRefusedWithWhatToDo(t *testing.T) {
	r := start(t)
	arm, _ := r.arm()
	path := t.TempDir()
	for _, program := range []string{"mount", "mkfs.ext4", "tar", "unsquashfs", "mksquashfs", "rsync"} {
		if err := os.WriteFile(filepath.Join(path, program), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", path)
	job := ims.NewJob{Type: ims.Customize, ArtifactID: arm.ID, KeyID: r.keyID, Name: "x"}
	refused := func(want string) {
		t.Helper()
		err := r.do("POST", "/v3/jobs", job, nil)
		if !httpapi.IsStatus(err, 503) || !strings.Contains(err.Error(), want) {
			t.Errorf("expected 503 with %q, got %v", want, err)
		}
	}
	refused("apt-get install qemu-user-static")
	job = ims.NewJob{Type: ims.Create, ArtifactID: r.recipe("kiwi-ng", "config.xml", "<image/>").ID, KeyID: r.keyID, Name: "x"}
	refused("pipx install kiwi")
	if err := os.Remove(filepath.Join(path, "mksquashfs")); err != nil {
		t.Fatal(err)
	}
	refused("apt-get install squashfs-tools")
	if len(r.jobs()) != 0 {
		t.Errorf("a refused job is kept: %+v", r.jobs())
	}
}

// A reporter that could not run on a node is no reason to build for minutes.
func TestARecipeWhoseReporterWouldNotRunOnNodesIsRefused(t *testing.T) {
	r := start(t)
	recipe := r.recipe("drover", "recipe.json", "{}")
	path := t.TempDir()
	for _, program := range []string{"mount", "mkfs.ext4", "tar", "mksquashfs", "mmdebstrap", "apt-get", "dpkg-deb"} {
		if err := os.WriteFile(filepath.Join(path, program), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", path)
	r.stop()
	r.reporter = "/bin/mount" // which is linked dynamically, and there where jobs run
	r.serve()
	err := r.do("POST", "/v3/jobs", ims.NewJob{Type: ims.Create, ArtifactID: recipe.ID, KeyID: r.keyID, Name: "x"}, nil)
	for _, want := range []string{"is linked dynamically", "CGO_ENABLED=0", "'artifact_id'"} {
		if !httpapi.IsStatus(err, 400) || !strings.Contains(err.Error(), want) {
			t.Errorf("expected 400 with %q, got %v", want, err)
		}
	}
	if len(r.jobs()) != 0 {
		t.Errorf("a refused job is kept: %+v", r.jobs())
	}
}

// debianFor builds a root of Debian of another architecture, which takes
// minutes and the network.
const debianFor = `mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
cat /usr/lib/binfmt.d/qemu-aarch64.conf > /proc/sys/fs/binfmt_misc/register
mmdebstrap --quiet --arch=arm64 --variant=minbase --include=openssh-server,python3-minimal,libpython3-stdlib bookworm "$0"`

// A whole Debian for aarch64, with the SSH server of its own: make arm-check.
func TestDebianForAnotherArchitecture(t *testing.T) {
	if os.Getenv("ARM_CHECK") == "" {
		t.Skip("make arm-check runs this")
	}
	r := start(t)
	r.patience = 10 * time.Minute
	root, packed := os.Getenv("ARM_ROOT"), filepath.Join(t.TempDir(), "rootfs")
	if root == "" {
		root = filepath.Join(t.TempDir(), "root")
		if said, err := exec.Command("unshare", "-m", "sh", "-ec", debianFor, root).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	if said, err := exec.Command("mksquashfs", root, packed, "-no-progress", "-comp", "zstd", "-Xcompression-level", "3").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	j := r.customize(r.register(map[string]string{"rootfs": packed}, ims.AArch64).ID, nil)
	j = r.reaches(j.ID, ims.JobWaitingOnUser)
	if got := r.sh(j, "uname -m; python3 -c 'import platform; print(platform.machine())'"); got != "aarch64\naarch64" {
		t.Errorf("in the shell: %s", got)
	}
	if got := r.sh(j, "(apt-get update && apt-get install -y --no-install-recommends hello) >&2 && hello && chown 1:70000 /etc/motd"); !strings.HasSuffix(got, "Hello, world!") {
		t.Errorf("a package was installed so: %s", got)
	}
	r.sh(j, "touch /tmp/complete")
	j = r.reaches(j.ID, ims.JobSuccess)
	if _, err := os.Stat(filepath.Join(r.unpacked(r.image(*j.ImageID)), "usr/bin/hello")); err != nil {
		t.Error(err)
	}
	r.gone(j.ID)
}
