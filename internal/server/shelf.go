package server

import (
	"context"
	"io"
	"path/filepath"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/job/shelf"
	"github.com/drover-hpc/drover/internal/s3"
)

// sessionsBucket has what CFS sessions left behind.
const sessionsBucket = "cfs-sessions"

// startShelf has other servers find what sessions left behind; it is nil where there
// are none, or nothing that all of them read.
func (s *Server) startShelf() (aee.Shelf, error) {
	if s.lease == nil || s.config.S3Endpoint == "" {
		return nil, nil
	}
	if err := s.platform.objects.EnsureBuckets(s.working, sessionsBucket); err != nil {
		return nil, err
	}
	kept := shelf.New(shelf.Config{Dir: filepath.Join(s.config.Data, "jobs"), Cache: filepath.Join(s.config.Data, "job-records"),
		Files: aee.LeftBehind, Objects: bucket{s.platform.objects, sessionsBucket, "application/gzip"}})
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
