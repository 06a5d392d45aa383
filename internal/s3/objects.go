package s3

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// objects is the library's directory of objects with what clients expect of S3
// beyond it: a key never stands for another one, listings can be encoded,
// canned ACLs are taken, and checksums of parts may be told at completion.
type objects struct {
	backend.Backend
	attributes meta.MetadataStorer
	dir        string
}

// inFiles tells whether all that is kept of an object is kept in its file.
func (o objects) inFiles() bool {
	_, ok := o.attributes.(meta.XattrMeta)
	return ok
}

func (o objects) bucket(name *string) string { return filepath.Join(o.dir, *name) }

// missing answers for a key that cannot be here.
func missing(key *string) error {
	if key != nil && unfit(*key) != "" {
		return s3err.GetAPIError(s3err.ErrNoSuchKey)
	}
	return nil
}

// missingSource answers for the source of a copy.
func missingSource(source *string) error {
	if source == nil {
		return nil
	}
	_, key, _, err := backend.ParseCopySource(*source)
	if err != nil {
		return err
	}
	return missing(&key)
}

func (o objects) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	if err := cmp.Or(checkKey(*in.Key), checkACL(ctx)); err != nil {
		return s3response.PutObjectOutput{}, err
	}
	out, err := o.Backend.PutObject(ctx, in)
	return out, inWords(err, o.bucket(in.Bucket), *in.Key)
}

func (o objects) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	if err := cmp.Or(checkKey(*in.Key), checkACL(ctx)); err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	if err := missingSource(in.CopySource); err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	out, err := o.Backend.CopyObject(ctx, in)
	return out, inWords(err, o.bucket(in.Bucket), *in.Key)
}

// CreateMultipartUpload refuses at the beginning what could not be completed.
func (o objects) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (s3response.InitiateMultipartUploadResult, error) {
	if err := cmp.Or(checkKey(*in.Key), checkACL(ctx)); err != nil {
		return s3response.InitiateMultipartUploadResult{}, err
	}
	if err := checkPlace(o.bucket(in.Bucket), *in.Key); err != nil {
		return s3response.InitiateMultipartUploadResult{}, err
	}
	out, err := o.Backend.CreateMultipartUpload(ctx, in)
	return out, inWords(err, o.bucket(in.Bucket), *in.Key)
}

func (o objects) UploadPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (s3response.CopyPartResult, error) {
	if err := missingSource(in.CopySource); err != nil {
		return s3response.CopyPartResult{}, err
	}
	return o.Backend.UploadPartCopy(ctx, in)
}

func (o objects) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	if err := missing(in.Key); err != nil {
		return nil, err
	}
	return o.Backend.HeadObject(ctx, in)
}

func (o objects) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	if err := missing(in.Key); err != nil {
		return nil, err
	}
	return o.Backend.GetObject(ctx, in)
}

func (o objects) GetObjectAttributes(ctx context.Context, in *s3.GetObjectAttributesInput) (s3response.GetObjectAttributesResponse, error) {
	if err := missing(in.Key); err != nil {
		return s3response.GetObjectAttributesResponse{}, err
	}
	return o.Backend.GetObjectAttributes(ctx, in)
}

func (o objects) GetObjectTagging(ctx context.Context, bucket, key, version string) (map[string]string, error) {
	if err := missing(&key); err != nil {
		return nil, err
	}
	return o.Backend.GetObjectTagging(ctx, bucket, key, version)
}

func (o objects) PutObjectTagging(ctx context.Context, bucket, key, version string, tags map[string]string) error {
	if err := missing(&key); err != nil {
		return err
	}
	return o.Backend.PutObjectTagging(ctx, bucket, key, version, tags)
}

func (o objects) DeleteObjectTagging(ctx context.Context, bucket, key, version string) error {
	if err := missing(&key); err != nil {
		return err
	}
	return o.Backend.DeleteObjectTagging(ctx, bucket, key, version)
}

// DeleteObject of what is not there is fine.
func (o objects) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	if missing(in.Key) != nil {
		return &s3.DeleteObjectOutput{}, nil
	}
	return o.Backend.DeleteObject(ctx, in)
}

func (o objects) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	here := *in.Delete
	var gone []types.DeletedObject
	here.Objects = slices.DeleteFunc(slices.Clone(here.Objects), func(id types.ObjectIdentifier) bool {
		if missing(id.Key) == nil {
			return false
		}
		gone = append(gone, types.DeletedObject{Key: id.Key})
		return true
	})
	if len(here.Objects) == 0 {
		return s3response.DeleteResult{Deleted: gone}, nil
	}
	rest := *in
	rest.Delete = &here
	out, err := o.Backend.DeleteObjects(ctx, &rest)
	out.Deleted = append(out.Deleted, gone...)
	return out, err
}
