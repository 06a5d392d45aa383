package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/drover-hpc/drover/internal/fault"
)

// stsClient is Amazon's client of the store's token service.
func stsClient(server *Server, c Credentials) *sts.Client {
	return sts.New(sts.Options{BaseEndpoint: aws.String(server.Endpoint()), Region: "eu-north-7", RetryMaxAttempts: 1, HTTPClient: sdkClient(), Credentials: credentialsOf(c)})
}

// assume are credentials that the store gives the holder of others.
func assume(t *testing.T, server *Server, c Credentials, policy string, seconds int32) (Credentials, time.Time) {
	t.Helper()
	out, err := ask(t, server, c, policy, seconds)
	if err != nil {
		t.Fatal(err)
	}
	is := out.Credentials
	return Credentials{AccessKey: *is.AccessKeyId, SecretKey: *is.SecretAccessKey, SessionToken: *is.SessionToken}, *is.Expiration
}

func ask(t *testing.T, server *Server, c Credentials, policy string, seconds int32) (*sts.AssumeRoleOutput, error) {
	t.Helper()
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam:::role/any"), RoleSessionName: aws.String("of-the-test")}
	if policy != "" {
		in.Policy = &policy
	}
	if seconds != 0 {
		in.DurationSeconds = &seconds
	}
	return stsClient(server, c).AssumeRole(t.Context(), in)
}

// allowing is a policy with one statement; both lists have spaces between them.
func allowing(actions, resources string) string {
	text, _ := json.Marshal(document{Version: "2012-10-17", Statement: []statement{{Effect: "Allow", Action: strings.Fields(actions), Resource: strings.Fields(resources)}}})
	return string(text)
}

// deeds are what the holder of credentials may do, of a list with most kinds of requests.
func deeds(t *testing.T, server *Server, k Credentials) (may []string) {
	t.Helper()
	c, ctx := awsClient(server, k), t.Context()
	name := aws.String
	for what, do := range map[string]func() error{
		"list boot-images": func() error {
			_, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: name("boot-images")})
			return err
		},
		"list ims": func() error {
			_, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: name("ims")})
			return err
		},
		"read ims/jobs/1": func() error {
			_, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: name("ims"), Key: name("jobs/1/recipe")})
			return err
		},
		"read ims/jobs/2": func() error {
			_, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: name("ims"), Key: name("jobs/2/recipe")})
			return err
		},
		"read private": func() error {
			_, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: name("private"), Key: name("secret")})
			return err
		},
		"write ims/jobs/1": func() error {
			_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: name("ims"), Key: name("jobs/1/new"), Body: strings.NewReader("x")})
			return err
		},
		"write private": func() error {
			_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: name("private"), Key: name("new"), Body: strings.NewReader("x")})
			return err
		},
		"copy private to ims/jobs/1": func() error {
			_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: name("ims"), Key: name("jobs/1/copy"), CopySource: name("private/secret")})
			return err
		},
		"delete ims/jobs/1": func() error {
			_, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: name("ims"), Key: name("jobs/1/nothing")})
			return err
		},
		"delete many of ims": func() error {
			_, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: name("ims"), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: name("jobs/1/nothing")}}}})
			return err
		},
		"read a version": func() error {
			_, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: name("ims"), Key: name("jobs/1/recipe"), VersionId: name("null")})
			return err
		},
		"set up ims": func() error {
			_, err := c.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: name("ims"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: name("a"), Value: name("b")}}}})
			return err
		},
	} {
		switch err := do(); {
		case err == nil:
			may = append(may, what)
		case what == "read a version" && code(err) == "BadRequest": // it may, and this store keeps none
			may = append(may, what)
		case code(err) != "AccessDenied" && code(err) != "Forbidden":
			t.Errorf("%s: %v", what, err)
		}
	}
	slices.Sort(may)
	return may
}

