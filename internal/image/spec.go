package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// Variant is what runs as the first process of a node.
type Variant string

// The variants.
const (
	// Busybox is the small one: busybox is init, the initial ram disk is
	// Drover's own. It boots in seconds and needs 384 MB of memory.
	Busybox Variant = "busybox"
	// Systemd is what sites run: systemd, and an initial ram disk by dracut
	// with its livenet module.
	Systemd Variant = "systemd"
)

// Variants are all of them, the default first.
var Variants = []Variant{Busybox, Systemd}

// DefaultSuite is the release of Debian that the recipe was written for.
const DefaultSuite = "bookworm"

// Spec says what an image shall be.
type Spec struct {
	Variant Variant
	// Suite is the release of Debian, such as bookworm.
	Suite string
	// Mirror is the URL of a Debian archive, which is then the only source.
	// Empty is what the host's apt uses for that release, else deb.debian.org.
	Mirror string
	// Packages come on top of the variant's own.
	Packages []string
	// Reporter is the file that becomes /usr/bin/drover.
	Reporter string
}

// recipe is to be raised when the code, not the embedded files, changes what
// comes out.
const recipe = 1

var (
	suiteName   = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`) // Debian policy 5.6.1
)

// check refuses what mmdebstrap would not understand, or take for something
// else.
func (s *Spec) check() error {
	if !slices.Contains(Variants, s.Variant) {
		return fault.New(fault.Invalid, "variant %q: expected busybox or systemd", s.Variant)
	}
	if !suiteName.MatchString(s.Suite) {
		return fault.New(fault.Invalid, "suite %q: expected a release of Debian, such as %s", s.Suite, DefaultSuite)
	}
	for _, p := range s.Packages {
		if !packageName.MatchString(p) {
			return fault.New(fault.Invalid, "package %q: expected the name of a Debian package", p)
		}
	}
	if s.Mirror == "" {
		return nil
	}
	u, err := url.Parse(s.Mirror)
	if err != nil || strings.ContainsAny(s.Mirror, " \t\n[]") || !slices.Contains([]string{"http", "https", "file"}, u.Scheme) {
		return fault.New(fault.Invalid, "mirror %q: expected a URL with http, https or file, such as %s", s.Mirror, debianArchive)
	}
	return nil
}

// packages are all that are asked of the archive, sorted.
func (s *Spec) packages() []string {
	list := []string{"busybox-static", "iproute2", "libpython3-stdlib", "openssh-server", "python3-minimal"}
	if s.Variant == Systemd {
		// What dracut's modules need is named, as recommendations are not
		// installed: curl fetches, dhclient configures the network, and without
		// dbus no logind heeds the power button.
		list = append(list, "curl", "dbus", "dracut", "dracut-live", "dracut-network", "isc-dhcp-client", "kmod", kernelPackage, "systemd-sysv", "udev", "zstd")
	}
	list = append(list, s.Packages...)
	slices.Sort(list)
	return slices.Compact(list)
}

// kernelPackage depends on the kernel that images boot: the one for virtual
// machines.
const kernelPackage = "linux-image-cloud-amd64"

// parameters are the image's own kernel parameters, which BOS puts in front of
// the boot set's.
func (s *Spec) parameters() string {
	if s.Variant == Systemd {
		return "console=tty0 console=ttyS0 ip=dhcp rd.neednet=1 rd.live.overlay.overlayfs=1\n"
	}
	return "console=tty0 console=ttyS0 quiet\n"
}

// baseKey is the hash of what goes into the base.
func baseKey(s *Spec, sources []string) string {
	return keyOf(recipe, s.Variant, s.Suite, sources, s.packages(), digestOf(baseFiles(s.Variant)))
}

// imageKey is the hash of what goes into the image.
func imageKey(s *Spec, baseDigest, reporterDigest string) string {
	return keyOf(recipe, s.Variant, baseDigest, reporterDigest, s.parameters(),
		digestOf(initrdFiles()), digestOf(rootFiles(s.Variant)))
}

func keyOf(parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings, numbers and lists of them only
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
