package aee

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/drover-hpc/drover/internal/job"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/cfs"
)

// atATime is how many repositories are checked out side by side.
const atATime = 4

// askpass answers git's two questions.
const askpass = `#!/bin/sh
case "$1" in
Username*) printf '%s\n' "$VCS_USERNAME" ;;
*) printf '%s\n' "$VCS_PASSWORD" ;;
esac
`

// Clone is the first step: it checks each layer's repository out into
// layer<N>, and the additional inventory into hosts.
func Clone(ctx context.Context, d Dir, out io.Writer) error {
	j, err := readJob(d)
	if err != nil {
		return err
	}
	settings, err := readSettings(d)
	if err != nil {
		return err
	}
	logins, err := readLogins(d)
	if err != nil {
		return fmt.Errorf("read the logins of sources: %w", err)
	}
	ask := d.Path("askpass")
	if err := os.WriteFile(ask, []byte(askpass), 0o700); err != nil {
		return fmt.Errorf("write askpass helper: %w", err)
	}
	if err := checkoutAll(ctx, d, j, settings, out, func(source string) []string { return gitEnv(settings, ask, logins[source]) }); err != nil {
		return err
	}
	if settings.Cage != nil { // the supervisor trims
		return nil
	}
	if err := trimMirrors(settings.CacheDir, filepath.Dir(string(d)), settings.MaxMirrors); err != nil {
		fmt.Fprintln(out, err) // costs disk space, not the session
	}
	return nil
}

// checkoutAll makes the checkouts side by side; env is that of git for a source.
func checkoutAll(ctx context.Context, d Dir, j cfs.Job, settings Settings, out io.Writer, env func(source string) []string) error {
	unlock, err := lock(filepath.Join(settings.CacheDir, useLock), syscall.LOCK_SH)
	if err != nil {
		return err
	}
	defer unlock()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atATime)
	waits := &job.Waits{Dir: d}
	checkout := func(what string, l cfs.JobLayer, dir string) {
		group.Go(func() error {
			m := mirrors{dir: settings.CacheDir, env: env(l.Source), retries: settings.GitRetries, delay: settings.GitDelay,
				out: out, what: what, waits: waits, files: settings.Files}
			if err := m.checkout(ctx, l.CloneURL, l.Commit, dir); err != nil {
				return fmt.Errorf("clone %s: %w", what, err)
			}
			return nil
		})
	}
	for _, l := range j.Layers {
		if !isDebug(l) {
			checkout(strings.TrimSpace(fmt.Sprintf("layer %d %s", l.Index, l.Name)), l, layerDir(d, l.Index))
		}
	}
	if j.Inventory != nil {
		checkout("additional inventory", *j.Inventory, d.Path("hosts"))
	}
	return group.Wait()
}
