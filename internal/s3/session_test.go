package s3

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// startWithPrivate is startServer with a bucket, private, that no session of the
// tests is for, and with a clock for sessions that stands late behind the real one.
func startWithPrivate(t *testing.T) (server *Server, late *atomic.Int64) {
	t.Helper()
	late = &atomic.Int64{}
	server, err := StartServer(t.Context(), ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: keys,
		Now: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	client, err := NewClient(server.Endpoint(), keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.EnsureBuckets(t.Context(), "boot-images", "ims", "private"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{object, "/private/secret", "/ims/jobs/1/recipe", "/ims/jobs/2/recipe"} {
		if _, err := client.Put(t.Context(), "s3:/"+path, strings.NewReader("a kernel"), 8, ""); err != nil {
			t.Fatal(err)
		}
	}
	return server, late
}

// given are credentials of a session as another server of the site would give them.
func given(lasts time.Duration, grants ...Grant) Credentials {
	c, _ := NewSessions(keys, time.Now).Give(lasts, grants...)
	return c
}

// sdkClient is an HTTP client for those that ask once.
func sdkClient() *http.Client { return &http.Client{Transport: plainBodies{&http.Transport{}}} }

func awsClient(server *Server, c Credentials) *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: aws.String(server.Endpoint()), UsePathStyle: true, Region: "us-east-1", RetryMaxAttempts: 1, HTTPClient: sdkClient(), Credentials: credentialsOf(c)})
}

func credentialsOf(c Credentials) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: c.AccessKey, SecretAccessKey: c.SecretKey, SessionToken: c.SessionToken}, nil
	})
}

// code is S3's code of the error, "" for none.
func code(err error) string {
	var said smithy.APIError
	if err == nil {
		return ""
	}
	if errors.As(err, &said) {
		return said.ErrorCode()
	}
	return err.Error()
}

func TestSessionsMayDoWhatTheyAreGrantedAndNothingElse(t *testing.T) {
	server, _ := startWithPrivate(t)
	ctx := t.Context()
	c := awsClient(server, given(time.Hour, Grant{Bucket: "boot-images"}, Grant{Bucket: "ims", Write: true}))
	at := func(path string) (*string, *string) {
		bucket, key, _ := strings.Cut(path[1:], "/")
		return &bucket, &key
	}
	get := func(path string) error {
		bucket, key := at(path)
		out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
		if err == nil {
			out.Body.Close()
		}
		return err
	}
	put := func(path string) error {
		bucket, key := at(path)
		_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("mine")})
		return err
	}
	duplicate := func(from, to string) error {
		bucket, key := at(to)
		_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: key, CopySource: aws.String(escapeKey(from))})
		return err
	}
	remove := func(bucket, key string) error {
		_, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: &key}}}})
		return err
	}
	list := func(bucket string) error {
		_, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket})
		return err
	}
	_, makes := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("ims2")})
	_, opens := c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String("ims"), Policy: aws.String("{}")})
	_, versions := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: aws.String("ims"),
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	for what, is := range map[string]struct {
		err  error
		want string
	}{
		"read":                              {get(object), ""},
		"write":                             {put("/ims/mine"), ""},
		"list":                              {list("boot-images"), ""},
		"copy":                              {duplicate(object, "/ims/copy"), ""},
		"delete":                            {remove("ims", "copy"), ""},
		"write what may be read":            {put("/boot-images/mine"), "AccessDenied"},
		"write over what may be read":       {put(object), "AccessDenied"},
		"delete what may be read":           {remove("boot-images", object[len("/boot-images/"):]), "AccessDenied"},
		"read another bucket":               {get("/private/secret"), "AccessDenied"},
		"write another bucket":              {put("/private/mine"), "AccessDenied"},
		"list another bucket":               {list("private"), "AccessDenied"},
		"list a bucket that is not there":   {list("nowhere"), "AccessDenied"},
		"copy out of another bucket":        {duplicate("/private/secret", "/ims/stolen"), "AccessDenied"},
		"copy to where it may but read":     {duplicate(object, "/boot-images/copy"), "AccessDenied"},
		"delete in another bucket":          {remove("private", "secret"), "AccessDenied"},
		"make a bucket":                     {makes, "AccessDenied"},
		"open a bucket to everybody":        {opens, "AccessDenied"},
		"keep versions of a bucket":         {versions, "AccessDenied"},
		"read by a path that leads outside": {get("/ims/../private/secret"), "AccessDenied"},
	} {
		if got := code(is.err); got != is.want {
			t.Errorf("%s: %q, want %q", what, got, is.want)
		}
	}
	wantObject(t, server, object, "a kernel")
	wantObject(t, server, "/private/secret", "a kernel")
	wantObject(t, server, "/ims/mine", "mine")
}