func TestRolesMayDoWhatTheirPolicyAllowsAndNothingElse(t *testing.T) {
	server, _ := startWithPrivate(t)
	const objects = "s3:GetObject s3:PutObject s3:DeleteObject"
	for name, tt := range map[string]struct {
		policy string
		want   string
	}{
		"reading": {allowing("s3:GetObject s3:ListBucket", "arn:aws:s3:::ims arn:aws:s3:::ims/*"), "list ims,read ims/jobs/1,read ims/jobs/2"},
		"objects without listing": {allowing(objects, "arn:aws:s3:::ims/*"),
			"delete ims/jobs/1,read ims/jobs/1,read ims/jobs/2,write ims/jobs/1"},
		"below a prefix":             {allowing("s3:*", "arn:aws:s3:::ims/jobs/1/*"), "delete ims/jobs/1,read a version,read ims/jobs/1,write ims/jobs/1"},
		"one object":                 {allowing("s3:getobject", "arn:aws:s3:::ims/jobs/1/recipe"), "read ims/jobs/1"},
		"writing alone":              {allowing("s3:PutObject", "arn:aws:s3:::ims/*"), "write ims/jobs/1"},
		"a bucket as such":           {allowing("s3:*", "arn:aws:s3:::ims"), "list ims"},
		"actions of another service": {allowing("iam:*", "*"), ""},
		"two buckets": {policyOf([]Grant{{Bucket: "boot-images"}, {Bucket: "ims", Write: true}}),
			"delete ims/jobs/1,delete many of ims,list boot-images,list ims,read a version,read ims/jobs/1,read ims/jobs/2,write ims/jobs/1"},
		"all objects": {policyOf([]Grant{{Bucket: AnyBucket, Write: true}}),
			"copy private to ims/jobs/1,delete ims/jobs/1,delete many of ims,list boot-images,list ims,read a version,read ims/jobs/1,read ims/jobs/2,read private,write ims/jobs/1,write private"},
		"no policy": {policyOf([]Grant{Everything}),
			"copy private to ims/jobs/1,delete ims/jobs/1,delete many of ims,list boot-images,list ims,read a version,read ims/jobs/1,read ims/jobs/2,read private,set up ims,write ims/jobs/1,write private"},
	} {
		t.Run(name, func(t *testing.T) {
			k, _ := assume(t, server, keys, tt.policy, 0)
			if got := strings.Join(deeds(t, server, k), ","); got != tt.want {
				t.Errorf("may %s\nwant %s", got, tt.want)
			}
		})
	}
}

// Whoever asks with credentials that end gets no more and no longer ones.
func TestRolesOfSessionsAreNoWiderAndNoLonger(t *testing.T) {
	server, _ := startWithPrivate(t)
	session := given(20*time.Minute, Grant{Bucket: "ims", Prefix: "jobs/1/", Write: true})
	k, ends := assume(t, server, session, allowing("s3:*", "*"), 3600)
	if got := strings.Join(deeds(t, server, k), ","); got != "delete ims/jobs/1,read a version,read ims/jobs/1,write ims/jobs/1" {
		t.Errorf("of a session with a wider policy: %s", got)
	}
	if in := time.Until(ends); in > 20*time.Minute || in < 19*time.Minute {
		t.Errorf("they end in %s, after those that they were asked for by", in)
	}
	k, _ = assume(t, server, keys, allowing("s3:GetObject", "arn:aws:s3:::ims/* arn:aws:s3:::private/*"), 0)
	k, _ = assume(t, server, k, allowing("s3:*", "arn:aws:s3:::ims arn:aws:s3:::ims/*"), 0)
	if got := strings.Join(deeds(t, server, k), ","); got != "read ims/jobs/1,read ims/jobs/2" {
		t.Errorf("of a role with another policy: %s", got)
	}
	k, _ = assume(t, server, k, "", 0)
	if got := strings.Join(deeds(t, server, k), ","); got != "read ims/jobs/1,read ims/jobs/2" {
		t.Errorf("of a role without another policy: %s", got)
	}
	out, err := awsClient(server, k).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil || len(out.Buckets) != 1 || *out.Buckets[0].Name != "ims" {
		t.Errorf("sees %v, %v", out, err)
	}
}

func TestRolesEnd(t *testing.T) {
	server, late := startWithPrivate(t)
	k, ends := assume(t, server, keys, allowing("s3:*", "*"), 900)
	if in := time.Until(ends); in > 15*time.Minute || in < 14*time.Minute {
		t.Errorf("they end in %s", in)
	}
	head := func() error {
		_, err := awsClient(server, k).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("private")})
		return err
	}
	if err := head(); err != nil {
		t.Error(err)
	}
	late.Store(int64(15 * time.Minute))
	if err := head(); code(err) != "ExpiredToken" {
		t.Errorf("after their end: %v", err)
	}
	if _, err := ask(t, server, k, "", 0); code(err) != "ExpiredToken" {
		t.Errorf("as a role's own caller: %v", err)
	}
}

