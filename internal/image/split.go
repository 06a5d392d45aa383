package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/drover-hpc/drover/internal/fault"
)

// splitBase reads mmdebstrap's archive: the kernel's parts become files, the
// rest root.tar.zst.
func splitBase(r io.Reader, dir string, v Variant) (*base, error) {
	f, err := os.Create(filepath.Join(dir, "root.tar.zst"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	packed, err := zstd.NewWriter(f)
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	sum := sha256.New()
	sp := &splitter{dir: dir, variant: v, modules: map[string]bool{}}
	if err := sp.run(tar.NewReader(io.TeeReader(r, sum)), tar.NewWriter(packed)); err != nil {
		return nil, fmt.Errorf("read the archive that mmdebstrap writes: %w", err)
	}
	if _, err := io.Copy(sum, r); err != nil {
		return nil, err
	}
	if err := packed.Close(); err != nil {
		return nil, err
	}
	return sp.result(hex.EncodeToString(sum.Sum(nil)))
}

// splitter sorts the entries of an archive.
type splitter struct {
	dir     string
	variant Variant
	kernel  string
	initrd  bool
	busybox bool
	modules map[string]bool // found, also inside the kernel
}

func (s *splitter) run(in *tar.Reader, out *tar.Writer) error {
	for {
		h, err := in.Next()
		if err == io.EOF {
			return out.Close()
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if strings.HasPrefix(name, "boot/") {
			if err := s.pick(name, in); err != nil {
				return err
			}
			continue
		}
		var content io.Reader = in
		if s.variant == Busybox && (name == "bin/busybox" || name == "usr/bin/busybox") {
			text, err := io.ReadAll(in)
			if err != nil {
				return err
			}
			if err := s.save("busybox", bytes.NewReader(text)); err != nil {
				return err
			}
			s.busybox = true
			content = bytes.NewReader(text)
		}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, content); err != nil {
			return err
		}
	}
}

// pick saves what belongs to the kernel.
func (s *splitter) pick(name string, content io.Reader) error {
	file := path.Base(name)
	version, isKernel := strings.CutPrefix(file, "vmlinuz-")
	module, _, isModule := strings.Cut(file, ".ko")
	switch {
	case isKernel:
		s.kernel = version
		return s.save("kernel", content)
	case s.variant == Systemd && strings.HasPrefix(file, "initrd.img-"):
		s.initrd = true
		return s.save("initrd", content)
	case s.variant == Busybox && isModule && wanted(module):
		s.modules[module] = true
		return s.save(file, content)
	case s.variant == Busybox && file == "modules.builtin":
		text, err := io.ReadAll(content)
		for line := range strings.Lines(string(text)) {
			name, _, _ := strings.Cut(path.Base(line), ".ko")
			s.modules[name] = true
		}
		return err
	}
	return nil
}

func (s *splitter) save(name string, content io.Reader) error {
	f, err := os.Create(filepath.Join(s.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	return f.Close()
}

// result says what was found, or what is missing.
func (s *splitter) result(digest string) (*base, error) {
	var lacks []string
	if s.kernel == "" {
		lacks = append(lacks, "kernel (boot/vmlinuz-*)")
	}
	if s.variant == Systemd && !s.initrd {
		lacks = append(lacks, "initial ram disk (boot/initrd.img-*)")
	}
	if s.variant == Busybox {
		if !s.busybox {
			lacks = append(lacks, "busybox")
		}
		for _, m := range moduleOrder {
			if !s.modules[m] {
				lacks = append(lacks, "kernel module "+m)
			}
		}
	}
	if lacks != nil {
		return nil, fault.New(fault.Invalid, "the packages hold no %s: the recipe is made for %s, choose that --suite", strings.Join(lacks, ", no "), DefaultSuite)
	}
	return &base{Digest: digest, Kernel: s.kernel}, nil
}
