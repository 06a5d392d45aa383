package boa

import (
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/bos/v1"
)

// Agent carries out one session.
type Agent struct {
	Order          v1.Order
	Inventory      Inventory
	Objects        bootset.Objects
	Parameters     Parameters
	Power          Power
	Configurations Configurations
	Status         Status
	Waits          Waits
	Now            func() time.Time
	// Out is the log, a line an event.
	Out io.Writer
}

// Run carries the session out. What goes wrong with nodes stands in the
// session's status; an error means that the status could not be told.
func (a *Agent) Run(ctx context.Context) error {
	a.say("session %s: %s of template %s", a.Order.Session, a.Order.Operation, a.Order.Template.Name)
	if err := a.Status.TellTimes(ctx, a.Order.Session, v1.Times{Start: a.stamp()}); err != nil {
		return fmt.Errorf("tell that the session began: %w", err)
	}
	group, all := errgroup.WithContext(ctx)
	for i := range a.Order.Template.BootSets {
		set := &a.Order.Template.BootSets[i]
		group.Go(func() error {
			if err := a.bootSet(set).run(all); err != nil {
				return fmt.Errorf("boot set '%s': %w", set.Name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := a.Status.TellTimes(ctx, a.Order.Session, v1.Times{Stop: a.stamp()}); err != nil {
		return fmt.Errorf("tell that the session ended: %w", err)
	}
	a.say("session %s ended", a.Order.Session)
	return nil
}

func (a *Agent) bootSet(set *bos.NamedBootSet) *bootSet {
	t := &a.Order.Template
	configuration := t.Configuration(&set.BootSet)
	return &bootSet{agent: a, set: set, configuration: configuration, phases: a.Order.Operation.Phases(configuration != "")}
}

func (a *Agent) say(format string, args ...any) {
	fmt.Fprintf(a.Out, "%s %s\n", a.stamp(), fmt.Sprintf(format, args...))
}

func (a *Agent) stamp() string { return bos.Stamp(a.Now()) }

func (a *Agent) reason() string { return "Session ID: " + a.Order.Session }

// until looks again and again until done says so, the limit is over or ctx is
// done; only the last is an error. It reports whether done said so.
func (a *Agent) until(ctx context.Context, limit time.Duration, done func() (bool, error)) (bool, error) {
	end, pause := time.Now().Add(limit), a.Waits.First
	for {
		ok, err := done()
		if ok || err != nil {
			return ok, err
		}
		left := time.Until(end)
		if left <= 0 {
			return false, nil
		}
		timer := time.NewTimer(min(pause, left))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false, ctx.Err()
		case <-timer.C:
		}
		pause = min(2*pause, a.Waits.Most)
	}
}
