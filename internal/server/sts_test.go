package server

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/s3"
)

// elsewhere is an object store that is not a server's own, with what a server is told of
// it.
type elsewhere struct {
	url  string
	keys s3.Credentials
	sts  STS
}

// use has the configuration name the store.
func (e elsewhere) use(c *Config) {
	c.S3Endpoint, c.S3AccessKey, c.S3SecretKey, c.STS = e.url, e.keys.AccessKey, e.keys.SecretKey, e.sts
}

// ofElsewhere are the keys of the store that is elsewhere.
var ofElsewhere = s3.Credentials{AccessKey: "key-of-elsewhere", SecretKey: "secret-of-elsewhere"}

// droverElsewhere is the object store of another server, whose clock stands late behind.
func droverElsewhere(t *testing.T) (e elsewhere, late *atomic.Int64) {
	t.Helper()
	t.Chdir(".") // back at the end: the object store moves into its directory
	late = &atomic.Int64{}
	store, err := s3.StartServer(t.Context(), s3.ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: ofElsewhere,
		Now: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Stop)
	return elsewhere{url: store.Endpoint(), keys: ofElsewhere}, late
}

// keepsScopes shows that what a server with the store gives out is for what the role may do,
// and is not the store's own keys; it returns an operator's.
func keepsScopes(t *testing.T, e elsewhere, refusal string) s3.Credentials {
	t.Helper()
	c := testConfig(t)
	e.use(&c)
	c.S3OperatorBuckets, c.S3TokenTime = []string{"ims"}, s3.ShortestRole
	s, ask := startWithTokens(t, c)
	site, err := s3.NewClient(e.url, e.keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := site.EnsureBuckets(t.Context(), "private"); err != nil {
		t.Fatal(err)
	}
	operator := s3.Credentials{}
	objects := []string{"s3://boot-images/x", "s3://ims/x", "s3://private/x"}
	for role, want := range map[auth.Role]string{auth.Administrator: "", auth.Operator: "s3://boot-images/x s3://private/x"} {
		given, endpoint, ends := givenTo(t, ask, tokenOf(t, s, role))
		if given.SecretKey == e.keys.SecretKey || given.AccessKey == e.keys.AccessKey || given.SessionToken == "" || endpoint != e.url {
			t.Errorf("%s got the keys of the store, or of another one: %s", role, endpoint)
		}
		if in := time.Until(ends); in < 14*time.Minute || in > 16*time.Minute {
			t.Errorf("%s: they end in %s, want a quarter of an hour", role, in)
		}
		store, err := s3.NewClient(endpoint, given)
		if err != nil {
			t.Fatal(err)
		}
		var refused []string
		for _, name := range objects {
			_, err := store.Put(t.Context(), name, strings.NewReader("y"), 1, "")
			if err == nil {
				_, err = store.Get(t.Context(), name, 10)
			}
			if err == nil {
				_, err = store.Keys(t.Context(), strings.Split(name, "/")[2])
			}
			if err != nil && !strings.Contains(err.Error(), refusal) {
				t.Errorf("%s: %s: %v", role, name, err)
			}
			if err != nil {
				refused = append(refused, name)
			}
		}
		if got := strings.Join(refused, " "); got != want {
			t.Errorf("%s may not use %q, want %q", role, got, want)
		}
		if role == auth.Operator {
			operator = given
		}
		records, err := s.audit.List(t.Context(), audit.Filter{})
		if err != nil || !slices.ContainsFunc(records, func(r audit.Record) bool { return r.What == "gave the access key "+given.AccessKey }) {
			t.Errorf("%s: no record of it: %+v, %v", role, records, err)
		}
	}
	s.Stop()
	return operator
}

func TestCredentialsOfADroverElsewhereAreForTheRoleAndEnd(t *testing.T) {
	e, late := droverElsewhere(t)
	operator := keepsScopes(t, e, "not for")
	store, err := s3.NewClient(e.url, operator)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Get(t.Context(), "s3://ims/x", 10); err != nil {
		t.Error(err)
	}
	late.Store(int64(s3.ShortestRole + time.Minute))
	if _, err := store.Get(t.Context(), "s3://ims/x", 10); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("after their end: %v", err)
	}
}

// A store without a token service has its keys kept, unless they are to be given out.
func TestKeysOfAStoreWithoutSTSAreKept(t *testing.T) {
	e, _ := droverElsewhere(t)
	real, err := url.Parse(e.url)
	if err != nil {
		t.Fatal(err)
	}
	way := httputil.NewSingleHostReverseProxy(real)
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/" {
			w.WriteHeader(http.StatusMethodNotAllowed)
			w.Write([]byte(`<Error><Code>MethodNotAllowed</Code><Message>The specified method is not allowed against this resource.</Message></Error>`)) //nolint:errcheck // the test looks at what came
			return
		}
		way.ServeHTTP(w, r)
	}))
	defer bare.Close()
	e.url = bare.URL
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)

	c := testConfig(t)
	e.use(&c)
	c.S3OperatorBuckets = imageBuckets
	s, ask := startWithTokens(t, c)
	for _, role := range []auth.Role{auth.Administrator, auth.Operator} {
		status, text := ask(tokenOf(t, s, role), "PUT", "/apis/sts/token", "")
		if status != http.StatusServiceUnavailable || strings.Contains(text, e.keys.SecretKey) {
			t.Errorf("%s: %d %s", role, status, text)
		}
		for _, says := range []string{"405", e.url, "sts-endpoint", "sts-role-arn", "s3-give-permanent-keys"} {
			if !strings.Contains(text, says) {
				t.Errorf("%s: %s does not say %s", role, text, says)
			}
		}
	}
	s.Stop()

	e.sts.Permanent = true
	c = testConfig(t)
	e.use(&c)
	c.S3OperatorBuckets = imageBuckets
	s, ask = startWithTokens(t, c)
	given, _, ends := givenTo(t, ask, tokenOf(t, s, auth.Operator))
	if given != e.keys || ends.Year() != 9999 {
		t.Errorf("with s3-give-permanent-keys: %s until %s", given.AccessKey, ends)
	}
	if !strings.Contains(log.String(), "s3-give-permanent-keys") || strings.Contains(log.String(), e.keys.SecretKey) {
		t.Errorf("the log does not say so, or says the keys:\n%s", log.String())
	}
}
