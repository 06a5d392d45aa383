package cli

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

// store is the object store, with credentials that the gateway gives out at
// each call.
func (s *session) store(ctx context.Context) (*minio.Client, error) {
	text, err := s.gateway.do(ctx, "/apis/sts", &derive.Request{Method: http.MethodPut, Path: "/token"})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken, EndpointURL string }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, failed("decode the credentials of the object store: %v", err)
	}
	c := answer.Credentials
	endpoint, err := url.Parse(c.EndpointURL)
	if err != nil || endpoint.Host == "" {
		return nil, failed("the object store's address %q is no URL", c.EndpointURL)
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
		Secure: endpoint.Scheme == "https", BucketLookup: minio.BucketLookupPath, Region: "us-east-1",
		Transport: s.gateway.http.Transport,
	})
	if err != nil {
		return nil, failed("object store: %v", err)
	}
	return client, nil
}

// stored is an object that was uploaded.
type stored struct{ ETag, MD5 string }

// upload puts a file into the store, with its MD5 as metadata as the published
// uploaders do and with further headers. What was uploaded in part is removed.
func upload(ctx context.Context, client *minio.Client, bucket, key, path string, header map[string]string) (stored, error) {
	f, err := os.Open(path)
	if err != nil {
		return stored{}, err
	}
	defer f.Close()
	hash := md5.New()
	size, err := io.Copy(hash, f)
	if err != nil {
		return stored{}, fmt.Errorf("read %s: %w", path, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return stored{}, err
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	metadata := map[string]string{"md5sum": sum}
	maps.Copy(metadata, header) // the client library tells headers from metadata by their names
	info, err := client.PutObject(ctx, bucket, key, f, size, minio.PutObjectOptions{
		UserMetadata: metadata, ContentType: "application/octet-stream"})
	if err != nil {
		client.RemoveObject(context.WithoutCancel(ctx), bucket, key, minio.RemoveObjectOptions{}) //nolint:errcheck // the upload's error says more
		return stored{}, fmt.Errorf("upload %s to s3://%s/%s: %w", path, bucket, key, err)
	}
	return stored{ETag: info.ETag, MD5: sum}, nil
}
