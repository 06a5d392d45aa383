package aee

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/drover-hpc/drover/internal/aee/trust"
)

// keepCertificate renews the session's certificate until ctx is done.
func (k *keeper) keepCertificate(ctx context.Context) {
	if k.settings.TrustDir == "" {
		return
	}
	every(ctx, trust.Renewal, func() {
		ca, err := trust.Open(k.settings.TrustDir, nil)
		if err == nil {
			err = ca.Renew(key(k.dir), k.job.Session)
		}
		if err == nil {
			err = k.hand("ssh")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	})
}

// forwardRelease tells a caged session that is held of the file in the job's
// directory that ends the hold: the cage sees another there.
func (k *keeper) forwardRelease(ctx context.Context) {
	if !k.caged() || k.job.DebugWait <= 0 {
		return
	}
	every(ctx, time.Second, func() {
		if _, err := os.Lstat(k.dir.Path(releaseFile)); err != nil {
			return
		}
		if root, err := os.OpenRoot(string(k.dir.Work())); err == nil {
			root.WriteFile(releaseFile, nil, 0o644) //nolint:errcheck // the next look tries again
			root.Close()
		}
	})
}

// every calls do at each end of the period, on a goroutine, until ctx is done.
func every(ctx context.Context, period time.Duration, do func()) {
	go func() {
		tick := time.NewTicker(period)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				do()
			}
		}
	}()
}
