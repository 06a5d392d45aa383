package s3

import (
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// URL is an object's name as every API writes it: s3://bucket/key.
type URL struct{ Bucket, Key string }

// ParseURL reads s3://bucket/key; anything else is a fault.Invalid.
func ParseURL(s string) (URL, error) {
	rest, ok := strings.CutPrefix(s, "s3://")
	bucket, key, _ := strings.Cut(rest, "/")
	if !ok || bucket == "" || key == "" {
		return URL{}, fault.New(fault.Invalid, "%q is no S3 URL: expected s3://bucket/key", s)
	}
	return URL{Bucket: bucket, Key: key}, nil
}

func (u URL) String() string { return "s3://" + u.Bucket + "/" + u.Key }
