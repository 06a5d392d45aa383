package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"
	"github.com/klauspost/compress/zstd"

	"github.com/drover-hpc/drover/internal/fault"
)

// entries are the lines of a tar archive: type, mode, name, content or target.
func entries(t *testing.T, r io.Reader) []string {
	t.Helper()
	var out []string
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%c %o %d %s %s%s%s", h.Typeflag, h.Mode, h.Uid, path.Clean(h.Name), h.Linkname, text, h.PAXRecords["SCHILY.xattr.user.x"]))
	}
}

func archive(t *testing.T, headers ...tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	out := tar.NewWriter(&b)
	for _, h := range headers {
		content := h.Name
		h.Size = 0
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(content))
		}
		if err := out.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			io.WriteString(out, content)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestOverlay(t *testing.T) {
	base := archive(t,
		tar.Header{Name: "./etc/", Typeflag: tar.TypeDir, Mode: 0o755},
		tar.Header{Name: "./etc/ssh/ssh_host_rsa_key", Typeflag: tar.TypeReg, Mode: 0o600},
		tar.Header{Name: "./etc/hostname", Typeflag: tar.TypeReg, Mode: 0o644},
		tar.Header{Name: "./usr/bin/ping", Typeflag: tar.TypeReg, Mode: 0o755, Uid: 7, PAXRecords: map[string]string{"SCHILY.xattr.user.x": "+cap"}},
		tar.Header{Name: "./bin", Typeflag: tar.TypeSymlink, Linkname: "usr/bin", Mode: 0o777})
	reporter := filepath.Join(t.TempDir(), "reporter")
	if err := os.WriteFile(reporter, []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := overlay(base, &out, []file{
		{path: "etc/hostname", content: []byte("node"), mode: 0o644},
		{path: "usr/bin/drover", mode: 0o755, source: reporter},
		{path: "usr/lib/drover/boot", content: []byte("#!/bin/sh"), mode: 0o755},
		{path: "sbin/init", link: "/bin/busybox"}}, unwanted)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"5 755 0 etc ", "0 755 7 usr/bin/ping ./usr/bin/ping+cap", "2 777 0 bin usr/bin", "0 644 0 etc/hostname node",
		"5 755 0 usr ", "5 755 0 usr/bin ", "0 755 0 usr/bin/drover program", "5 755 0 usr/lib ", "5 755 0 usr/lib/drover ",
		"0 755 0 usr/lib/drover/boot #!/bin/sh", "5 755 0 sbin ", "2 777 0 sbin/init /bin/busybox"}
	if got := entries(t, &out); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// debian is what mmdebstrap writes of a tiny Debian, less the modules.
func debian(t *testing.T, less ...string) *bytes.Buffer {
	names := []string{"boot/drover/boot/vmlinuz-6.1.0-9-cloud-amd64", "boot/drover/boot/config-6.1.0-9-cloud-amd64", "usr/bin/busybox", "etc/passwd"}
	for _, m := range moduleOrder {
		names = append(names, "boot/drover/lib/modules/6.1.0-9-cloud-amd64/kernel/drivers/"+m+".ko")
	}
	var headers []tar.Header
	for _, n := range names {
		if !slices.ContainsFunc(less, func(l string) bool { return strings.HasPrefix(path.Base(n), l+".ko") || path.Base(n) == l }) {
			headers = append(headers, tar.Header{Name: "./" + n, Typeflag: tar.TypeReg, Mode: 0o644})
		}
	}
	return archive(t, headers...)
}

func TestSplitBase(t *testing.T) {
	dir := t.TempDir()
	b, err := splitBase(debian(t), dir, Busybox)
	if err != nil || b.Kernel != "6.1.0-9-cloud-amd64" || len(b.Digest) != 64 {
		t.Fatalf("%+v, %v", b, err)
	}
	packed, err := os.Open(filepath.Join(dir, "root.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := zstd.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"0 644 0 usr/bin/busybox ./usr/bin/busybox", "0 644 0 etc/passwd ./etc/passwd"}
	if got := entries(t, unpacked); !slices.Equal(got, want) {
		t.Errorf("the tree holds %q", got)
	}
	for file, want := range map[string]string{"busybox": "./usr/bin/busybox", "kernel": "./boot/drover/boot/vmlinuz-6.1.0-9-cloud-amd64"} {
		if text, err := os.ReadFile(filepath.Join(dir, file)); string(text) != want {
			t.Errorf("%s holds %q, %v", file, text, err)
		}
	}
	for _, lack := range []string{"busybox", "virtio_net", "loop"} {
		if _, err := splitBase(debian(t, lack), t.TempDir(), Busybox); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), lack) {
			t.Errorf("without %s: %v", lack, err)
		}
	}
	if _, err := splitBase(debian(t), t.TempDir(), Systemd); err == nil || !strings.Contains(err.Error(), "initrd.img") {
		t.Errorf("systemd without an initial ram disk: %v", err)
	}
}

func TestInitrd(t *testing.T) {
	dir := t.TempDir()
	if _, err := splitBase(debian(t), dir, Busybox); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "initrd")
	if err := makeInitrd(dir, target); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(target)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	modes, texts, seen := map[string]string{}, map[string]string{}, map[string]bool{".": true}
	for in := cpio.NewReader(unpacked); ; {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(in)
		modes[h.Name], texts[h.Name] = fmt.Sprintf("%o", h.Mode), string(text)
		if !seen[path.Dir(h.Name)] {
			t.Errorf("%s comes before its folder", h.Name)
		}
		seen[h.Name] = true
	}
	for name, want := range map[string]string{"init": "100755", "bin/busybox": "100755", "lib/drover/dhcp": "100755",
		"sysroot": "40755", "proc": "40755", "lib/modules/virtio_net.ko": "100644"} {
		if modes[name] != want {
			t.Errorf("%s has mode %q, want %s", name, modes[name], want)
		}
	}
	if want := strings.Join(moduleOrder, ".ko\n") + ".ko\n"; texts["lib/modules/order"] != want {
		t.Errorf("modules are loaded in the order %q", texts["lib/modules/order"])
	}
}

// Scripts are read by a shell on the node only, where a slip is a node that
// hangs.
func TestScriptsAreShell(t *testing.T) {
	list := initrdFiles()
	for _, v := range Variants {
		list = append(append(list, baseFiles(v)...), rootFiles(v)...)
	}
	checked := 0
	for _, f := range list {
		if !bytes.HasPrefix(f.content, []byte("#!")) {
			continue
		}
		shell := "sh"
		if bytes.HasPrefix(f.content, []byte("#!/bin/bash")) {
			shell = "bash"
		}
		cmd := exec.Command(shell, "-n")
		cmd.Stdin = bytes.NewReader(f.content)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", f.path, err, out)
		}
		if f.mode != 0o755 {
			t.Errorf("%s has mode %o", f.path, f.mode)
		}
		checked++
	}
	if checked < 10 {
		t.Errorf("only %d scripts are embedded", checked)
	}
}
