package ims

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// JobsTable is the name under which changes of jobs are hinted.
const JobsTable = "ims_jobs"

// contentKey is the annotation of images that are what it says and nothing
// else; an image made of one is another.
const contentKey = "drover_content"

func (s *Service) jobTable() *store.Table[jobRecord] {
	return store.NewTable(s.cfg.DB, store.Spec[jobRecord]{Name: JobsTable, Kind: "Job",
		Key: func(r *jobRecord) string { return r.Job.ID },
		Indexes: []store.Index[jobRecord]{{Column: "open", Of: func(r *jobRecord) string {
			if r.Cleared && !r.Deleting {
				return ""
			}
			return "yes"
		}}}})
}

// CreateJob begins a job. It is refused if this machine cannot run it.
func (s *Service) CreateJob(ctx context.Context, n NewJob) (Job, error) {
	if err := n.check(); err != nil {
		return Job{}, err
	}
	r, err := s.newJob(ctx, n)
	if err != nil {
		return Job{}, err
	}
	if s.cfg.Runner == nil {
		return Job{}, fault.New(fault.Unavailable, "this server runs no image jobs")
	}
	if err := s.cfg.Runner.Refuse(r.Order); err != nil {
		return Job{}, err
	}
	return r.Job, s.jobs.Insert(ctx, r)
}

// newJob is the record of the job, with all that it needs of other records.
func (s *Service) newJob(ctx context.Context, n NewJob) (jobRecord, error) {
	key, err := s.keys.get(ctx, n.KeyID)
	if err != nil {
		return jobRecord{}, missing(err, "public_key_id")
	}
	o := JobOrder{ID: uuid.NewString(), Type: n.Type, ImageID: uuid.NewString(), PublicKey: strings.TrimSpace(key.PublicKey)}
	var link *Link
	var metadata map[string]string
	if n.Type == Customize {
		image, err := s.images.get(ctx, n.ArtifactID)
		if err != nil {
			return jobRecord{}, missing(err, "artifact_id")
		}
		link, o.Arch, metadata = image.Link, image.Arch, maps.Clone(image.Metadata)
		delete(metadata, contentKey)
	} else {
		recipe, err := s.recipes.get(ctx, n.ArtifactID)
		if err != nil {
			return jobRecord{}, missing(err, "artifact_id")
		}
		link, o.Arch, o.Recipe, o.Template = recipe.Link, recipe.Arch, recipe.Type, recipe.Template
		if n.DKMS == nil {
			n.DKMS = &recipe.DKMS
		}
	}
	if link == nil {
		return jobRecord{}, fault.New(fault.Invalid, "the artifact '%s' is empty: it has no link - 'artifact_id'", n.ArtifactID)
	}
	j := n.job(o.ID, o.Arch, s.now())
	o.Source, o.Debug, o.BuildSize = *link, j.Debug, j.BuildSize
	o.Kernel, o.Initrd, o.Parameters = j.Kernel, j.Initrd, j.Parameters
	o.Jail = len(j.Containers) > 0 && j.Containers[0].Jail
	return jobRecord{Job: j, Order: o, Metadata: metadata}, nil
}

// Job returns the job with the ID.
func (s *Service) Job(ctx context.Context, id string) (Job, error) {
	r, err := s.jobs.Get(ctx, id)
	if err == nil && r.Deleting {
		err = noJob(id)
	}
	return r.Job, err
}

// Jobs returns those that the filter selects.
func (s *Service) Jobs(ctx context.Context, f JobFilter) ([]Job, error) {
	all, err := s.jobs.List(ctx, store.Query{})
	out := []Job{}
	now := s.cfg.Now()
	for i := range all {
		if r := &all[i]; !r.Deleting && f.matches(&r.Job, now) {
			out = append(out, r.Job)
		}
	}
	return out, err
}

// PatchJob takes what is so already. The published service is told by the pods
// of a job how that stands; here nobody but the service writes it.
func (s *Service) PatchJob(ctx context.Context, id string, p JobPatch) (Job, error) {
	j, err := s.Job(ctx, id)
	if err != nil {
		return j, err
	}
	if p.Status != "" && p.Status != j.Status || p.ImageID != "" && (j.ImageID == nil || p.ImageID != *j.ImageID) {
		return Job{}, fault.New(fault.Conflict, "the service itself runs job '%s' and tells how it stands: %s; "+
			"delete the job to end it", id, j.Status)
	}
	return j, nil
}

// JobPatch is how a job stands.
type JobPatch struct {
	Status  JobStatus `json:"status,omitempty" enum:"creating,fetching_image,fetching_recipe,waiting_for_repos,building_image,waiting_on_user,packaging_artifacts,error,success" doc:"Where the job stands"`
	ImageID string    `json:"resultant_image_id,omitempty" format:"uuid" doc:"Image that the job made"`
}

// DeleteJob removes the job. One that runs is killed, and nothing of it stays;
// an image that it made does.
func (s *Service) DeleteJob(ctx context.Context, id string) error {
	_, err := s.jobs.UpdateOne(ctx, id, func(r *jobRecord) error {
		if r.Deleting {
			return noJob(id)
		}
		r.Deleting = true
		return nil
	})
	return err
}

// DeleteJobs is DeleteJob for those that the filter selects.
func (s *Service) DeleteJobs(ctx context.Context, f JobFilter) error {
	found, err := s.Jobs(ctx, f)
	if err != nil || len(found) == 0 {
		return err
	}
	ids := make([]string, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	now := s.cfg.Now()
	_, _, err = s.jobs.Update(ctx, ids, func(r *jobRecord) error {
		if r.Deleting || !f.matches(&r.Job, now) { // it got further meanwhile
			return store.ErrUnchanged
		}
		r.Deleting = true
		return nil
	})
	return err
}

// JobLogs are what the steps of the job said. They go some time after the job.
func (s *Service) JobLogs(ctx context.Context, id string) ([]JobLog, error) {
	if _, err := s.Job(ctx, id); err != nil {
		return nil, err
	}
	logs, err := s.cfg.Runner.Logs(ctx, id)
	return slices.Concat([]JobLog{}, logs), err
}

func noJob(id string) error { return fault.New(fault.NotFound, "Job '%s' does not exist", id) }
