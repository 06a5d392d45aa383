package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/bos"
	v1 "github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/s3"
)

// givenTo are the credentials that the holder of the token gets, as a client.
func givenTo(t *testing.T, ask func(token, method, path, body string) (int, string), token string) (s3.Credentials, string, time.Time) {
	t.Helper()
	status, text := ask(token, "PUT", "/apis/sts/token", "")
	var answer struct {
		Credentials struct {
			AccessKeyID, SecretAccessKey, SessionToken, EndpointURL string
			Expiration                                              time.Time
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s, %v", status, text, err)
	}
	c := answer.Credentials
	return s3.Credentials{AccessKey: c.AccessKeyID, SecretKey: c.SecretAccessKey, SessionToken: c.SessionToken}, c.EndpointURL, c.Expiration
}

// tries is what came of writing objects.
func tries(t *testing.T, endpoint string, c s3.Credentials, objects ...string) (refused []string) {
	t.Helper()
	store, err := s3.NewClient(endpoint, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range objects {
		switch _, err := store.Put(t.Context(), name, strings.NewReader("y"), 1, ""); {
		case err == nil:
		case strings.Contains(err.Error(), "not for"):
			refused = append(refused, name)
		default:
			t.Errorf("write %s: %v", name, err)
		}
	}
	return refused
}

// tokenOf is a token of the role.
func tokenOf(t *testing.T, s *Server, role auth.Role) string {
	t.Helper()
	_, text, err := s.tokens.Create(t.Context(), auth.Token{Name: "of the test", Role: role}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What the token service gives opens the object store at the address that it names,
// as far as the role goes, and is none of the site's keys.
func TestCredentialsAreThoseOfWhoAsks(t *testing.T) {
	c := testConfig(t)
	c.S3OperatorBuckets = []string{"ims"}
	s, ask := startWithTokens(t, c)
	all := []string{"s3://boot-images/x", "s3://ims/x"}
	for role, want := range map[auth.Role][]string{auth.Administrator: nil, auth.Operator: {"s3://boot-images/x"}} {
		given, endpoint, ends := givenTo(t, ask, tokenOf(t, s, role))
		if site := s.platform.s3Credentials; given.SecretKey == site.SecretKey || given.AccessKey == site.AccessKey || given.SessionToken == "" {
			t.Errorf("%s got the keys of the site", role)
		}
		if in := time.Until(ends); in < 50*time.Minute || in > time.Hour {
			t.Errorf("%s: they end in %s, want an hour", role, in)
		}
		if refused := tries(t, endpoint, given, all...); strings.Join(refused, " ") != strings.Join(want, " ") {
			t.Errorf("%s may not write %q, want %q", role, refused, want)
		}
	}
	for _, token := range []string{"", tokenOf(t, s, auth.Auditor), s.jobToken(auth.Git, "x", "")} {
		if status, text := ask(token, "PUT", "/apis/sts/token", ""); status != http.StatusUnauthorized && status != http.StatusForbidden || strings.Contains(text, "AccessKeyId") {
			t.Errorf("%d %s", status, text)
		}
	}
}

// They are made of the site's keys, and so good after a restart.
func TestCredentialsOutliveTheServer(t *testing.T) {
	c := testConfig(t)
	s, ask := startWithTokens(t, c)
	given, _, _ := givenTo(t, ask, tokenOf(t, s, auth.Administrator))
	s.Stop()
	again, _ := startWithTokens(t, c)
	if refused := tries(t, again.platform.s3Endpoint, given, "s3://ims/x"); len(refused) > 0 {
		t.Errorf("refused after a restart: %q", refused)
	}
}

func TestJobsHaveCredentialsForWhatTheyDo(t *testing.T) {
	s, err := Start(t.Context(), testConfig(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	image := s.imageJobCredentials(ims.JobOrder{ImageID: "made", Source: ims.Link{Path: "s3://ims/recipes/r"}})
	agent := s.agentCredentials(v1.Order{Template: bos.Template{}})
	for who, is := range map[string]struct {
		c    s3.Credentials
		want string
	}{
		"an image job": {image, "s3://boot-images/other/rootfs s3://ims/recipes/r"},
		"an agent":     {agent, "s3://boot-images/made/rootfs s3://boot-images/other/rootfs s3://ims/recipes/r"},
	} {
		if is.c.SecretKey == s.platform.s3Credentials.SecretKey {
			t.Errorf("%s has the keys of the site", who)
		}
		refused := tries(t, s.platform.s3Local, is.c, "s3://boot-images/made/rootfs", "s3://boot-images/other/rootfs", "s3://ims/recipes/r")
		if got := strings.Join(refused, " "); got != is.want {
			t.Errorf("%s may not write %s, want %s", who, got, is.want)
		}
	}
}

func TestWritesOfObjectsAreRecorded(t *testing.T) {
	s, ask := startWithTokens(t, testConfig(t))
	made, token, err := s.tokens.Create(t.Context(), auth.Token{Name: "of the test", Role: auth.Administrator}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	given, endpoint, _ := givenTo(t, ask, token)
	tries(t, endpoint, given, "s3://ims/x")
	forged := given
	forged.SecretKey = "another"
	client, err := s3.NewClient(endpoint, forged)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Put(t.Context(), "s3://ims/x", strings.NewReader("y"), 1, ""); err == nil {
		t.Error("a forged signature was taken")
	}
	records, err := s.audit.List(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		if strings.HasSuffix(r.Path, "/x") || r.Path == "/apis/sts/token" {
			got = append(got, strings.ReplaceAll(fmt.Sprintf("%s %s by %q, %s %s", r.Method, r.Path, r.Who.ID, r.Outcome, r.What), given.AccessKey, "KEY"))
		}
	}
	slices.Sort(got)
	want := []string{`PUT /apis/sts/token by "` + made.ID + `", done gave the access key KEY`, `PUT s3://ims/x by "", denied with the access key KEY, by its own word`, `PUT s3://ims/x by "KEY", done `}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
