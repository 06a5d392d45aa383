package node

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Daemon is the agent of a real node, running.
type Daemon struct {
	Agent
	// Trusted is called with the SSH authority's key before CFS is told that
	// the node wants to be configured; nil skips the fetching.
	Trusted func(key string) error
	// Wait pauses; nil waits by the clock. It returns an error only when ctx
	// is done.
	Wait func(ctx context.Context, d time.Duration) error
	// Random is a number in [0,1) that spreads the nodes' reports over the
	// first period; nil is the real thing.
	Random func() float64
	Log    *slog.Logger
}

// Run reports to HSM, BOS and CFS, each until it succeeds, and from then on to
// BOS periodically. It returns when ctx is done, or at once without identity.
func (d *Daemon) Run(ctx context.Context) error {
	if d.Xname == "" {
		return ErrNoIdentity
	}
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() {
		d.insist(ctx, RetryWait, "HSM knows that the node is ready", d.ReportReady) //nolint:errcheck // fails only when ctx is done
	})
	others.Go(func() { d.configure(ctx) })
	if err := d.insist(ctx, RetryWait, "BOS knows the boot", d.ReportBOS); err != nil {
		return err
	}
	period := d.BOSPeriod()
	for next := time.Duration(float64(period) * d.random()); ; next = period {
		if err := d.wait(ctx, next); err != nil {
			return err
		}
		if err := d.insist(ctx, RetryWait, "", d.ReportBOS); err != nil {
			return err
		}
	}
}

func (d *Daemon) configure(ctx context.Context) {
	if d.Trusted != nil {
		err := d.insist(ctx, TrustWait, "sshd trusts the authority of CFS", func(ctx context.Context) error {
			key, err := d.FetchTrust(ctx)
			if err != nil {
				return err
			}
			return d.Trusted(key)
		})
		if err != nil {
			return
		}
	}
	d.insist(ctx, RetryWait, "CFS knows that the node wants to be configured", d.ReportCFS) //nolint:errcheck // fails only when ctx is done
}

// insist tries until it works, which is logged as done unless that is empty,
// or ctx is done, whose error it returns. A service that names a longer pause
// gets it.
func (d *Daemon) insist(ctx context.Context, pause func(try int) time.Duration, done string, try func(context.Context) error) error {
	next := pause(0)
	for n := 0; ; n++ {
		if err := d.wait(ctx, next); err != nil {
			return err
		}
		err := try(ctx)
		if err == nil {
			if done != "" {
				d.log().Info(done)
			}
			return nil
		}
		next = max(pause(n+1), ComeBack(err))
		d.log().Warn(fmt.Sprintf("%v; again in %v", err, next))
	}
}

func (d *Daemon) wait(ctx context.Context, pause time.Duration) error {
	if d.Wait != nil {
		return d.Wait(ctx, pause)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ctx.Err()
	}
}

func (d *Daemon) random() float64 {
	if d.Random != nil {
		return d.Random()
	}
	return rand.Float64()
}

func (d *Daemon) log() *slog.Logger {
	if d.Log != nil {
		return d.Log
	}
	return slog.Default()
}
