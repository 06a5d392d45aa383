package s3

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3response"
)

// What a session without all rights may ask for: the method, whether it is of a
// bucket or of an object, and the parameters that make it something else. Anything
// that is not here is for the keys of the store.
var (
	reads = []string{"GET bucket", "HEAD bucket", "GET bucket location", "GET bucket uploads", "GET bucket versions", "GET bucket acl",
		"GET object", "HEAD object", "GET object acl", "GET object attributes", "GET object tagging", "GET object uploadId"}
	writes = []string{"POST bucket delete", "PUT object", "PUT object uploadId", "PUT object acl", "PUT object tagging",
		"POST object uploads", "POST object uploadId", "DELETE object", "DELETE object uploadId", "DELETE object tagging"}
)

// narrowing are the parameters that leave what is asked as it is.
var narrowing = slices.Concat(linkParameters, linkParametersV2, unsignedV2, []string{securityToken, NodeParameter, "versionId", "partNumber",
	"response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
	"response-content-type", "response-expires"})

// beyond are headers by which a write is more than one of an object.
var beyond = []string{"X-Amz-Bypass-Governance-Retention", "X-Amz-Object-Lock-Mode", "X-Amz-Object-Lock-Retain-Until-Date", "X-Amz-Object-Lock-Legal-Hold"}

// admit refuses a verified request that its session, nil if it is of none, may not
// make, and takes out of others what the library knows nothing of.
func (s *session) admit(c fiber.Ctx) error {
	if s == nil {
		return nil
	}
	if err := s.permit(c); err != nil {
		return err
	}
	c.Request().Header.Del(securityToken)
	c.Request().URI().QueryArgs().Del(securityToken)
	return nil
}

// permit refuses what the session may not do.
func (s *session) permit(c fiber.Ctx) error {
	c.RequestCtx().SetUserValue(sessionKey{}, s)
	if s.all() {
		return nil
	}
	bucket, key, plain := place(c)
	query := c.Request().URI().QueryArgs()
	var asks []string
	for name := range query.All() {
		if n := string(name); !slices.Contains(narrowing, n) && !slices.Contains(asks, n) {
			asks = append(asks, n)
		}
	}
	if plain && bucket == "" && c.Method() == fiber.MethodGet && len(asks) == 0 {
		return nil // a list of buckets, which ListBuckets narrows
	}
	what := c.Method() + " object"
	if key == "" {
		what = c.Method() + " bucket"
		key = string(query.Peek("prefix"))
	}
	what = strings.Join(append([]string{what}, asks...), " ")
	write := slices.Contains(writes, what)
	switch {
	case !plain || bucket == "", !write && !slices.Contains(reads, what), slices.ContainsFunc(beyond, func(h string) bool { return c.Get(h) != "" }):
		return denied("These credentials are for reading and writing objects: anything else takes those of an administrator.")
	case write && s.may(bucket, key, false) && !s.may(bucket, key, true):
		return denied("These credentials are for reading " + bucket + ", not for writing.")
	case !s.may(bucket, key, write):
		return denied("These credentials are not for " + bucket + "/" + key + ".")
	}
	return s.permitCopy(c)
}

// permitCopy refuses to copy what the session may not read.
func (s *session) permitCopy(c fiber.Ctx) error {
	source := c.Get("X-Amz-Copy-Source")
	if source == "" {
		return nil
	}
	bucket, key, _, err := backend.ParseCopySource(source)
	if err != nil {
		return err
	}
	if key == "" || unfit(key) != "" || !s.may(bucket, key, false) {
		return denied("These credentials are not for reading " + bucket + "/" + key + ", which is to be copied.")
	}
	return nil
}

// place is the bucket and the key of a request's path; plain is false if others
// might read another place in it.
func place(c fiber.Ctx) (bucket, key string, plain bool) {
	path, err := url.PathUnescape(string(c.Request().URI().PathOriginal()))
	if err != nil || !strings.HasPrefix(path, "/") {
		return "", "", false
	}
	bucket, key, _ = strings.Cut(path[1:], "/")
	if bucket == "" {
		return "", "", key == "" && path == "/"
	}
	return bucket, key, utils.IsValidBucketName(bucket) && (key == "" || unfit(key) == "")
}

type sessionKey struct{}

// ListBuckets lists those that the session of the request is for.
func (o objects) ListBuckets(ctx context.Context, in s3response.ListBucketsInput) (s3response.ListAllMyBucketsResult, error) {
	out, err := o.Backend.ListBuckets(ctx, in)
	request, is := ctx.(*fasthttp.RequestCtx)
	if err != nil || !is {
		return out, err
	}
	if s, is := request.UserValue(sessionKey{}).(*session); is && !s.all() {
		out.Buckets.Bucket = slices.DeleteFunc(out.Buckets.Bucket, func(b s3response.ListAllMyBucketsEntry) bool { return !s.sees(b.Name) })
	}
	return out, nil
}