func TestSessionsListTheirBuckets(t *testing.T) {
	server, _ := startWithPrivate(t)
	names := func(k Credentials) (list []string) {
		out, err := awsClient(server, k).ListBuckets(t.Context(), &s3.ListBucketsInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range out.Buckets {
			list = append(list, *b.Name)
		}
		return list
	}
	for range 2 { // on the same connection
		if got := names(given(time.Hour, Grant{Bucket: "ims"})); !slices.Equal(got, []string{"ims"}) {
			t.Errorf("a session for ims sees %q", got)
		}
		for _, k := range []Credentials{keys, given(time.Hour, Everything)} {
			if got := names(k); len(got) != 3 {
				t.Errorf("who may do all sees %q", got)
			}
		}
	}
}

func TestSessionsOfAdministratorsMayDoAll(t *testing.T) {
	server, _ := startWithPrivate(t)
	c := awsClient(server, given(time.Hour, Everything))
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("new")}); err != nil {
		t.Error(err)
	}
	if _, err := c.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: aws.String("new"),
		Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}}); err != nil {
		t.Error(err)
	}
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("new"), Key: aws.String("x"), Body: strings.NewReader("y")}); err != nil {
		t.Error(err)
	}
}

// Who may write all objects may not open a bucket to everybody.
func TestGrantsForAllBucketsAreForObjects(t *testing.T) {
	server, _ := startWithPrivate(t)
	c := awsClient(server, given(time.Hour, Grant{Bucket: AnyBucket, Write: true}))
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("private"), Key: aws.String("x"), Body: strings.NewReader("y")}); err != nil {
		t.Error(err)
	}
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("new")}); code(err) != "AccessDenied" {
		t.Errorf("made a bucket: %v", err)
	}
}

func TestGrantsEndWithTheirPrefix(t *testing.T) {
	server, _ := startWithPrivate(t)
	k := given(time.Hour, Grant{Bucket: "ims", Prefix: "jobs/1/", Write: true})
	for _, r := range []struct {
		method, path, query string
		want                int
	}{
		{"GET", "/ims/jobs/1/recipe", "", 200}, {"PUT", "/ims/jobs/1/image", "", 200}, {"GET", "/ims", "list-type=2&prefix=jobs/1/", 200},
		{"GET", "/ims/jobs/2/recipe", "", 403}, {"PUT", "/ims/jobs/2/recipe", "", 403}, {"PUT", "/ims/jobs/1/../2/recipe", "", 403},
		{"GET", "/ims", "list-type=2&prefix=jobs/", 403}, {"GET", "/ims", "list-type=2", 403}, {"GET", "/ims", "prefix=jobs/1/&policy=", 403},
	} {
		if status, body := send(t, sdk(t, request(t, server, r.method, r.path, r.query, ""), k, "us-east-1", "", time.Now())); status != r.want {
			t.Errorf("%s %s?%s: %d %s, want %d", r.method, r.path, r.query, status, body, r.want)
		}
	}
}

// Whatever a client makes of a path, it is in one bucket.
func TestNoSpellingOfAPathLeadsOutOfTheBucket(t *testing.T) {
	server, _ := startWithPrivate(t)
	k := given(time.Hour, Grant{Bucket: "ims", Write: true})
	for _, path := range []string{"/ims/../private/secret", "/ims/%2e%2e/private/secret", "/ims%2f..%2fprivate/secret", "//private/secret",
		"/./private/secret", "/private%2Fsecret", "/%70rivate/secret", "/ims//../private/secret", "/IMS/../private/secret"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", server.Endpoint()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := send(t, sdk(t, req, k, "us-east-1", "", time.Now())); status != 403 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestSessionsSignInEveryForm(t *testing.T) {
	server, _ := startWithPrivate(t)
	writer, reader := given(time.Hour, Grant{Bucket: "boot-images", Write: true}), given(time.Hour, Grant{Bucket: "boot-images"})
	for name, form := range forms(t, server) {
		t.Run(name, func(t *testing.T) {
			if status, body := send(t, form(reader)); status != 403 || !strings.Contains(body, "<Code>AccessDenied</Code>") {
				t.Errorf("with credentials for reading: %d %s", status, body)
			}
			stranger := writer
			stranger.SecretKey = "guess"
			if status, body := send(t, form(stranger)); status != 403 {
				t.Errorf("with another secret: %d %s", status, body)
			}
			for what, change := range changes {
				req := form(writer)
				change(req)
				if status, body := send(t, req); status != 403 && !(status == 400 && strings.Contains(body, "x-amz-content-sha256")) {
					t.Errorf("%s: %d %s", what, status, body)
				}
			}
			wantObject(t, server, object, "a kernel")
			if status, body := send(t, form(writer)); status != 200 {
				t.Errorf("with credentials for writing: %d %s", status, body)
			}
			wantObject(t, server, object, "evil")
			if status, body := do(t, server, "PUT", object, "", "a kernel"); status != 200 {
				t.Fatalf("PUT: %d %s", status, body)
			}
		})
	}
}

func TestAlteredTokensAreRefused(t *testing.T) {
	server, _ := startWithPrivate(t)
	k := given(time.Hour, Grant{Bucket: "ims", Write: true})
	parts := strings.Split(k.SessionToken, ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	wider := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(text), "ims", "private", 1)))
	elsewhere, _ := NewSessions(Credentials{AccessKey: "key", SecretKey: "of another site"}, time.Now).Give(time.Hour, Grant{Bucket: "private"})
	other := given(time.Hour, Grant{Bucket: "private"})
	for what, c := range map[string]Credentials{
		"another bucket":            {AccessKey: k.AccessKey, SecretKey: k.SecretKey, SessionToken: parts[0] + "." + wider + "." + parts[2]},
		"no mark":                   {AccessKey: k.AccessKey, SecretKey: k.SecretKey, SessionToken: parts[0] + "." + wider},
		"an empty mark":             {AccessKey: k.AccessKey, SecretKey: k.SecretKey, SessionToken: parts[0] + "." + wider + "."},
		"no token":                  {AccessKey: k.AccessKey, SecretKey: k.SecretKey},
		"the token of another":      {AccessKey: k.AccessKey, SecretKey: k.SecretKey, SessionToken: other.SessionToken},
		"the access key of another": {AccessKey: other.AccessKey, SecretKey: k.SecretKey, SessionToken: k.SessionToken},
		"those of another site":     elsewhere,
		"the site's key with one":   {AccessKey: keys.AccessKey, SecretKey: keys.SecretKey, SessionToken: other.SessionToken},
	} {
		for form, req := range map[string]*http.Request{
			"header": sdk(t, request(t, server, "GET", "/private/secret", "", ""), c, "us-east-1", "", time.Now()),
			"region": sdk(t, request(t, server, "GET", "/private/secret", "", ""), c, "eu-north-7", "", time.Now()),
			"link":   sdkLink(t, request(t, server, "GET", "/private/secret", "", ""), c, "us-east-1", time.Now()),
		} {
			if status, body := send(t, req); status != 400 && status != 403 || !strings.Contains(body, "<Code>InvalidToken</Code>") {
				t.Errorf("%s, %s: %d %s", what, form, status, body)
			}
		}
	}
	stolen := sdk(t, request(t, server, "GET", "/private/secret", "", ""), k, "us-east-1", "", time.Now())
	stolen.Header.Set("X-Amz-Security-Token", other.SessionToken)
	if status, body := send(t, stolen); status == 200 {
		t.Errorf("with another token than signed: %d %s", status, body)
	}
}

