package image

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cavaliergopher/cpio"
)

// moduleOrder are the kernel modules of the initial ram disk, each after those
// that it needs.
var moduleOrder = []string{"virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci",
	"failover", "net_failover", "virtio_net", "loop", "squashfs", "overlay", "button", "evdev"}

func wanted(module string) bool { return slices.Contains(moduleOrder, module) }

// initrdEntries are the initial ram disk of the busybox variant, of the parts
// in the base folder.
func initrdEntries(base string) ([]file, error) {
	list := append(initrdFiles(), file{path: "bin/busybox", mode: 0o755, source: filepath.Join(base, "busybox")})
	for _, folder := range []string{"dev", "etc", "proc", "run", "sys", "sysroot"} {
		list = append(list, file{path: folder, mode: fs.ModeDir | 0o755})
	}
	var order strings.Builder
	for _, module := range moduleOrder {
		found, err := filepath.Glob(filepath.Join(base, module+".ko*"))
		if err != nil {
			return nil, err
		}
		if found == nil {
			continue // inside the kernel, as splitter has checked
		}
		name := filepath.Base(found[0])
		order.WriteString(name + "\n")
		list = append(list, file{path: "lib/modules/" + name, mode: 0o644, source: found[0]})
	}
	list = append(list, file{path: "lib/modules/order", mode: 0o644, content: []byte(order.String())})
	return withFolders(list, nil), nil
}

// withFolders adds the folders that the files are in, unless there, in an
// order that has each before what is in it.
func withFolders(files []file, there map[string]bool) []file {
	var out []file
	seen := map[string]bool{}
	var folder func(name string)
	folder = func(name string) {
		if name == "." || seen[name] || there[name] {
			return
		}
		seen[name] = true
		folder(path.Dir(name))
		out = append(out, file{path: name, mode: fs.ModeDir | 0o755})
	}
	for _, f := range files {
		folder(path.Dir(f.path))
		if f.mode.IsDir() {
			folder(f.path)
			continue
		}
		out = append(out, f)
	}
	return out
}

// writeInitrd writes a gzipped cpio archive, which every kernel unpacks.
func writeInitrd(w io.Writer, files []file) (err error) {
	packed := gzip.NewWriter(w)
	out := cpio.NewWriter(packed)
	defer func() { err = errors.Join(err, out.Close(), packed.Close()) }()
	for _, f := range files {
		h := &cpio.Header{Name: f.path, Mode: cpio.FileMode(f.mode.Perm()) | cpio.TypeReg, Links: 1}
		if f.mode.IsDir() {
			h.Mode = cpio.FileMode(f.mode.Perm()) | cpio.TypeDir
		}
		content := f.content
		if f.source != "" {
			if content, err = os.ReadFile(f.source); err != nil {
				return err
			}
		}
		h.Size = int64(len(content))
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := out.Write(content); err != nil {
			return err
		}
	}
	return nil
}
