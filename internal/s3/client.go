package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/drover-hpc/drover/internal/fault"
)

// Credentials give access to an S3 service. Those that end have a session token.
type Credentials struct {
	AccessKey, SecretKey string
	SessionToken         string `json:",omitempty"`
}

// Client reads and writes objects, named by s3:// URLs. A missing object or
// bucket is a fault.NotFound, a service that does not answer a
// fault.Unavailable.
type Client struct {
	api       *minio.Client
	presigner presigner
}

// Object is what a HEAD tells.
type Object struct {
	Size int64
	// ETag comes without quotes.
	ETag string
}

// requestTimeout bounds one call, as the published service does.
const requestTimeout = 60 * time.Second

// NewClient returns a client of the service at endpoint, such as
// http://127.0.0.1:8081, with path-style addressing.
func NewClient(endpoint string, c Credentials) (*Client, error) {
	return NewClientOver(endpoint, c, func(t *http.Transport) http.RoundTripper { return t })
}

// NewClientOver is NewClient with a transport that wrap makes of the usual one.
func NewClientOver(endpoint string, c Credentials, wrap func(*http.Transport) http.RoundTripper) (*Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Invalid, "S3 endpoint %q is no URL: expected http://host:port", endpoint)
	}
	transport, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, fmt.Errorf("S3 client: %w", err)
	}
	api, err := minio.New(u.Host, &minio.Options{
		Transport:    wrap(transport),
		Creds:        credentials.NewStaticV4(c.AccessKey, c.SecretKey, c.SessionToken),
		Secure:       u.Scheme == "https",
		Region:       "us-east-1", // asking for it would cost a request for each presigned URL
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   4,
	})
	if err != nil {
		return nil, fmt.Errorf("S3 client: %w", err)
	}
	return &Client{api: api, presigner: presigner{access: c.AccessKey, token: c.SessionToken, keys: keyring{secret: c.SecretKey}, now: time.Now}}, nil
}

// EnsureBuckets creates the buckets that do not exist.
func (c *Client) EnsureBuckets(ctx context.Context, names ...string) error {
	for _, name := range names {
		exists, err := c.api.BucketExists(ctx, name)
		if err == nil && !exists {
			err = c.api.MakeBucket(ctx, name, minio.MakeBucketOptions{})
		}
		if err != nil {
			return wrap("create bucket "+name, err)
		}
	}
	return nil
}

// Head tells size and ETag.
func (c *Client) Head(ctx context.Context, name string) (Object, error) {
	u, err := ParseURL(name)
	if err != nil {
		return Object{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := c.api.StatObject(ctx, u.Bucket, u.Key, minio.StatObjectOptions{})
	if err != nil {
		return Object{}, wrap("look up "+name, err)
	}
	return Object{Size: info.Size, ETag: strings.Trim(info.ETag, `"`)}, nil
}

// Get reads an object of at most max bytes; a larger one is a fault.Invalid.
func (c *Client) Get(ctx context.Context, name string, max int64) ([]byte, error) {
	u, err := ParseURL(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	obj, err := c.api.GetObject(ctx, u.Bucket, u.Key, minio.GetObjectOptions{})
	if err != nil {
		return nil, wrap("read "+name, err)
	}
	defer obj.Close()
	data, err := io.ReadAll(io.LimitReader(obj, max+1))
	if err != nil {
		return nil, wrap("read "+name, err)
	}
	if int64(len(data)) > max {
		return nil, fault.New(fault.Invalid, "%s is larger than %d bytes", name, max)
	}
	return data, nil
}

// Download writes an object to w, however large it is and however long it takes.
func (c *Client) Download(ctx context.Context, name string, w io.Writer) error {
	u, err := ParseURL(name)
	if err != nil {
		return err
	}
	obj, err := c.api.GetObject(ctx, u.Bucket, u.Key, minio.GetObjectOptions{})
	if err != nil {
		return wrap("read "+name, err)
	}
	defer obj.Close()
	_, err = io.Copy(w, obj)
	return wrap("read "+name, err)
}

// Upload writes a file as an object, with its MD5 sum as uploaders keep it: in
// the metadata md5sum.
func (c *Client) Upload(ctx context.Context, name, path string) (o Object, sum string, err error) {
	u, err := ParseURL(name)
	if err != nil {
		return Object{}, "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return Object{}, "", err
	}
	defer f.Close()
	hash := md5.New()
	size, err := io.Copy(hash, f)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return Object{}, "", fmt.Errorf("read %s: %w", path, err)
	}
	sum = hex.EncodeToString(hash.Sum(nil))
	info, err := c.api.PutObject(ctx, u.Bucket, u.Key, f, size, minio.PutObjectOptions{
		UserMetadata: map[string]string{"md5sum": sum}, ContentType: "application/octet-stream"})
	if err != nil {
		return Object{}, "", wrap("write "+name, err)
	}
	return Object{Size: info.Size, ETag: strings.Trim(info.ETag, `"`)}, sum, nil
}

// Put writes an object; size -1 means unknown.
func (c *Client) Put(ctx context.Context, name string, r io.Reader, size int64, contentType string) (Object, error) {
	u, err := ParseURL(name)
	if err != nil {
		return Object{}, err
	}
	info, err := c.api.PutObject(ctx, u.Bucket, u.Key, r, size, minio.PutObjectOptions{ContentType: contentType})
	if err != nil {
		return Object{}, wrap("write "+name, err)
	}
	return Object{Size: info.Size, ETag: strings.Trim(info.ETag, `"`)}, nil
}

// Copy copies an object within the service.
func (c *Client) Copy(ctx context.Context, from, to string) (Object, error) {
	src, err := ParseURL(from)
	if err != nil {
		return Object{}, err
	}
	dst, err := ParseURL(to)
	if err != nil {
		return Object{}, err
	}
	info, err := c.api.CopyObject(ctx, minio.CopyDestOptions{Bucket: dst.Bucket, Object: dst.Key},
		minio.CopySrcOptions{Bucket: src.Bucket, Object: src.Key})
	if err != nil {
		return Object{}, wrap("copy "+from+" to "+to, err)
	}
	return Object{Size: info.Size, ETag: strings.Trim(info.ETag, `"`)}, nil
}

// Delete removes an object; a missing one is fine.
func (c *Client) Delete(ctx context.Context, name string) error {
	u, err := ParseURL(name)
	if err != nil {
		return err
	}
	return wrap("delete "+name, c.api.RemoveObject(ctx, u.Bucket, u.Key, minio.RemoveObjectOptions{}))
}

// Keys are those of the bucket's objects, the one written last first.
func (c *Client) Keys(ctx context.Context, bucket string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var all []minio.ObjectInfo
	for o := range c.api.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return nil, wrap("list bucket "+bucket, o.Err)
		}
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b minio.ObjectInfo) int { return b.LastModified.Compare(a.LastModified) })
	keys := make([]string, len(all))
	for i := range all {
		keys[i] = all[i].Key
	}
	return keys, nil
}

// Ready reports whether the service answers.
func (c *Client) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := c.api.ListBuckets(ctx)
	return wrap("list buckets", err)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	var r minio.ErrorResponse
	switch {
	case errors.As(err, &r) && r.StatusCode == http.StatusNotFound:
		return fault.New(fault.NotFound, "%s: %w", doing, err)
	case errors.As(err, &r) && r.StatusCode < 500:
		return fault.New(fault.Invalid, "%s: %w", doing, err)
	}
	return fault.New(fault.Unavailable, "%s: S3: %w", doing, err)
}
