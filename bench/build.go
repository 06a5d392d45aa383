package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// build is a server to measure.
type build struct {
	name   string // of its revision
	binary string
}

// serverFiles are the files of ./bench/server and what it uses that another
// revision is given if it has none. current.go is what it cannot have.
var serverFiles = []string{"bench/server/main.go", "bench/server/executor.go", "bench/proc/doc.go", "bench/proc/child.go", "bench/proc/parent.go", "bench/proc/usage.go"}

// builds makes the server of this tree and that of the old revision, if one is
// named, in dir.
func builds(ctx context.Context, dir, old string) ([]build, error) {
	root, err := run(ctx, ".", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	name, err := run(ctx, root, "git", "describe", "--always", "--dirty")
	if err != nil {
		return nil, err
	}
	now := build{name, filepath.Join(dir, "now")}
	if err := compile(ctx, root, now.binary); err != nil {
		return nil, err
	}
	if old == "" {
		return []build{now}, nil
	}
	before, err := buildOld(ctx, root, dir, old)
	return []build{now, before}, err
}

func compile(ctx context.Context, tree, binary string) error {
	_, err := run(ctx, tree, "go", "build", "-o", binary, "./bench/server")
	return err
}

// buildOld builds the revision in a checkout of its own.
func buildOld(ctx context.Context, root, dir, revision string) (build, error) {
	tree := filepath.Join(dir, "tree")
	name, err := run(ctx, root, "git", "rev-parse", "--short", revision)
	if err != nil {
		return build{}, err
	}
	if _, err := run(ctx, root, "git", "worktree", "add", "--detach", tree, revision); err != nil {
		return build{}, err
	}
	defer run(context.WithoutCancel(ctx), root, "git", "worktree", "remove", "--force", tree) //nolint:errcheck // it is in a temporary directory
	if _, err := os.Stat(filepath.Join(tree, "bench/server")); errors.Is(err, fs.ErrNotExist) {
		for _, name := range serverFiles {
			if err := copyFile(filepath.Join(root, name), filepath.Join(tree, name)); err != nil {
				return build{}, err
			}
		}
	}
	b := build{name, filepath.Join(dir, "old")}
	return b, compile(ctx, tree, b.binary)
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	return errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o644))
}

// run runs a program and returns what it says, without the last line's end.
func run(ctx context.Context, dir, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	var failure strings.Builder
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, args[0], err, failure.String())
	}
	return strings.TrimSpace(string(out)), nil
}
