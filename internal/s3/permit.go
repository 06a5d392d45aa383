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
// bucket or of an object, and the parameters that make it something else; and which
// action policies know it by. Anything that is not here is for the keys of the store.
var (
	reads = map[string]string{"GET bucket": "ListBucket", "HEAD bucket": "ListBucket", "GET bucket location": "GetBucketLocation",
		"GET bucket uploads": "ListBucketMultipartUploads", "GET bucket versions": "ListBucketVersions", "GET bucket acl": "GetBucketAcl",
		"GET object": "GetObject", "HEAD object": "GetObject", "GET object acl": "GetObjectAcl", "GET object attributes": "GetObjectAttributes",
		"GET object tagging": "GetObjectTagging", "GET object uploadId": "ListMultipartUploadParts"}
	writes = map[string]string{deleteMany: "DeleteObject", "PUT object": "PutObject", "PUT object uploadId": "PutObject", "PUT object acl": "PutObjectAcl",
		"PUT object tagging": "PutObjectTagging", "POST object uploads": "PutObject", "POST object uploadId": "PutObject", "DELETE object": "DeleteObject",
		"DELETE object uploadId": "AbortMultipartUpload", "DELETE object tagging": "DeleteObjectTagging"}
)

// deleteMany deletes whichever objects and versions of a bucket its body names.
const deleteMany = "POST bucket delete"

// narrowing are the parameters that leave what is asked as it is.
var narrowing = slices.Concat(linkParameters, linkParametersV2, unsignedV2, []string{securityToken, NodeParameter, "x-id", "versionId", "partNumber",
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
	query, asks := c.Request().URI().QueryArgs(), furtherAsked(c)
	if plain && bucket == "" && c.Method() == fiber.MethodGet && len(asks) == 0 {
		return nil // a list of buckets, which ListBuckets narrows
	}
	what := c.Method() + " object"
	if key == "" {
		what = c.Method() + " bucket"
	}
	what = strings.Join(append([]string{what}, asks...), " ")
	action, write := writes[what]
	if !write {
		action = reads[what]
	}
	if key == "" && !write { // a list; what is deleted stands in the body, wherever it is
		key = string(query.Peek("prefix"))
	}
	switch {
	case !plain || bucket == "", action == "", slices.ContainsFunc(beyond, func(h string) bool { return c.Get(h) != "" }):
		return denied("These credentials are for reading and writing objects: anything else takes those of an administrator.")
	case write && s.may(bucket, key, false) && !s.may(bucket, key, true):
		return denied("These credentials are for reading " + bucket + ", not for writing.")
	case !s.may(bucket, key, write):
		return denied("These credentials are not for " + bucket + "/" + key + ".")
	}
	if err := s.permitByPolicy(what, action, bucket, key, query.Has("versionId")); err != nil {
		return err
	}
	return s.permitCopy(c)
}

// furtherAsked are the parameters that make a request something else, each once.
func furtherAsked(c fiber.Ctx) (asks []string) {
	for name := range c.Request().URI().QueryArgs().All() {
		if n := string(name); !slices.Contains(narrowing, n) && !slices.Contains(asks, n) {
			asks = append(asks, n)
		}
	}
	return asks
}

// permitByPolicy refuses what a policy of the session does not allow.
func (s *session) permitByPolicy(what, action, bucket, key string, version bool) error {
	actions, on, all := []string{action}, bucket, false
	switch {
	case what == deleteMany:
		actions, on, all = []string{action, ofVersion(action)}, bucket+"/", true
	case strings.Contains(what, " object"):
		on = bucket + "/" + key
		if version {
			actions[0] = ofVersion(action)
		}
	}
	for _, action := range actions {
		if !s.allowed(action, on, all) {
			return denied("These credentials are not for s3:" + action + " on " + on + ", by the policy that they were asked for with.")
		}
	}
	return nil
}

// ofVersion is the action on a version of an object.
func ofVersion(action string) string { return strings.Replace(action, "Object", "ObjectVersion", 1) }

// permitCopy refuses to copy what the session may not read.
func (s *session) permitCopy(c fiber.Ctx) error {
	source := c.Get("X-Amz-Copy-Source")
	if source == "" {
		return nil
	}
	bucket, key, version, err := backend.ParseCopySource(source)
	if err != nil {
		return err
	}
	action := "GetObject"
	if version != "" {
		action = ofVersion(action)
	}
	if key == "" || unfit(key) != "" || !s.may(bucket, key, false) || !s.allowed(action, bucket+"/"+key, false) {
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
