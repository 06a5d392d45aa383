package main

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

var epoch = time.Unix(1_700_000_000, 0)

const dpkgStatus = `Package: git
Status: install ok installed
Architecture: amd64
Version: 1:2.39.5-0+deb12u2
Description: fast
 Version: of a description is none

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1

Package: adduser
Status: install ok installed
Architecture: all
Version: 3.134
`

// archive is a root file system, made at the time.
func archive(t *testing.T, made time.Time) string {
	t.Helper()
	var buf bytes.Buffer
	out := tar.NewWriter(&buf)
	for _, f := range []struct{ name, text string }{
		{"./etc/", ""}, {"./etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"}, {"./etc/group", "root:x:0:\n"}, {"./etc/shadow", "root:*:1::::::\n"},
		{"./etc/hostname", "builder"}, {"./etc/resolv.conf", "nameserver 10.0.0.1"}, {"./etc/machine-id", made.String()},
		{"./etc/apt/sources.list", "deb http://mirror.example.org/debian bookworm main"},
		{"./var/lib/dpkg/status", dpkgStatus}, {"./var/lib/dpkg/status-old", made.String()}, {"./var/log/", ""}, {"./var/log/dpkg.log", made.String()},
		{"./var/cache/apt/pkgcache.bin", "x"}, {"./usr/bin/old", "tool"},
	} {
		h := &tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.text)), ModTime: made, AccessTime: made, Format: tar.FormatPAX,
			PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "cap", "comment": made.String()}}
		if f.name == "./usr/bin/old" {
			h.ModTime = epoch.Add(-time.Hour)
		}
		h.Typeflag = tar.TypeReg
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		must(t, out.WriteHeader(h))
		_, err := out.Write([]byte(f.text))
		must(t, err)
	}
	must(t, out.Close())
	path := filepath.Join(t.TempDir(), "root.tar")
	must(t, os.WriteFile(path, buf.Bytes(), 0o600))
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// build makes an image with the test itself as the program.
func build(t *testing.T, at time.Time) (dir string, m *made) {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	s := &spec{root: archive(t, at), binary: program, suite: "bookworm", arch: "amd64", repository: "drover.local/drover", version: "v1.2.3", revision: "abc", epoch: epoch}
	m, err = s.make(t.TempDir())
	must(t, err)
	dir = t.TempDir()
	must(t, s.save(m, dir))
	return dir, m
}

// content is the file system that a container gets.
func content(t *testing.T, image v1.Image) map[string]*entry {
	t.Helper()
	all := mutate.Extract(image)
	defer all.Close()
	out := map[string]*entry{}
	for in := tar.NewReader(all); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		must(t, err)
		text, err := io.ReadAll(in)
		must(t, err)
		out[strings.TrimSuffix(h.Name, "/")] = &entry{h, string(text)}
	}
}

type entry struct {
	head *tar.Header
	text string
}

func TestSameSourcesMakeTheSameBytes(t *testing.T) {
	one, _ := build(t, epoch.Add(time.Hour))
	two, _ := build(t, epoch.Add(48*time.Hour+time.Millisecond))
	compared := 0
	must(t, filepath.WalkDir(one, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(one, path)
		must(t, err)
		a, err := os.ReadFile(path)
		must(t, err)
		b, err := os.ReadFile(filepath.Join(two, name))
		must(t, err)
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs", name)
		}
		compared++
		return nil
	}))
	if compared < 8 { // two layers, configuration and manifest, index, layout, archive, SBOM
		t.Errorf("only %d files were made", compared)
	}
}

