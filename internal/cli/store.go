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
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

// store is the object store, with credentials that the gateway gives out at each
// call, and again when they end before it does.
func (s *session) store(ctx context.Context) (*minio.Client, error) {
	given := &givenKeys{ask: func() (storeKeys, error) { return s.storeKeys(ctx) }}
	first, err := given.ask()
	if err != nil {
		return nil, err
	}
	given.first = &first
	endpoint, err := url.Parse(first.EndpointURL)
	if err != nil || endpoint.Host == "" {
		return nil, failed("the object store's address %q is no URL", first.EndpointURL)
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.New(given),
		Secure: endpoint.Scheme == "https", BucketLookup: minio.BucketLookupPath, Region: "us-east-1",
		Transport: s.gateway.http.Transport,
	})
	if err != nil {
		return nil, failed("object store: %v", err)
	}
	return client, nil
}

// storeKeys are what the gateway gives out.
type storeKeys struct {
	AccessKeyID, SecretAccessKey, SessionToken, EndpointURL string
	// Expiration is when they end; other servers leave it out.
	Expiration *time.Time
}

func (s *session) storeKeys(ctx context.Context) (storeKeys, error) {
	text, err := s.gateway.do(ctx, "/apis/sts", &derive.Request{Method: http.MethodPut, Path: "/token"})
	if err != nil {
		return storeKeys{}, err
	}
	var answer struct{ Credentials storeKeys }
	if err := json.Unmarshal(text, &answer); err != nil {
		return storeKeys{}, failed("decode the credentials of the object store: %v", err)
	}
	return answer.Credentials, nil
}

// givenKeys are credentials that are asked for again when most of their time is over.
type givenKeys struct {
	credentials.Expiry
	first *storeKeys // not used yet
	ask   func() (storeKeys, error)
}

// Retrieve implements credentials.Provider.
func (g *givenKeys) Retrieve() (credentials.Value, error) {
	keys := g.first
	if g.first = nil; keys == nil {
		asked, err := g.ask()
		if err != nil {
			return credentials.Value{}, err
		}
		keys = &asked
	}
	end := endless
	if keys.Expiration != nil {
		end = *keys.Expiration
	}
	g.SetExpiration(end, credentials.DefaultExpiryWindow)
	return credentials.Value{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken,
		Expiration: end, SignerType: credentials.SignatureV4}, nil
}

// RetrieveWithCredContext implements credentials.Provider.
func (g *givenKeys) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return g.Retrieve()
}

// endless is the end of credentials that have none.
var endless = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

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
