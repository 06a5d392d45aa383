package aee

import (
	"context"
	"fmt"
	"io"
	"os"
)

// askpass answers git's two questions.
const askpass = `#!/bin/sh
case "$1" in
Username*) printf '%s\n' "$VCS_USERNAME" ;;
*) printf '%s\n' "$VCS_PASSWORD" ;;
esac
`

// Clone is the first step: it checks each layer's repository out into
// layer<N>, and the additional inventory into hosts.
func Clone(ctx context.Context, dir string, out io.Writer) error {
	d := Dir(dir)
	job, err := d.Job()
	if err != nil {
		return err
	}
	settings, err := d.Settings()
	if err != nil {
		return err
	}
	ask := d.path("askpass")
	if err := os.WriteFile(ask, []byte(askpass), 0o700); err != nil {
		return fmt.Errorf("write askpass helper: %w", err)
	}
	m := mirrors{dir: settings.CacheDir, env: gitEnv(settings.CAFile, ask),
		retries: settings.GitRetries, delay: settings.GitDelay, out: out}
	for _, l := range job.Layers {
		if isDebug(l) {
			continue
		}
		if err := m.checkout(ctx, l.CloneURL, l.Commit, d.layer(l.Index)); err != nil {
			return fmt.Errorf("clone layer %d %s: %w", l.Index, l.Name, err)
		}
		fmt.Fprintf(out, "layer %d: %s at %s\n", l.Index, l.CloneURL, l.Commit)
	}
	if inv := job.Inventory; inv != nil {
		if err := m.checkout(ctx, inv.CloneURL, inv.Commit, d.path("hosts")); err != nil {
			return fmt.Errorf("clone additional inventory: %w", err)
		}
		fmt.Fprintf(out, "inventory: %s at %s\n", inv.CloneURL, inv.Commit)
	}
	return nil
}
