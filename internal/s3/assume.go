package s3

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

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
	ask := &credentials.STSAssumeRole{STSEndpoint: r.Endpoint, Options: credentials.STSAssumeRoleOptions{
		AccessKey: r.Keys.AccessKey, SecretKey: r.Keys.SecretKey, Policy: policyOf(grants), Location: region,
		DurationSeconds: int(lasts / time.Second), RoleARN: r.ARN, RoleSessionName: roleSession}}
	// What is asked goes to this address and no other.
	client := &http.Client{Transport: r.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	given, err := ask.RetrieveWithCredContext(&credentials.CredContext{Client: client, Context: ctx})
	var refusal credentials.ErrorResponse
	var unanswered *url.Error
	switch {
	case errors.As(err, &refusal):
		return c, ends, fault.New(fault.Unavailable, "%s answers AssumeRole with %.60q: %.300q", r.Endpoint, refusal.STSError.Code, refusal.STSError.Message)
	case errors.As(err, &unanswered):
		return c, ends, fault.New(fault.Unavailable, "%s does not answer AssumeRole: %w", r.Endpoint, unanswered.Err)
	case err != nil:
		return c, ends, fault.New(fault.Unavailable, "%s answers AssumeRole with what no token service says: %.300q", r.Endpoint, err.Error())
	case given.SessionToken == "" || given.AccessKeyID == r.Keys.AccessKey || given.Expiration.IsZero():
		return c, ends, fault.New(fault.Unavailable, "%s answers AssumeRole with credentials that have no session token or no end", r.Endpoint)
	}
	return Credentials{AccessKey: given.AccessKeyID, SecretKey: given.SecretAccessKey, SessionToken: given.SessionToken}, given.Expiration, nil
}
