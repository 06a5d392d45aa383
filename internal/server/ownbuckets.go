package server

import (
	"context"
	"io"
	"slices"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/s3"
)

// ownBuckets have what this server keeps for itself and those that take its place.
var ownBuckets = []string{packsBucket, ofSessions.bucket, ofImages.bucket, ofAgents.bucket}

// imageObjects is the object store as IMS has it. A record of an image or a recipe
// leads where its author says, and takes what is there along when it is deleted: that
// must be nothing of this server's own.
type imageObjects struct{ store ims.ObjectStore }

var _ ims.ObjectStore = imageObjects{}

func (o imageObjects) Get(ctx context.Context, url string, most int64) ([]byte, error) {
	if err := notOwn(url); err != nil {
		return nil, err
	}
	return o.store.Get(ctx, url, most)
}

func (o imageObjects) Head(ctx context.Context, url string) (s3.Object, error) {
	if err := notOwn(url); err != nil {
		return s3.Object{}, err
	}
	return o.store.Head(ctx, url)
}

func (o imageObjects) Put(ctx context.Context, url string, r io.Reader, size int64, contentType string) (s3.Object, error) {
	if err := notOwn(url); err != nil {
		return s3.Object{}, err
	}
	return o.store.Put(ctx, url, r, size, contentType)
}

func (o imageObjects) Copy(ctx context.Context, from, to string) (s3.Object, error) {
	if err := notOwn(from, to); err != nil {
		return s3.Object{}, err
	}
	return o.store.Copy(ctx, from, to)
}

func (o imageObjects) Delete(ctx context.Context, url string) error {
	if err := notOwn(url); err != nil {
		return err
	}
	return o.store.Delete(ctx, url)
}

func notOwn(urls ...string) error {
	for _, text := range urls {
		if u, err := s3.ParseURL(text); err == nil && slices.Contains(ownBuckets, u.Bucket) {
			return fault.New(fault.Invalid, "%s: the bucket %s has what this server keeps itself: expected an object of another one", text, u.Bucket)
		}
	}
	return nil
}
