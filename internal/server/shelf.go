package server

import (
	"context"
	"io"
	"path/filepath"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/job/shelf"
	"github.com/drover-hpc/drover/internal/s3"
)

// The buckets of what CFS sessions and image jobs left behind.
const (
	sessionsBucket  = "cfs-sessions"
	imageJobsBucket = "ims-jobs"
)

// startSessionsShelf is startShelf for CFS sessions.
func (s *Server) startSessionsShelf() (aee.Shelf, error) {
	kept, err := s.startShelf("jobs", "job-records", sessionsBucket, aee.LeftBehind)
	if kept == nil { // nor is the interface to be anything
		return nil, err
	}
	return kept, err
}

// startShelf has other servers find what the jobs in the directory of the name left
// behind; it is nil where there are none, or nothing that all of them read.
func (s *Server) startShelf(jobs, cache, in string, files []string) (*shelf.Shelf, error) {
	if s.lease == nil || s.config.S3Endpoint == "" {
		return nil, nil
	}
	if err := s.platform.objects.EnsureBuckets(s.working, in); err != nil {
		return nil, err
	}
	kept := shelf.New(shelf.Config{Dir: filepath.Join(s.config.Data, jobs), Cache: filepath.Join(s.config.Data, cache),
		Files: files, Objects: bucket{s.platform.objects, in, "application/gzip"}})
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