func TestImageSaysHowItIsStarted(t *testing.T) {
	dir, m := build(t, epoch)
	l, err := layout.ImageIndexFromPath(filepath.Join(dir, "oci"))
	must(t, err)
	index, err := l.IndexManifest()
	must(t, err)
	image, err := l.Image(index.Manifests[0].Digest)
	must(t, err)
	c, err := image.ConfigFile()
	must(t, err)
	if c.OS != "linux" || c.Architecture != "amd64" || !c.Created.Equal(epoch) {
		t.Errorf("expected linux/amd64 of %s, got %s/%s of %s", epoch, c.OS, c.Architecture, c.Created)
	}
	if !slices.Equal(c.Config.Entrypoint, []string{"/usr/local/bin/drover"}) || c.Config.User != "10001:10001" {
		t.Errorf("starts %q as %s", c.Config.Entrypoint, c.Config.User)
	}
	if got := c.Config.Labels["org.opencontainers.image.version"]; got != "v1.2.3" {
		t.Errorf("the label of the version is %q", got)
	}
	archived, err := tarball.ImageFromPath(filepath.Join(dir, "drover.tar"), nil)
	must(t, err)
	a, err := archived.ConfigName()
	must(t, err)
	b, err := m.image.ConfigName()
	must(t, err)
	if a != b {
		t.Errorf("the archive has %s, the layout %s", a, b)
	}
}

func TestNothingOfTheBuilderIsInside(t *testing.T) {
	_, m := build(t, epoch.Add(time.Hour))
	files := content(t, m.image)
	for _, name := range []string{"etc/hostname", "etc/resolv.conf", "etc/machine-id", "var/log/dpkg.log", "var/cache/apt/pkgcache.bin", "var/lib/dpkg/status-old"} {
		if files[name] != nil {
			t.Errorf("%s is inside", name)
		}
	}
	for name, want := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndrover:x:10001:10001:", "etc/group": "drover:x:10001:", "etc/apt/sources.list": "http://deb.debian.org/debian bookworm main",
		"var/lib/dpkg/status": "Package: git", "usr/bin/old": "tool",
	} {
		if f := files[name]; f == nil || !strings.Contains(f.text, want) {
			t.Errorf("expected %q in %s, got %+v", want, name, f)
		}
	}
	if at := files["etc/passwd"].head.ModTime; !at.Equal(epoch) {
		t.Errorf("a newer file is of %s", at)
	}
	if at := files["usr/bin/old"].head.ModTime; !at.Equal(epoch.Add(-time.Hour)) {
		t.Errorf("an older file is of %s", at)
	}
	if files["usr/bin/old"].head.PAXRecords["SCHILY.xattr.security.capability"] != "cap" {
		t.Error("the capabilities of a file are gone")
	}
	data := files[dataDir]
	if data == nil || data.head.Uid != userID || data.head.Mode&0o777 != 0o700 {
		t.Errorf("the data directory is not the user's: %+v", data)
	}
	if f := files["usr/local/bin/drover"]; f == nil || f.head.Mode&0o111 == 0 || len(f.text) == 0 {
		t.Error("the program is not inside")
	}
}

func TestInventoryHasModulesAndPackages(t *testing.T) {
	dir, m := build(t, epoch)
	text, err := os.ReadFile(filepath.Join(dir, "sbom.cdx.json"))
	must(t, err)
	if inside := content(t, m.image)["usr/share/doc/drover/sbom.cdx.json"]; inside == nil || inside.text != string(text) {
		t.Error("the inventory inside is another one")
	}
	var b struct {
		BOMFormat string
		Metadata  struct {
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version, PURL string }
	}
	must(t, json.Unmarshal(text, &b))
	if b.BOMFormat != "CycloneDX" || b.Metadata.Component.Name != "drover" || b.Metadata.Component.Version != "v1.2.3" {
		t.Errorf("got %+v", b)
	}
	var got []string
	for _, c := range b.Components {
		got = append(got, c.PURL)
	}
	program, err := os.Executable()
	must(t, err)
	info, err := buildinfo.ReadFile(program)
	must(t, err)
	if len(got) != 1+len(info.Deps)+2 {
		t.Errorf("expected the standard library, %d modules and 2 packages, got %d", len(info.Deps), len(got))
	}
	for _, want := range []string{"pkg:deb/debian/git@1%3A2.39.5-0%2Bdeb12u2?arch=amd64", "pkg:deb/debian/adduser@3.134?arch=all",
		"pkg:golang/github.com/google/go-containerregistry@v0.21.4"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing from %q", want, got)
		}
	}
}
