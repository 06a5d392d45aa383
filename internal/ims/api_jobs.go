package ims

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// jobsQuery selects jobs for deletion.
type jobsQuery struct {
	Status []JobStatus `query:"status" enum:"creating,fetching_image,fetching_recipe,waiting_for_repos,building_image,waiting_on_user,packaging_artifacts,error,success" doc:"Only jobs with one of the statuses"`
	Type   []JobType   `query:"job_type" enum:"create,customize" doc:"Only jobs of one of the types"`
	Age    string      `query:"age" doc:"Only jobs that are older, such as 4w3d5h, 1d or 6h"`
}

func (q jobsQuery) filter() (f JobFilter, err error) {
	f = JobFilter{Statuses: q.Status, Types: q.Type}
	if q.Age != "" {
		f.Age, err = parseAge(q.Age)
	}
	return f, err
}

func registerJobs(api huma.API, s *Service, v version) {
	tags := []string{"jobs"}
	const all, one = "/jobs", "/jobs/{job_id}"
	httpapi.Handle(api, op(v, "list-jobs", http.MethodGet, all, "List all jobs", tags),
		func(ctx context.Context, _ *struct{}) (*bodyOut[[]Job], error) {
			list, err := s.Jobs(ctx, JobFilter{})
			return &bodyOut[[]Job]{list}, err
		})
	httpapi.Handle(api, op(v, "create-jobs", http.MethodPost, all, "Build or customize an image", tags),
		func(ctx context.Context, in *bodyIn[NewJob]) (*bodyOut[Job], error) {
			if err := onlyOwnJob(ctx, in.Body.Type, in.Body.Containers); err != nil {
				return nil, err
			}
			j, err := s.CreateJob(ctx, in.Body)
			return &bodyOut[Job]{j}, err
		})
	httpapi.Handle(api, op(v, "get-jobs", http.MethodGet, one, "Describe a job", tags),
		func(ctx context.Context, in *byID) (*bodyOut[Job], error) {
			j, err := s.Job(ctx, in.id)
			return &bodyOut[Job]{j}, err
		})
	httpapi.Handle(api, op(v, "update-jobs", http.MethodPatch, one, "Tell how a job stands", append(tags, "cli_ignore")),
		func(ctx context.Context, in *byIDBodyIn[JobPatch]) (*bodyOut[Job], error) {
			j, err := s.PatchJob(ctx, in.id, in.Body)
			return &bodyOut[Job]{j}, err
		})
	httpapi.Handle(api, op(v, "delete-jobs", http.MethodDelete, one, "Delete a job; one that runs is killed", tags),
		func(ctx context.Context, in *byID) (*struct{}, error) {
			if ofSession(ctx) != "" {
				j, err := s.Job(ctx, in.id)
				if err == nil {
					err = onlyOwnJob(ctx, j.Type, j.Containers)
				}
				if err != nil {
					return nil, err
				}
			}
			return nil, s.DeleteJob(ctx, in.id)
		})
	httpapi.Handle(api, op(v, "delete-all-jobs", http.MethodDelete, all, "Delete jobs; those that run are killed", tags),
		func(ctx context.Context, in *jobsQuery) (*struct{}, error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			return nil, s.DeleteJobs(ctx, f)
		})
	if v.soft {
		httpapi.Handle(api, op(v, "logs-jobs", http.MethodGet, one+"/logs", "Tell what the steps of a job said", tags),
			func(ctx context.Context, in *byID) (*bodyOut[[]JobLog], error) {
				logs, err := s.JobLogs(ctx, in.id)
				return &bodyOut[[]JobLog]{logs}, err
			})
	}
}
