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
		Files: aee.LeftBehind, Objects: shelved{s.platform.objects}})
	if err := kept.Start(s.working); err != nil {
		return nil, err
	}
	s.onStop(kept.Stop)
	return kept, nil
}

// shelved are the archives of a shelf in the object store.
type shelved struct{ objects *s3.Client }

func (o shelved) url(key string) string { return "s3://" + sessionsBucket + "/" + key }

func (o shelved) Store(ctx context.Context, key string, archive io.Reader, size int64) error {
	_, err := o.objects.Put(ctx, o.url(key), archive, size, "application/gzip")
	return err
}

func (o shelved) Load(ctx context.Context, key string, w io.Writer) error {
	return o.objects.Download(ctx, o.url(key), w)
}

func (o shelved) Keys(ctx context.Context) ([]string, error) {
	return o.objects.Keys(ctx, sessionsBucket)
}

func (o shelved) Delete(ctx context.Context, key string) error {
	return o.objects.Delete(ctx, o.url(key))
}
