package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
)

// base describes the slow half of an image, a folder of the cache:
//
//	root.tar.zst    what the packages installed
//	kernel
//	initrd          systemd: by dracut
//	busybox, NAME.ko...   busybox: what the initial ram disk is made of
//	base.json       this; mmdebstrap.log, what it said
type base struct {
	// Digest is the hash of the archive as mmdebstrap wrote it.
	Digest string `json:"digest"`
	// Kernel is its version.
	Kernel string `json:"kernel"`
}

// makeBase has mmdebstrap install the packages and fills dir with the result.
func makeBase(ctx context.Context, s *Spec, sources []string, dir string) error {
	args, err := debstrapArgs(s, sources, dir)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "mmdebstrap", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it has folders and mounts to remove
	cmd.WaitDelay = 30 * time.Second
	// A file, not a pipe: if this process is killed, mmdebstrap is to clean up
	// after itself and not to stumble over what nobody reads.
	said, err := os.Create(filepath.Join(dir, "mmdebstrap.log"))
	if err != nil {
		return err
	}
	defer said.Close()
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	b, splitErr := splitBase(out, dir, s.Variant)
	io.Copy(io.Discard, out) //nolint:errcheck // lets mmdebstrap say what is wrong
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		text, _ := os.ReadFile(said.Name())
		return fault.New(fault.Unavailable, "mmdebstrap could not install %s (%w). It said:\n%s", s.Suite, err, lastLines(string(text), 20))
	}
	if splitErr != nil {
		return splitErr
	}
	os.Remove(filepath.Join(dir, putArchive)) //nolint:errcheck // of no use from here on, and of no harm
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "base.json"), text, 0o644)
}

// putArchive is what mmdebstrap puts into the tree.
const putArchive = "put.tar"

// debstrapArgs is the command line of mmdebstrap. What has to be in the tree
// when the packages are installed goes there as an archive, since without root
// the hooks cannot read files of the user.
func debstrapArgs(s *Spec, sources []string, dir string) ([]string, error) {
	args := []string{"--variant=minbase", "--format=tar", "--include=" + strings.Join(s.packages(), ","),
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright"}
	var put []file
	var hook string
	for _, f := range baseFiles(s.Variant) {
		if f.path == "hook" {
			hook = string(f.content)
		} else {
			put = append(put, f)
		}
	}
	if len(put) > 0 {
		archive := filepath.Join(dir, putArchive)
		f, err := os.Create(archive)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if err := overlay(strings.NewReader(""), f, put, nil); err != nil {
			return nil, err
		}
		args = append(args, "--essential-hook=tar-in "+archive+" /")
	}
	args = append(args, "--customize-hook="+hook, s.Suite, "-")
	return append(args, sources...), nil
}

func readBase(dir string) (*base, error) {
	text, err := os.ReadFile(filepath.Join(dir, "base.json"))
	if err != nil {
		return nil, err
	}
	b := new(base)
	if err := json.Unmarshal(text, b); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "base.json"), err)
	}
	return b, nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
