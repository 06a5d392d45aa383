package image

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/drover-hpc/drover/internal/fault"
)

// unwanted are what the packages left and no node shall have: host keys that
// would be the same everywhere, logs, caches. The kernel makes what is in dev.
func unwanted(name string) bool {
	for _, folder := range []string{"dev/", "var/cache/apt/", "var/cache/ldconfig/", "var/lib/apt/lists/", "var/log/", "run/", "tmp/"} {
		if strings.HasPrefix(name, folder) {
			return true
		}
	}
	return strings.HasPrefix(name, "etc/ssh/ssh_host_")
}

// overlay copies a tar archive and puts the files over it; drop tells what is
// left out, nil nothing. Owners, links and extended attributes stay as they
// are.
func overlay(r io.Reader, w io.Writer, files []file, drop func(name string) bool) error {
	replaced := map[string]bool{}
	for _, f := range files {
		replaced[f.path] = true
	}
	folders := map[string]bool{}
	in, out := tar.NewReader(r), tar.NewWriter(w)
	for {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if replaced[name] || drop != nil && drop(name) {
			continue
		}
		folders[name] = h.Typeflag == tar.TypeDir
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
	for _, f := range withFolders(files, folders) {
		if err := add(out, f); err != nil {
			return fmt.Errorf("add %s: %w", f.path, err)
		}
	}
	return out.Close()
}

func add(out *tar.Writer, f file) error {
	h := &tar.Header{Name: "./" + f.path, Mode: int64(f.mode.Perm()), Uname: "root", Gname: "root", Format: tar.FormatPAX}
	var content io.Reader = bytes.NewReader(f.content)
	switch {
	case f.mode.IsDir():
		h.Typeflag = tar.TypeDir
		h.Name += "/"
	case f.link != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.link, 0o777
	case f.source != "":
		opened, err := os.Open(f.source)
		if err != nil {
			return err
		}
		defer opened.Close()
		info, err := opened.Stat()
		if err != nil {
			return err
		}
		h.Typeflag, h.Size, content = tar.TypeReg, info.Size(), opened
	default:
		h.Typeflag, h.Size = tar.TypeReg, int64(len(f.content))
	}
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}

// makeRootfs squashes the base's archive with the files over it. (Debian 12's
// sqfstar takes no compression level, and the usual one is ten times slower.)
func makeRootfs(ctx context.Context, base, target string, files []file) error {
	f, err := os.Open(filepath.Join(base, "root.tar.zst"))
	if err != nil {
		return err
	}
	defer f.Close()
	unpacked, err := zstd.NewReader(f)
	if err != nil {
		return err
	}
	defer unpacked.Close()
	// The archive's own entry for the root folder is passed over; it belongs to
	// who builds, which no node sees: there it is the layer in memory's.
	cmd := exec.CommandContext(ctx, "mksquashfs", "-", target, "-tar", "-comp", "zstd", "-Xcompression-level", "9",
		"-root-mode", "755", "-no-progress", "-quiet")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	mergeErr := overlay(unpacked, in, files, unwanted)
	in.Close() //nolint:errcheck // mksquashfs says what it lacks
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fault.New(fault.Internal, "mksquashfs could not pack the root file system (%w). It said:\n%s", err, lastLines(said.String(), 20))
	}
	return mergeErr
}
