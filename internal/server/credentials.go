package server

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/boa"
	v1 "github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/ims/imagejob"
	"github.com/drover-hpc/drover/internal/s3"
)

// imageBuckets are those of IMS.
var imageBuckets = []string{ims.ImagesBucket, ims.RecipesBucket}

// jobCredentials is how long those of a job count. Jobs have no end of their own: a
// shell in an image is left when its user has done, and the upload comes after that.
const jobCredentials = 30 * 24 * time.Hour

// tokenTime is how long credentials count that are given out, if nobody says.
const tokenTime = time.Hour

// longestToken is the most that may be said.
const longestToken = 7 * 24 * time.Hour

// giveCredentials answers as the token service does: with credentials for the object
// store, which end.
func (s *Server) giveCredentials(w http.ResponseWriter, r *http.Request) {
	grants := s.grants(auth.Of(r.Context()))
	if len(grants) == 0 {
		httpapi.WriteProblem(w, fault.New(fault.Forbidden, "s3-operator-buckets names no bucket that operators may use"))
		return
	}
	c, ends, err := s.credentials(r.Context(), grants)
	if err != nil {
		httpapi.WriteProblem(w, err)
		return
	}
	told, expires := "gave the access key "+c.AccessKey, ends.UTC().Format(time.RFC3339)
	if ends.IsZero() {
		told, expires = told+", which has no end", "9999-12-31T23:59:59Z"
	}
	audit.Tell(r.Context(), audit.About{What: told})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(map[string]any{"Credentials": map[string]string{ //nolint:errcheck // the client is gone
		"AccessKeyId": c.AccessKey, "SecretAccessKey": c.SecretKey, "SessionToken": c.SessionToken,
		"EndpointURL": s.platform.s3Endpoint, "Expiration": expires,
	}})
}

// credentials are for what is granted, of whichever object store there is, and end at the
// time; the zero time stands for never, and is for an external store whose keys are to be
// given out.
func (s *Server) credentials(ctx context.Context, grants []s3.Grant) (s3.Credentials, time.Time, error) {
	lasts := cmp.Or(s.config.S3TokenTime, tokenTime)
	switch p := &s.platform; {
	case p.s3Sessions != nil:
		c, ends := p.s3Sessions.Give(lasts, grants...)
		return c, ends, nil
	case s.config.STS.Permanent:
		return p.s3Credentials, time.Time{}, nil
	}
	c, ends, err := s.platform.s3Roles.Give(ctx, lasts, grants...)
	if err != nil {
		return c, ends, fault.New(fault.Unavailable, "the object store gives no credentials that end: %w. An administrator can say where its token service is (sts-endpoint) and "+
			"which role to take there (sts-role-arn: Ceph and AWS want one), or have the store's own keys given out, which have no end (s3-give-permanent-keys)", err)
	}
	return c, ends, nil
}

// grants are what somebody may do with the object store who may ask for credentials;
// nil stands for somebody who was not asked.
func (s *Server) grants(who *auth.Identity) (list []s3.Grant) {
	if who == nil || who.Role == auth.Administrator {
		return []s3.Grant{s3.Everything}
	}
	for _, bucket := range s.config.S3OperatorBuckets {
		if bucket != "" {
			list = append(list, s3.Grant{Bucket: bucket, Write: true})
		}
	}
	return list
}

func (s *Server) imageJobCredentials(o ims.JobOrder) s3.Credentials {
	return s.ofJob(imagejob.Grants(o))
}

func (s *Server) agentCredentials(o v1.Order) s3.Credentials { return s.ofJob(boa.Grants(o)) }

// ofJob are credentials for what a job is granted, but for the server's own buckets:
// a template names any. Those of an external store may do all.
func (s *Server) ofJob(grants []s3.Grant) s3.Credentials {
	if s.platform.s3Sessions == nil {
		return s.platform.s3Credentials
	}
	grants = slices.DeleteFunc(grants, func(g s3.Grant) bool { return slices.Contains(ownBuckets, g.Bucket) })
	c, _ := s.platform.s3Sessions.Give(jobCredentials, grants...)
	return c
}
