package ims

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/store"
)

// operator keeps the records of jobs where the runner says that they stand,
// and clears up behind those that ended. What matters is in the records: an
// operator that starts again looks at all that are open.
type operator struct {
	*Service
	loop *events.Loop
	stop context.CancelFunc
}

// jobResync is the time between looks at all open jobs.
const jobResync = 30 * time.Second

// Start begins to run jobs.
func (s *Service) Start(ctx context.Context) {
	if s.cfg.Runner == nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	o := &operator{Service: s, stop: cancel}
	o.loop = &events.Loop{Name: "ims jobs", Hub: s.cfg.Hub, Tables: []string{JobsTable},
		Resync: func() time.Duration { return jobResync }, Run: o.run}
	s.operator = o
	o.loop.Start(ctx)
	go o.forward(ctx, s.cfg.Runner.Changed())
}

// Stop ends that. The jobs go on.
func (s *Service) Stop() {
	if s.operator != nil {
		s.operator.stop()
		s.operator.loop.Stop()
	}
}

// forward has the loop look at the jobs that got further.
func (o *operator) forward(ctx context.Context, changed <-chan string) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-changed:
			o.loop.Now(id)
		}
	}
}

func (o *operator) run(ctx context.Context, w events.Wake) error {
	q := store.Query{Where: []store.Match{store.Is("open", "yes")}}
	if !w.All {
		q.Keys = w.Keys
	}
	open, err := o.jobs.List(ctx, q)
	if err != nil {
		return err
	}
	for i := range open {
		id := open[i].Job.ID
		if err := o.look(ctx, &open[i]); err != nil && !fault.Is(err, fault.NotFound) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			o.loop.Later(id, err)
		}
	}
	if w.All {
		return o.sweep(ctx)
	}
	return nil
}

// look takes the job as far as it goes now.
func (o *operator) look(ctx context.Context, r *jobRecord) error {
	id := r.Job.ID
	switch {
	case r.Deleting:
		return o.bury(ctx, r)
	case r.Job.Status.Final():
		return o.clear(ctx, r)
	}
	if r.Job.Status == JobCreating { // a job that was begun is not begun again
		err := o.cfg.Runner.Start(ctx, r.Order)
		if fault.Is(err, fault.Unavailable) { // for a while
			return err
		}
		if err != nil {
			return o.end(ctx, id, nil, "the job could not be started: "+err.Error())
		}
	}
	p := o.cfg.Runner.Progress(id)
	switch {
	case p.Phase == job.Succeeded && p.Manifest != nil:
		return o.end(ctx, id, p.Manifest, "")
	case p.Over():
		return o.end(ctx, id, nil, whyOver(p))
	}
	_, err := o.jobs.UpdateOne(ctx, id, func(r *jobRecord) error {
		if r.Deleting || r.Job.Status.Final() || !r.Job.follow(p) {
			return store.ErrUnchanged
		}
		return nil
	})
	return err
}

// whyOver is why a job that is over made no image.
func whyOver(p JobProgress) string {
	why := cmp.Or(p.Message, "nobody knows how the job ended: it left no trace")
	if p.Phase == job.Lost {
		why += ". It was ended, or the server or machine that ran it was: begin another job like it"
	}
	return why
}

// end tells how the job ended, together with the image that it made.
func (o *operator) end(ctx context.Context, id string, manifest *Link, why string) error {
	if manifest == nil {
		slog.Warn("image job failed", "job", id, "error", why)
	}
	return o.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		_, err := o.jobs.UpdateOne(ctx, id, func(r *jobRecord) error {
			if r.Deleting || r.Job.Status.Final() {
				return store.ErrUnchanged
			}
			if manifest == nil {
				r.Job.end(nil, why)
				return nil
			}
			r.Job.end(&r.Order.ImageID, "")
			r.Cleared = true
			return o.images.live.Insert(ctx, r.image(manifest, o.now()))
		})
		return err
	})
}

// clear removes what a failed job uploaded.
func (o *operator) clear(ctx context.Context, r *jobRecord) error {
	if err := o.removeUploads(ctx, r); err != nil {
		return err
	}
	_, err := o.jobs.UpdateOne(ctx, r.Job.ID, func(r *jobRecord) error {
		r.Cleared = true
		return nil
	})
	return err
}

// bury removes a job that was deleted, and last its record.
func (o *operator) bury(ctx context.Context, r *jobRecord) error {
	if err := o.cfg.Runner.Stop(ctx, r.Job.ID); err != nil {
		return err
	}
	if r.Job.Status != JobSuccess {
		if err := o.removeUploads(ctx, r); err != nil {
			return err
		}
	}
	_, err := o.jobs.Delete(ctx, r.Job.ID)
	return err
}

// ImageFiles are the objects of an image that a job makes.
var ImageFiles = []string{"manifest.json", "rootfs", "kernel", "initrd", "boot_parameters"}

// The buckets of images and of recipes.
const (
	ImagesBucket  = "boot-images"
	RecipesBucket = "ims"
)

// ImagePath is where an image's file is.
func ImagePath(id, file string) string { return "s3://" + ImagesBucket + "/" + id + "/" + file }

func (o *operator) removeUploads(ctx context.Context, r *jobRecord) error {
	for _, file := range ImageFiles {
		if err := o.cfg.Objects.Delete(ctx, ImagePath(r.Order.ImageID, file)); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// sweep ends jobs that no record tells of, such as those of a database that was
// replaced.
func (o *operator) sweep(ctx context.Context) error {
	ids, err := o.cfg.Runner.Jobs()
	if err != nil || len(ids) == 0 {
		return err
	}
	known, err := o.jobs.List(ctx, store.Query{Keys: ids})
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(known))
	for i := range known {
		there[known[i].Job.ID] = true
	}
	for _, id := range ids {
		if there[id] {
			continue
		}
		slog.Warn("ending an image job that no record tells of", "job", id)
		if err := o.cfg.Runner.Stop(ctx, id); err != nil {
			o.loop.Later(id, err)
		}
	}
	return nil
}
