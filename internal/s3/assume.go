package s3

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/drover-hpc/drover/internal/fault"
)

// Roles gives credentials that end of a store that is elsewhere, which makes them itself
// (AssumeRole).
type Roles struct {
	// Endpoint is the URL of the store's token service.
	Endpoint string
	// ARN names the role; MinIO and Drover have none.
	ARN string
	// Keys are those by which the store is asked. What they may do, or the role, bounds
	// what it gives.
	Keys      Credentials
	Transport http.RoundTripper
}

// roleSession is how the store's log calls whom the credentials are for.
const roleSession = "drover"

// Give returns credentials for what is granted, and when they end. A store that gives none
// is a fault.Unavailable with its own words.
func (r Roles) Give(ctx context.Context, lasts time.Duration, grants ...Grant) (c Credentials, ends time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	// What is asked goes to this address and no other.
	client := &http.Client{Transport: plainBodies{cmp.Or(r.Transport, http.DefaultTransport)}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	service := sts.New(sts.Options{BaseEndpoint: &r.Endpoint, Region: region, RetryMaxAttempts: 1, HTTPClient: client,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: r.Keys.AccessKey, SecretAccessKey: r.Keys.SecretKey}, nil
		})})
	ask := &sts.AssumeRoleInput{RoleArn: &r.ARN, RoleSessionName: aws.String(roleSession), DurationSeconds: aws.Int32(int32(lasts / time.Second))}
	if text := policyOf(grants); text != "" {
		ask.Policy = &text
	}
	given, err := service.AssumeRole(ctx, ask)
	if err != nil {
		return c, ends, r.inWords(err)
	}
	is := given.Credentials
	if is == nil || aws.ToString(is.SessionToken) == "" || aws.ToString(is.AccessKeyId) == r.Keys.AccessKey || is.Expiration == nil {
		return c, ends, fault.New(fault.Unavailable, "%s answers AssumeRole with credentials that have no session token or no end", r.Endpoint)
	}
	return Credentials{AccessKey: aws.ToString(is.AccessKeyId), SecretKey: aws.ToString(is.SecretAccessKey), SessionToken: *is.SessionToken}, *is.Expiration, nil
}

// plainBodies is a transport for what the SDK sends. Its bodies answer WriteTo with io.EOF
// once they are closed, which is when the answer begins (smithy-go 1.28.1). net/http looks
// for more of a body after it has sent the whole; if the answer was faster, it takes that
// for a body that cannot be read, and closes the connection under who reads the answer.
type plainBodies struct{ http.RoundTripper }

func (t plainBodies) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r = r.WithContext(r.Context()) // a copy: the request is the caller's
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return t.RoundTripper.RoundTrip(r)
}

// inWords says why the store gave nothing. What it says itself is quoted, and bounded.
func (r Roles) inWords(err error) error {
	var refusal smithy.APIError
	var answer *smithyhttp.ResponseError
	var unsent *smithyhttp.RequestSendError
	switch {
	case errors.As(err, &answer) && errors.As(err, &refusal) && refusal.ErrorCode() == "UnknownError": // not in words of STS
		return fault.New(fault.Unavailable, "%s answers AssumeRole with %d %s", r.Endpoint, answer.HTTPStatusCode(), http.StatusText(answer.HTTPStatusCode()))
	case errors.As(err, &answer) && errors.As(err, &refusal):
		return fault.New(fault.Unavailable, "%s answers AssumeRole with %d, %.60q: %.300q", r.Endpoint, answer.HTTPStatusCode(), refusal.ErrorCode(), refusal.ErrorMessage())
	case errors.As(err, &unsent):
		return fault.New(fault.Unavailable, "%s does not answer AssumeRole: %w", r.Endpoint, unsent.Err)
	}
	return fault.New(fault.Unavailable, "%s answers AssumeRole with what no token service says: %.300q", r.Endpoint, err.Error())
}
