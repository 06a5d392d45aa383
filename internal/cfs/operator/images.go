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
}

// ImageJob is a job of IMS and the session that its shell is for.
type ImageJob struct {
	ID, Session string
	Created     time.Time
}

// imageSweep is the time between looks for jobs of IMS whose session is over.
const imageSweep = time.Minute

// sweepImages ends the jobs of IMS that complete sessions left open: whoever
// was to end them was killed.
func (o *Operator) sweepImages(ctx context.Context, _ events.Wake) error {
	open, err := o.cfg.ImageJobs.Unfinished(ctx)
	if err != nil {
		return fmt.Errorf("ask IMS for jobs: %w", err)
	}
	for _, j := range open {
		s, err := o.cfg.Sessions.Session(ctx, j.Session)
		if fault.Is(err, fault.NotFound) { // somebody else's, or its session was deleted, which ended it
			continue
		}
		if err != nil {
			return err
		}
		if s.Target.Definition != cfs.TargetImage || s.Status.Session.Status != cfs.StageComplete || !j.Created.After(started(&s)) {
			continue
		}
		slog.Info("session is over; ending its job in IMS", "session", s.Name, "job", j.ID)
		if err := o.cfg.ImageJobs.Delete(ctx, j.ID); err != nil {
			o.images.Later(j.ID, err)
		}
	}
	return nil
}

// endImages ends the jobs of IMS of a session that was deleted.
func (o *Operator) endImages(ctx context.Context, s *cfs.Session) error {
	if o.cfg.ImageJobs == nil || s.Target.Definition != cfs.TargetImage {
		return nil
	}
	open, err := o.cfg.ImageJobs.Unfinished(ctx)
	if err != nil {
		return fmt.Errorf("ask IMS for jobs: %w", err)
	}
	for _, j := range open {
		if j.Session == s.Name && j.Created.After(started(s)) {
			if err := o.cfg.ImageJobs.Delete(ctx, j.ID); err != nil {
				return fmt.Errorf("end job %s of IMS: %w", j.ID, err)
			}
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
