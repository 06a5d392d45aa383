package server

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/certs"
)

// serveArguments are those of the server in the manifests that the flags make.
func serveArguments(t *testing.T, flags ...string) []string {
	t.Helper()
	cmd := manifestsCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(append(flags, "--image", "r/d:1"))
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for d := yaml.NewDecoder(&out); ; {
		var o struct {
			Kind string
			Spec struct {
				Template struct {
					Spec struct{ Containers []struct{ Args []string } }
				}
			}
		}
		if err := d.Decode(&o); err == io.EOF {
			t.Fatal("no Deployment")
		} else if err != nil {
			t.Fatal(err)
		}
		if o.Kind == "Deployment" {
			return o.Spec.Template.Spec.Containers[0].Args[1:]
		}
	}
}

// What the manifests start a server with is what it takes, with and without
// certificates.
func TestServersTakeWhatTheManifestsSay(t *testing.T) {
	dir := t.TempDir()
	authority, err := certs.NewAuthority("site", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tls", "node-tls", "ca"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := authority.Write(filepath.Join(dir, "ca/certificate_authority.crt"), filepath.Join(dir, "ca-key.pem")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tls", "node-tls"} {
		if err := authority.Server([]string{"drover.services.svc"}, filepath.Join(dir, name, "tls.crt"), filepath.Join(dir, name, "tls.key"), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for _, flags := range [][]string{nil, {"--tls-secret", "a"}, {"--node-tls-secret", "b"}, {"--tls-secret", "a", "--node-tls-secret", "b", "--ca-configmap", "c"}} {
		args := serveArguments(t, flags...)
		for i := range args {
			args[i] = strings.Replace(args[i], "/etc/drover/", dir+"/", 1)
		}
		c, err := loaded(t, args...)
		if err != nil {
			t.Errorf("%v: %v", flags, err)
			continue
		}
		if with := strings.Join(flags, " "); (c.TLS.pair != nil) != strings.HasPrefix(with, "--tls-secret") || (c.TLS.nodePair != nil) != strings.Contains(with, "--node-tls") {
			t.Errorf("%v: %+v", flags, c.TLS)
		}
	}
}

// Where nodes fetch at an address of their own, clients and pods are told another.
func TestCredentialsSayWhereClientsFindTheStore(t *testing.T) {
	c := testConfig(t)
	c.NodeS3Listen, c.S3Advertise, c.S3URL = "127.0.0.1:0", "http://10.1.0.1:8084", "http://drover.example.org:8081"
	s, ask := startWithTokens(t, c)
	if _, endpoint, _ := givenTo(t, ask, tokenOf(t, s, auth.Administrator)); endpoint != c.S3URL {
		t.Errorf("clients are sent to %s", endpoint)
	}
	if got := s.podsS3(); got != c.S3URL {
		t.Errorf("pods are sent to %s", got)
	}
	if got := s.nodeS3(); got != c.S3Advertise {
		t.Errorf("nodes are sent to %s", got)
	}
}
