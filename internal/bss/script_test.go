package bss

import (
	"errors"
	"testing"
)

func TestCommandLine(t *testing.T) {
	full := identity{xname: "x1", nid: 4, token: "tok", cloudInit: "http://ci"}
	for name, tc := range map[string]struct {
		parts []string
		id    identity
		want  string
	}{
		"everything":        {[]string{"a", "b", "c"}, full, "a b c xname=x1 nid=4 bss_referral_token=tok ds=nocloud-net;s=http://ci/"},
		"nothing":           {nil, identity{nid: -1}, ""},
		"no host parameter": {[]string{"", "b", ""}, identity{nid: 0}, "b nid=0"},
		"only identity":     {[]string{""}, identity{xname: "x1", nid: -1}, "xname=x1"},
		"said already":      {[]string{"ds=none xname=x9 bss_referral_token=mine nid=1"}, full, "ds=none xname=x9 bss_referral_token=mine nid=1"},
		"said in a word":    {[]string{"myxname=x9 cds=1"}, identity{xname: "x1", nid: -1, cloudInit: "http://ci"}, "myxname=x9 cds=1 xname=x1 ds=nocloud-net;s=http://ci/"},
	} {
		if got := commandLine(tc.parts, tc.id); got != tc.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tc.want)
		}
	}
}

func TestInitrdFirst(t *testing.T) {
	for line, want := range map[string]string{
		"a b":                      "initrd=initrd a b",
		"a initrd=x b initrd=y":    "initrd=initrd a b initrd=y",
		"noinitrd rd.initrd=1":     "initrd=initrd noinitrd rd.initrd=1",
		"initrd=initrd a":          "initrd=initrd a",
		"url=http://h/initrd.img ": "initrd=initrd url=http://h/initrd.img ",
	} {
		if got := initrdFirst(line); got != want {
			t.Errorf("initrdFirst(%q) = %q, want %q", line, got, want)
		}
	}
}

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