func TestTokenServiceRefusesWhatItDoesNotKnow(t *testing.T) {
	server, _ := startWithPrivate(t)
	stranger := Credentials{AccessKey: "stranger", SecretKey: "x"}
	wrong := Credentials{AccessKey: keys.AccessKey, SecretKey: "guess"}
	one := allowing("s3:GetObject", "arn:aws:s3:::ims/*")
	for name, tt := range map[string]struct {
		by      Credentials
		policy  string
		seconds int32
		want    string
	}{
		"another key":           {stranger, "", 0, "InvalidAccessKeyId"},
		"another secret":        {wrong, "", 0, "SignatureDoesNotMatch"},
		"too short":             {keys, "", 899, "ValidationError"},
		"too long":              {keys, "", 7*86400 + 1, "ValidationError"},
		"no JSON":               {keys, "nothing", 0, "MalformedPolicyDocument"},
		"nothing":               {keys, "{}", 0, "MalformedPolicyDocument"},
		"two documents":         {keys, one + one, 0, "MalformedPolicyDocument"},
		"denies":                {keys, strings.Replace(one, "Allow", "Deny", 1), 0, "MalformedPolicyDocument"},
		"a condition":           {keys, strings.Replace(one, `"Effect"`, `"Condition":{},"Effect"`, 1), 0, "MalformedPolicyDocument"},
		"all but":               {keys, strings.Replace(one, `"Action"`, `"NotAction"`, 1), 0, "MalformedPolicyDocument"},
		"a star in between":     {keys, allowing("s3:GetObject", "arn:aws:s3:::*/public"), 0, "MalformedPolicyDocument"},
		"actions with a star":   {keys, allowing("s3:*Object", "*"), 0, "MalformedPolicyDocument"},
		"another kind of thing": {keys, allowing("s3:GetObject", "arn:aws:iam:::role/x"), 0, "MalformedPolicyDocument"},
		"a long one":            {keys, allowing("s3:GetObject", "arn:aws:s3:::"+strings.Repeat("x", longestPolicy)), 0, "MalformedPolicyDocument"},
	} {
		if _, err := ask(t, server, tt.by, tt.policy, tt.seconds); code(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	long := allowing("s3:GetObject", "arn:aws:s3:::"+strings.Repeat("x", longestPolicy-200))
	k, _ := assume(t, server, keys, long, 0)
	if k, _ = assume(t, server, k, long, 0); len(k.SessionToken) > 6<<10 {
		t.Errorf("a token of %d bytes", len(k.SessionToken))
	}
	if err := func() error { _, err := ask(t, server, k, long, 0); return err }(); code(err) != "PackedPolicyTooLarge" {
		t.Errorf("three long policies: %v", err)
	}
	if err := func() error {
		_, err := awsClient(server, k).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("ims")})
		return err
	}(); code(err) != "Forbidden" {
		t.Errorf("the longest token: %v", err)
	}
}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// A request of the token service is what was signed, and for the token service.
func TestTokenServiceTakesWhatIsSigned(t *testing.T) {
	server, _ := startWithPrivate(t)
	const form = "Action=AssumeRole&Version=2011-06-15"
	send := func(body string, change func(*http.Request) *http.Request) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", server.Endpoint()+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		req.Header.Set("X-Amz-Content-Sha256", sha256Of(form))
		resp, err := http.DefaultClient.Do(change(req))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	signed := func(r *http.Request) *http.Request { return signer.SignV4STS(*r, keys.AccessKey, keys.SecretKey, "") }
	for name, tt := range map[string]struct {
		body   string
		change func(*http.Request) *http.Request
		want   int
	}{
		"as signed":    {form, signed, 200},
		"another body": {form + "&DurationSeconds=604800", signed, 403},
		"not signed":   {form, func(r *http.Request) *http.Request { return r }, 403},
		"signed for S3": {form, func(r *http.Request) *http.Request {
			return signer.SignV4(*r, keys.AccessKey, keys.SecretKey, "", "us-east-1")
		}, 403},
		"of yesterday": {form, func(r *http.Request) *http.Request {
			r = signed(r)
			r.Header.Set("X-Amz-Date", time.Now().Add(-24*time.Hour).UTC().Format(amzDate))
			return r
		}, 403},
		"another query": {form, func(r *http.Request) *http.Request {
			r = signed(r)
			r.URL.RawQuery = "x=y"
			return r
		}, 403},
		"another action": {"Action=GetSessionToken", func(r *http.Request) *http.Request {
			r.Header.Set("X-Amz-Content-Sha256", sha256Of("Action=GetSessionToken"))
			return signed(r)
		}, 400},
		"what narrows and is not known": {form + "&PolicyArns.member.1.arn=x", func(r *http.Request) *http.Request {
			r.Header.Set("X-Amz-Content-Sha256", sha256Of(form+"&PolicyArns.member.1.arn=x"))
			return signed(r)
		}, 400},
		"too long": {strings.Repeat("x", longestForm+1), signed, 400}, // by no more: who is refused may not get to read why while it sends
	} {
		if status, text := send(tt.body, tt.change); status != tt.want || (status == 200) != strings.Contains(text, "<SecretAccessKey>") {
			t.Errorf("%s: %d %s, want %d", name, status, text, tt.want)
		}
	}
}

