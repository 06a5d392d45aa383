package server

import (
	"context"
	"io"
	"path/filepath"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/job/shelf"
	"github.com/drover-hpc/drover/internal/s3"
)

// jobsOf are the jobs of a service, and where what they leave behind goes.
type jobsOf struct {
	dir    string // of the data directory: theirs
	cache  string // likewise: copies of what those of other machines left
	bucket string
	files  []string // what of a job's directory is kept
}

var (
	ofSessions = jobsOf{"jobs", "job-records", "cfs-sessions", aee.LeftBehind}
	ofImages   = jobsOf{"image-jobs", "image-job-records", "ims-jobs", job.LeftBehind}
	ofAgents   = jobsOf{"agents", "agent-records", "bos-agents", job.LeftBehind}
)

// path is where the directories of the jobs are.
func (s *Server) path(of jobsOf) string { return filepath.Join(s.config.Data, of.dir) }

// executor runs jobs.
type executor interface {
	Keep(shelf job.Shelf)
	Open() error
	Close()
}

// openJobs sets what runs the jobs to work.
func (s *Server) openJobs(of jobsOf, e executor) error {
	kept, err := s.startShelf(of)
	if err != nil {
		return err
	}
	if kept != nil {
		e.Keep(kept)
	}
	s.onStop(e.Close)
	return e.Open()
}

// startShelf has other servers find what the jobs leave behind; it is nil where there
// are none, or nothing that all of them read.
func (s *Server) startShelf(of jobsOf) (*shelf.Shelf, error) {
	if s.lease == nil || s.config.S3Endpoint == "" {
		return nil, nil
	}
	if err := s.platform.objects.EnsureBuckets(s.working, of.bucket); err != nil {
		return nil, err
	}
	kept := shelf.New(shelf.Config{Dir: s.path(of), Cache: filepath.Join(s.config.Data, of.cache),
		Files: of.files, Objects: bucket{s.platform.objects, of.bucket, "application/gzip"}})
	if err := kept.Start(s.working); err != nil {
		return nil, err
	}
	s.onStop(kept.Stop)
	return kept, nil
}

// bucket is one of the object store, for what all servers of a site find there.
type bucket struct {
	objects     *s3.Client
	name        string
	contentType string
}

func (b bucket) url(key string) string { return "s3://" + b.name + "/" + key }

func (b bucket) Store(ctx context.Context, key string, content io.Reader, size int64) error {
	_, err := b.objects.Put(ctx, b.url(key), content, size, b.contentType)
	return err
}

func (b bucket) Load(ctx context.Context, key string, w io.Writer) error {
	return b.objects.Download(ctx, b.url(key), w)
}

// Keys are those of the objects, the one written last first.
func (b bucket) Keys(ctx context.Context) ([]string, error) { return b.objects.Keys(ctx, b.name) }

func (b bucket) Delete(ctx context.Context, key string) error {
	return b.objects.Delete(ctx, b.url(key))
}
