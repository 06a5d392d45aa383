package image

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
)

// Builder builds images and keeps them.
type Builder struct {
	// Cache is the folder for what was built; see DefaultCache.
	Cache string
	// Refresh asks the archive again, for packages of today.
	Refresh bool
	// Progress, if set, is called after each step with the time that it took.
	Progress func(step string, took time.Duration)
	// Now is the clock; nil is the real one.
	Now func() time.Time
}

// Image is a built image: a folder of the cache, which is not to be changed.
type Image struct {
	// Dir holds kernel, initrd, rootfs, boot_parameters and image.json.
	Dir string `json:"-"`
	// Content is the hash of all that went into it. Equal ones boot alike.
	Content string   `json:"content"`
	Variant Variant  `json:"variant"`
	Suite   string   `json:"suite"`
	Sources []string `json:"sources"`
	// Packages are those that were asked for, without what they need.
	Packages []string `json:"packages"`
	// Kernel is its version.
	Kernel string `json:"kernel"`
}

// Files are the files of an image that a node boots from.
var Files = []string{"kernel", "initrd", "rootfs", "boot_parameters"}

// DefaultCache is where images are kept, by the environment.
func DefaultCache(getenv func(string) string) string {
	if dir := getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "drover", "images")
	}
	return filepath.Join(getenv("HOME"), ".cache", "drover", "images")
}

// Build makes the image, or finds it in the cache. It checks everything that
// can be checked before it begins.
func (b *Builder) Build(ctx context.Context, s Spec) (*Image, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := Missing(os.Geteuid() == 0); err != nil {
		return nil, err
	}
	reporter, err := reporterDigest(s.Reporter)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the node's reporter: %w; build Drover with CGO_ENABLED=0 (`make build`), or name such a binary with --reporter", err)
	}
	from := sources(ctx, &s)
	c := cache{b.Cache}
	dir, release, err := c.entry(ctx, "base", baseKey(&s, from), b.Refresh, func(dir string) error {
		return b.step("packages and kernel of Debian "+s.Suite, func() error { return makeBase(ctx, &s, from, dir) })
	})
	if err != nil {
		return nil, err
	}
	defer release()
	made, err := readBase(dir)
	if err != nil {
		return nil, err
	}
	image := &Image{Content: imageKey(&s, made.Digest, reporter), Variant: s.Variant, Suite: s.Suite,
		Sources: from, Packages: s.packages(), Kernel: made.Kernel}
	var done func()
	image.Dir, done, err = c.entry(ctx, "image", image.Content, false, func(target string) error {
		return b.assemble(ctx, &s, dir, target, image)
	})
	if err != nil {
		return nil, err
	}
	defer done()
	return image, errors.Join(c.trim("base"), c.trim("image"))
}

// assemble makes the image's files of the base.
func (b *Builder) assemble(ctx context.Context, s *Spec, base, target string, image *Image) error {
	err := b.step("initial ram disk", func() error {
		if err := os.Link(filepath.Join(base, "kernel"), filepath.Join(target, "kernel")); err != nil {
			return err
		}
		if s.Variant == Systemd {
			return os.Link(filepath.Join(base, "initrd"), filepath.Join(target, "initrd"))
		}
		return makeInitrd(base, filepath.Join(target, "initrd"))
	})
	if err != nil {
		return err
	}
	err = b.step("root file system", func() error {
		files := append(rootFiles(s.Variant), file{path: "usr/bin/drover", mode: 0o755, source: s.Reporter})
		return makeRootfs(ctx, base, filepath.Join(target, "rootfs"), files)
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(target, "boot_parameters"), []byte(s.parameters()), 0o644); err != nil {
		return err
	}
	text, err := json.MarshalIndent(image, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(target, "image.json"), append(text, '\n'), 0o644)
}

func makeInitrd(base, target string) error {
	files, err := initrdEntries(base)
	if err != nil {
		return err
	}
	f, err := os.Create(target)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := writeInitrd(f, files); err != nil {
		return err
	}
	return f.Close()
}

func (b *Builder) step(name string, do func() error) error {
	now := b.Now
	if now == nil {
		now = time.Now
	}
	start := now()
	err := do()
	if err == nil && b.Progress != nil {
		b.Progress(name, now().Sub(start))
	}
	return err
}
