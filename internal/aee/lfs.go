package aee

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/drover-hpc/drover/internal/vcs"
)

// lfsPointer begins a file that stands for one that Git LFS has.
const lfsPointer = "version https://git-lfs.github.com/spec/"

// fillPointers puts the files that Git LFS has in the place of those that stand
// for them in dir, a checkout of the repository at url. What was fetched stays
// in the mirror.
func (m mirrors) fillPointers(ctx context.Context, url, mirror, dir string) error {
	pointers, err := m.pointers(ctx, dir)
	if err != nil || len(pointers) == 0 {
		return err
	}
	what := "Git LFS has " + pointers[0]
	if more := len(pointers) - 1; more > 0 {
		what += fmt.Sprintf(" and %d more files", more)
	}
	if _, err := m.git(ctx, "lfs", "version"); err != nil {
		return fmt.Errorf("%s of %s, and git-lfs is not installed where the server runs: install it (Debian: package git-lfs)", what, vcs.Shown(url))
	}
	// git-lfs asks the server that the remote names. Of the checkout alone: a
	// setting for the command would hold for a repository on this machine too.
	for _, setting := range [][2]string{{"remote.origin.url", url}, {"lfs.storage", filepath.Join(mirror, "lfs")}} {
		if _, err := m.git(ctx, "-C", dir, "config", setting[0], setting[1]); err != nil {
			return err
		}
	}
	err = m.retry(ctx, func() error {
		_, err := m.git(ctx, "-C", dir, "lfs", "pull")
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	left, err := m.pointers(ctx, dir)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%s of %s, and git lfs pull brought nothing for %s", what, vcs.Shown(url), left[0])
	}
	return err
}

// pointers are the files in dir that stand for others.
func (m mirrors) pointers(ctx context.Context, dir string) (list []string, err error) {
	out, err := m.git(ctx, "-C", dir, "ls-files", "-z", "--", ":(attr:filter=lfs)")
	if err != nil {
		return nil, err
	}
	for file := range strings.SplitSeq(out, "\x00") {
		if file != "" && isPointer(filepath.Join(dir, file)) {
			list = append(list, file)
		}
	}
	return list, nil
}

func isPointer(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	begin := make([]byte, len(lfsPointer))
	n, _ := f.Read(begin)
	return string(begin[:n]) == lfsPointer
}