// What a store that is elsewhere gives is asked of it by its own means, and a store that
// gives nothing says so.
func TestRolesOfAStoreThatIsElsewhere(t *testing.T) {
	server, _ := startWithPrivate(t)
	roles := Roles{Endpoint: server.Endpoint(), Keys: keys}
	k, ends, err := roles.Give(t.Context(), time.Hour, Grant{Bucket: "ims", Prefix: "jobs/1/", Write: true})
	if err != nil {
		t.Fatal(err)
	}
	if in := time.Until(ends); in > time.Hour || in < 59*time.Minute {
		t.Errorf("they end in %s", in)
	}
	if got := strings.Join(deeds(t, server, k), ","); got != "delete ims/jobs/1,list ims,read a version,read ims/jobs/1,write ims/jobs/1" {
		t.Errorf("may %s", got)
	}
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a store without STS": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusMethodNotAllowed)
			io.WriteString(w, `<Error><Code>MethodNotAllowed</Code><Message>not against`+"\n"+`this</Message></Error>`)
		}, `answers AssumeRole with 405`},
		"a refusal": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not`+"\n"+`you</Message></Error></ErrorResponse>`)
		}, `with 403, "AccessDenied": "not\nyou"`},
		"one that speaks of no name space": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey><SessionToken>c</SessionToken><Expiration>2026-05-04T13:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
		}, ""},
		"a page": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>welcome</html>") }, "what no token service says"},
		"another address": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, server.Endpoint(), http.StatusTemporaryRedirect)
		}, "answers AssumeRole with 307"},
		"nothing": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "does not answer"},
		"keys without an end": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
		}, "no session token"},
	} {
		store := httptest.NewServer(tt.answer)
		_, _, err := Roles{Endpoint: store.URL, Keys: keys}.Give(t.Context(), time.Hour, Everything)
		store.Close()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), keys.SecretKey) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// looksLate is a transport that looks for more of a body when the SDK is done with it, as
// net/http does that has had the answer's header meanwhile.
type looksLate struct{ t *testing.T }

func (l looksLate) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		l.t.Errorf("a closed body: %v: net/http closes the connection for that", err)
	}
	return answer, err
}

func TestBodiesForTheTokenServiceCanBeLookedAtLate(t *testing.T) {
	server, _ := startWithPrivate(t)
	if _, _, err := (Roles{Endpoint: server.Endpoint(), Keys: keys, Transport: looksLate{t}}).Give(t.Context(), time.Hour, Everything); err != nil {
		t.Error(err)
	}
}

// The store's record of writes has who was given what.
func TestGivenRolesAreRecorded(t *testing.T) {
	var told []Write // the server is done with each before it is answered
	server, err := StartServer(t.Context(), ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: keys,
		Written: func(_ context.Context, w Write) error {
			told = append(told, w)
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	k, _ := assume(t, server, keys, "", 0)
	if _, err := ask(t, server, Credentials{AccessKey: keys.AccessKey, SecretKey: "guess"}, "", 0); err == nil {
		t.Error("another secret is taken")
	}
	if len(told) != 2 || told[0].Access != keys.AccessKey || told[0].Gave != k.AccessKey || told[0].Status != 200 || told[1].Gave != "" || told[1].Status != 403 {
		t.Errorf("%+v, want that %s was given", told, k.AccessKey)
	}
}
