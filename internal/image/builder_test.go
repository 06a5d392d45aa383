package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
)

// program writes an ELF file of the machine with a program header of the type,
// and something that tells it from others.
func program(t *testing.T, machine elf.Machine, header elf.ProgType, text string) string {
	t.Helper()
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64}
	copy(h.Ident[:], elf.ELFMAG+"\x02\x01\x01")
	var b bytes.Buffer
	for _, part := range []any{h, elf.Prog64{Type: uint32(header)}, []byte(text)} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, b.Bytes(), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReportersThatWouldNotRun(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for want, path := range map[string]string{
		"is no Linux program":   script,
		"no such file":          "/no/such/file",
		"is linked dynamically": program(t, elf.EM_X86_64, elf.PT_INTERP, ""),
		"is for EM_AARCH64":     program(t, elf.EM_AARCH64, elf.PT_LOAD, ""),
	} {
		if _, err := reporterDigest(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := reporterDigest(program(t, elf.EM_X86_64, elf.PT_LOAD, "")); err != nil {
		t.Error(err)
	}
}

// tools puts programs before those of the host: mmdebstrap gives the tiny
// Debian, mksquashfs packs nothing. Both count their calls in the folder.
func tools(t *testing.T) (calls func(program string) int) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "debian.tar"), debian(t).Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"mmdebstrap": "cat " + dir + "/debian.tar; date +%N >" + dir + "/trailer; cat " + dir + "/trailer", // no two alike
		"mksquashfs": `cat >"$2"`,
		"apt-get":    "exit 1", "dpkg-deb": "exit 1", "newuidmap": "exit 1",
	} {
		text := "#!/bin/sh\necho call >>" + dir + "/" + name + ".calls\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func(program string) int {
		text, _ := os.ReadFile(filepath.Join(dir, program+".calls"))
		return strings.Count(string(text), "\n")
	}
}

func TestBuildDoesWhatIsNeeded(t *testing.T) {
	calls := tools(t)
	var steps []string
	b := &Builder{Cache: t.TempDir(), Progress: func(step string, _ time.Duration) { steps = append(steps, step) }}
	build := func(what, reporter string, bases, images int) *Image {
		t.Helper()
		image, err := b.Build(t.Context(), Spec{Variant: Busybox, Suite: "bookworm", Mirror: "http://m/debian", Reporter: reporter})
		if err != nil {
			t.Fatal(what, err)
		}
		if calls("mmdebstrap") != bases || calls("mksquashfs") != images {
			t.Errorf("%s: %d calls of mmdebstrap and %d of mksquashfs, want %d and %d", what, calls("mmdebstrap"), calls("mksquashfs"), bases, images)
		}
		return image
	}
	one, two := program(t, elf.EM_X86_64, elf.PT_LOAD, "one"), program(t, elf.EM_X86_64, elf.PT_LOAD, "two")
	first := build("the first", one, 1, 1)
	for _, name := range append([]string{"image.json"}, Files...) {
		if info, err := os.Stat(filepath.Join(first.Dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(steps) != 3 {
		t.Errorf("told of the steps %q", steps)
	}
	if again := build("the same", one, 1, 1); again.Content != first.Content || again.Dir != first.Dir {
		t.Errorf("the same is %s in %s, and was %s", again.Content, again.Dir, first.Content)
	}
	if other := build("another reporter", two, 1, 2); other.Content == first.Content {
		t.Error("images with different reporters have one hash")
	}
	b.Refresh = true
	if fresh := build("refreshed", one, 2, 3); fresh.Content == first.Content {
		t.Error("an image with other packages has the hash of the old one")
	}
}

func TestBuildSaysWhatMmdebstrapSaid(t *testing.T) {
	tools(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mmdebstrap"), []byte("#!/bin/sh\necho E: no such package >&2\nexit 25\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	b := &Builder{Cache: t.TempDir()}
	_, err := b.Build(t.Context(), Spec{Variant: Busybox, Suite: "bookworm", Mirror: "http://m/debian", Reporter: program(t, elf.EM_X86_64, elf.PT_LOAD, "")})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "E: no such package") {
		t.Errorf("got %v", err)
	}
}

// TestRealImage builds the busybox image of real packages, with the user's
// cache: minutes the first time, then seconds.
func TestRealImage(t *testing.T) {
	if os.Getenv("IMAGE_CHECK") == "" {
		t.Skip("needs Debian's packages, by the network and in minutes: make image-check installs what it takes and runs this")
	}
	if err := Missing(os.Geteuid() == 0); err != nil {
		t.Skip(err)
	}
	for _, line := range sources(t.Context(), spec(nil))[:1] {
		words := strings.Fields(line)
		client := http.Client{Timeout: 10 * time.Second}
		resp, err := client.Head(words[1] + "/dists/" + words[2] + "/InRelease")
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Skipf("no Debian archive at %s: %v", words[1], err)
		}
	}
	b := &Builder{Cache: DefaultCache(os.Getenv)}
	image, err := b.Build(t.Context(), Spec{Variant: Busybox, Suite: DefaultSuite, Reporter: program(t, elf.EM_X86_64, elf.PT_LOAD, "")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("unsquashfs", "-lls", filepath.Join(image.Dir, "rootfs")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	listing := string(out)
	for _, want := range []string{"/usr/bin/drover\n", "/usr/sbin/sshd\n", "/usr/bin/python3 ->", "/usr/sbin/init -> /usr/bin/busybox\n", "/etc/inittab\n",
		"/json/__pycache__/", "squashfs-root/proc\n"} {
		if !strings.Contains(listing, want) {
			t.Errorf("the root file system holds no %q", want)
		}
	}
	for _, refuse := range []string{"ssh_host_", "/boot/", "vmlinuz", "squashfs-root/dev/", "/var/lib/apt/lists/"} {
		if strings.Contains(listing, refuse) {
			t.Errorf("the root file system holds %s", refuse)
		}
	}
	if root, _, _ := strings.Cut(listing, "\n"); !strings.HasPrefix(root, "drwxr-xr-x ") || !strings.HasSuffix(root, " squashfs-root") {
		t.Errorf("the root folder is %q", root)
	}
}
