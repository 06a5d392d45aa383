package image

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
)

func spec(change func(*Spec)) *Spec {
	s := &Spec{Variant: Busybox, Suite: "bookworm", Packages: []string{"vim-tiny"}}
	if change != nil {
		change(s)
	}
	return s
}

func TestSpecsThatAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Spec){
		"variant":                    func(s *Spec) { s.Variant = "alpine" },
		"expected a release":         func(s *Spec) { s.Suite = "../etc" },
		"name of a Debian package":   func(s *Spec) { s.Packages = []string{"--purge"} },
		"expected a URL":             func(s *Spec) { s.Mirror = "deb.debian.org/debian" },
		"expected a URL with http, ": func(s *Spec) { s.Mirror = "http://m/debian [trusted=yes]" },
	} {
		if err := spec(change).check(); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one about %q", err, want)
		}
	}
	for _, change := range []func(*Spec){nil, func(s *Spec) { s.Variant = Systemd }, func(s *Spec) { s.Mirror = "file:///srv/debian" },
		func(s *Spec) { s.Packages = []string{"g++", "libstdc++6", "linux-image-6.1.0-9-amd64"} }} {
		if err := spec(change).check(); err != nil {
			t.Error(err)
		}
	}
}

func TestKeysTellSpecsApart(t *testing.T) {
	sources := []string{"deb http://m bookworm main"}
	bases, images := map[string]string{}, map[string]string{}
	note := func(seen map[string]string, key, what string) {
		if other, ok := seen[key]; ok {
			t.Errorf("%s has the key of %s", what, other)
		}
		seen[key] = what
	}
	note(bases, baseKey(spec(nil), sources), "the spec")
	note(bases, baseKey(spec(nil), append(sources, "deb http://m bookworm-security main")), "another source")
	note(bases, baseKey(spec(func(s *Spec) { s.Variant = Systemd }), sources), "another variant")
	note(bases, baseKey(spec(func(s *Spec) { s.Suite = "trixie" }), sources), "another suite")
	note(bases, baseKey(spec(func(s *Spec) { s.Packages = nil }), sources), "fewer packages")
	note(images, imageKey(spec(nil), "base", "reporter"), "the spec")
	note(images, imageKey(spec(nil), "other", "reporter"), "another base")
	note(images, imageKey(spec(nil), "base", "other"), "another reporter")
	note(images, imageKey(spec(func(s *Spec) { s.Variant = Systemd }), "base", "reporter"), "another variant")

	same := spec(func(s *Spec) { s.Packages = []string{"vim-tiny", "iproute2", "vim-tiny"}; s.Reporter = "elsewhere" })
	if baseKey(same, sources) != baseKey(spec(nil), sources) {
		t.Error("the order of packages, or where the reporter is, makes another base")
	}
}

func TestFilesCount(t *testing.T) {
	f := []file{{path: "init", content: []byte("a"), mode: 0o755}}
	g := []file{{path: "init", content: []byte("b"), mode: 0o755}}
	if digestOf(f) == digestOf(g) {
		t.Error("the digest does not depend on the content")
	}
}

func TestHostSources(t *testing.T) {
	const targets = "http://deb.debian.org/debian/ bookworm\nhttp://deb.debian.org/debian/ bookworm-updates\n" +
		"http://deb.debian.org/debian-security/ bookworm-security\n"
	want := []string{"deb http://deb.debian.org/debian bookworm main", "deb http://deb.debian.org/debian-security bookworm-security main"}
	if got := hostSources(targets, "bookworm"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, suite := range []string{"trixie", "book"} {
		if got := hostSources(targets, suite); got != nil {
			t.Errorf("%s: got %q of a host with bookworm", suite, got)
		}
	}
	own := sources(t.Context(), spec(func(s *Spec) { s.Mirror = "http://m/debian" }))
	if !slices.Equal(own, []string{"deb http://m/debian bookworm main"}) {
		t.Errorf("a mirror of one's own gives %q", own)
	}
}

func TestNeeds(t *testing.T) {
	there := func(programs ...string) func(string) (string, error) {
		return func(p string) (string, error) {
			if slices.Contains(programs, p) {
				return "/usr/bin/" + p, nil
			}
			return "", errors.New("not found")
		}
	}
	err := missing(needs(false), there("apt-get", "dpkg-deb", "tar"))
	if !fault.Is(err, fault.Unavailable) || !strings.HasSuffix(err.Error(), "\n    apt-get install mmdebstrap squashfs-tools uidmap") {
		t.Errorf("got %v", err)
	}
	if err := missing(needs(true), there("apt-get", "dpkg-deb", "tar", "mmdebstrap", "mksquashfs")); err != nil {
		t.Error(err)
	}
}
