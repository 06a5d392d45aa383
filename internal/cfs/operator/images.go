package operator

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
)

// ImageJobs is IMS.
type ImageJobs interface {
	// Unfinished returns the jobs that customize images and have not ended.
	Unfinished(ctx context.Context) ([]ImageJob, error)
	// Delete ends a job without an image; one that is not there is fine.
	Delete(ctx context.Context, id string) error
	// Keys returns the keys of sessions' shells, by ID, with their sessions.
	Keys(ctx context.Context) (map[string]string, error)
	// DeleteKey removes a key; one that is not there is fine.
	DeleteKey(ctx context.Context, id string) error
}

// ImageJob is a job of IMS and the session that its shell is for.
type ImageJob struct {
	ID, Session string
	Created     time.Time
}

// imageSweep is the time between looks for jobs of IMS whose session is over.
const imageSweep = time.Minute

// sweepImages ends the jobs of IMS that complete sessions left open, and removes
// their keys: whoever was to do so was killed.
func (o *Operator) sweepImages(ctx context.Context, _ events.Wake) error {
	over := func(name string) (*cfs.Session, error) {
		s, err := o.cfg.Sessions.Session(ctx, name)
		if fault.Is(err, fault.NotFound) { // somebody else's, or its session was deleted, which ended it
			return nil, nil
		}
		if err != nil || s.Target.Definition != cfs.TargetImage || s.Status.Session.Status != cfs.StageComplete {
			return nil, err
		}
		return &s, nil
	}
	return o.endThose(ctx, over)
}

// endImages does so for a session that was deleted.
func (o *Operator) endImages(ctx context.Context, s *cfs.Session) error {
	if o.cfg.ImageJobs == nil || s.Target.Definition != cfs.TargetImage {
		return nil
	}
	return o.endThose(ctx, func(name string) (*cfs.Session, error) {
		if name != s.Name {
			return nil, nil
		}
		return s, nil
	})
}

// endThose ends what sessions have in IMS that are over: over returns nil for
// those that are not.
func (o *Operator) endThose(ctx context.Context, over func(name string) (*cfs.Session, error)) error {
	open, err := o.cfg.ImageJobs.Unfinished(ctx)
	if err != nil {
		return fmt.Errorf("ask IMS for jobs: %w", err)
	}
	for _, j := range open {
		s, err := over(j.Session)
		if err == nil && s != nil && j.Created.After(started(s)) {
			slog.Info("session is over; ending its job in IMS", "session", s.Name, "job", j.ID)
			err = o.cfg.ImageJobs.Delete(ctx, j.ID)
		}
		if err != nil {
			return fmt.Errorf("end job %s of IMS: %w", j.ID, err)
		}
	}
	keys, err := o.cfg.ImageJobs.Keys(ctx)
	if err != nil {
		return fmt.Errorf("ask IMS for keys: %w", err)
	}
	for id, name := range keys {
		s, err := over(name)
		if err == nil && s != nil {
			err = o.cfg.ImageJobs.DeleteKey(ctx, id)
		}
		if err != nil {
			return fmt.Errorf("remove key %s from IMS: %w", id, err)
		}
	}
	return nil
}

// started is before any job that the session can have in IMS: both clocks
// write whole seconds.
func started(s *cfs.Session) time.Time {
	at, err := time.Parse(cfs.SessionTime, s.Status.Session.StartTime)
	if err != nil { // a client wrote something else
		return time.Now()
	}
	return at.Add(-2 * time.Second)
}
