package bss

import (
	"errors"
	"testing"
)

func TestSignParameters(t *testing.T) {
	sign := func(name string) (string, error) {
		if name == "s3://b/bad" {
			return "", errors.New("no")
		}
		return "signed:" + name, nil
	}
	for _, tc := range []struct {
		line, want string
		fails      bool
	}{
		{"a root=live:http://x b", "a root=live:http://x b", false},
		{"root=live:s3://b/k metal.server=s3://b/m nmd_data=url=s3://b/k", "root=live:signed:s3://b/k metal.server=signed:s3://b/m nmd_data=url=s3://b/k", false},
		{"root=sbps-s3:s3://b/k:etag", "root=sbps-s3:s3://b/k:etag", false},
		{"metal.server=s3://b/bad root=live:s3://b/k", "metal.server=s3://b/bad root=live:signed:s3://b/k", true},
	} {
		got, err := signParameters(tc.line, sign)
		if got != tc.want || (err != nil) != tc.fails {
			t.Errorf("%s:\ngot  %s, error %v\nwant %s", tc.line, got, err, tc.want)
		}
	}
}
