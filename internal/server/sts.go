package server

import (
	"cmp"
	"log/slog"
	"net/http"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/s3"
)

// STS is how an external object store is asked for credentials that end.
type STS struct {
	Endpoint string `mapstructure:"sts-endpoint"`
	RoleARN  string `mapstructure:"sts-role-arn"`
	// Permanent has the store's own keys given out in their place.
	Permanent bool `mapstructure:"s3-give-permanent-keys"`
}

func declareSTS(f *pflag.FlagSet) {
	f.String("sts-endpoint", "", "`URL` at which the external S3 gives credentials that end (AssumeRole of STS; default: that of --s3-endpoint)")
	f.String("sts-role-arn", "", "`ARN` of the role for which they are asked there, such as arn:aws:iam:::role/drover; Ceph and AWS want one")
	f.Bool("s3-give-permanent-keys", false, "give administrators and operators the keys of the external S3 as they are, for all of it and without an end, where it has no STS")
}

// checkSTS refuses what no store could be asked for.
func (c *Config) checkSTS() (err error) {
	if c.STS.Endpoint, err = baseURL("sts-endpoint", c.STS.Endpoint, "https://sts.example.org"); err != nil {
		return err
	}
	switch {
	case c.S3Endpoint == "" && c.STS != STS{}:
		return fault.New(fault.Invalid, "sts-endpoint, sts-role-arn, s3-give-permanent-keys: the embedded object store gives credentials by itself: expected them with s3-endpoint alone")
	case c.STS.Permanent && (c.STS.Endpoint != "" || c.STS.RoleARN != ""):
		return fault.New(fault.Invalid, "s3-give-permanent-keys: with it no store is asked: expected no sts-endpoint and no sts-role-arn beside it")
	case c.S3Endpoint != "" && !c.STS.Permanent && c.S3TokenTime != 0 && c.S3TokenTime < s3.ShortestRole:
		return fault.New(fault.Invalid, "s3-token-time: external object stores give credentials for %s at least: expected that or more, got %s", s3.ShortestRole, c.S3TokenTime)
	}
	return nil
}

// useExternalS3 prepares to ask the external object store for credentials that end.
func (s *Server) useExternalS3() {
	c := &s.config
	s.platform.s3Roles = s3.Roles{Endpoint: cmp.Or(c.STS.Endpoint, c.S3Endpoint), ARN: c.STS.RoleARN, Keys: s.platform.s3Credentials,
		Transport: s.leading(certs.Trust(http.DefaultTransport.(*http.Transport).Clone(), c.TLS.trust))}
	if c.STS.Permanent {
		slog.Warn("administrators and operators get the object store's own keys, which are for all of it and have no end (s3-give-permanent-keys)", "s3", c.S3Endpoint)
	}
}