func TestSessionsAndTheirLinksEnd(t *testing.T) {
	server, late := startWithPrivate(t)
	k := given(time.Hour, Grant{Bucket: "boot-images"})
	c, err := NewClient(server.Endpoint(), k)
	if err != nil {
		t.Fatal(err)
	}
	link, err := c.Presign(t.Context(), "s3:/"+object, "x1", 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	site, err := NewClient(server.Endpoint(), keys)
	if err != nil {
		t.Fatal(err)
	}
	own, err := site.Presign(t.Context(), "s3:/"+object, "x1", 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	head := func() error { _, err := c.Head(t.Context(), "s3:/"+object); return err }
	for end := time.Now().Add(time.Minute); server.fetches.answered.Load() == 0 && time.Now().Before(end); {
		if status, body := get(t, own); status != 200 {
			t.Fatalf("%d %s", status, body) // until the object is answered from memory
		}
	}
	before := server.fetches.answered.Load()
	if status, body := get(t, link); status != 200 || body != "a kernel" || server.fetches.answered.Load() != before {
		t.Errorf("a link of a session: %d %s, or not checked", status, body)
	}
	if err := head(); err != nil {
		t.Error(err)
	}
	late.Store(int64(time.Hour))
	if status, body := get(t, link); status != 400 || !strings.Contains(body, "<Code>ExpiredToken</Code>") {
		t.Errorf("a link of a day, of a session that ended: %d %s", status, body)
	}
	if err := head(); err == nil {
		t.Error("a session that ended still reads")
	}
	for form, req := range map[string]*http.Request{
		"v2 header": v2Header(request(t, server, "GET", object, "", ""), k), "v2 link": v2Link(request(t, server, "GET", object, "", ""), k, time.Hour)} {
		if status, body := send(t, req); status != 400 || !strings.Contains(body, "<Code>ExpiredToken</Code>") {
			t.Errorf("%s: %d %s", form, status, body)
		}
	}
}

func TestSessionsUploadInParts(t *testing.T) {
	server, _ := startWithPrivate(t)
	k := given(time.Hour, Grant{Bucket: "ims", Prefix: "jobs/1/", Write: true})
	wantObject(t, server, "/ims/jobs/1/big", uploadInParts(t, server, k, "ims", "jobs/1/big"))
}

// uploadInParts uploads an object in two parts and returns what is in it.
func uploadInParts(t *testing.T, server *Server, k Credentials, bucket, key string) string {
	t.Helper()
	c, err := minio.New(strings.TrimPrefix(server.Endpoint(), "http://"), &minio.Options{Region: "us-east-1",
		Creds: credentials.NewStaticV4(k.AccessKey, k.SecretKey, k.SessionToken), BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", 6<<20)
	if _, err := c.PutObject(t.Context(), bucket, key, strings.NewReader(text), int64(len(text)), minio.PutObjectOptions{PartSize: 5 << 20}); err != nil {
		t.Fatal(err)
	}
	return text
}
