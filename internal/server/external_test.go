package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// However people write a service's URL, its client finds the service.
func TestURLsOfExternalServicesAreBroughtIntoOneForm(t *testing.T) {
	for flag, forms := range map[string]map[string]string{
		"hsm-url":   {"http://cray-smd": "http://cray-smd/hsm/v2", "http://cray-smd/hsm/v2/": "http://cray-smd/hsm/v2", "https://gw/apis/smd": "https://gw/apis/smd/hsm/v2"},
		"pcs-url":   {"https://gw/apis/power-control/v1": "https://gw/apis/power-control", "http://pcs:28007/": "http://pcs:28007"},
		"bss-url":   {"http://cray-bss/boot/v1": "http://cray-bss", "https://gw/apis/bss": "https://gw/apis/bss"},
		"ims-url":   {"http://cray-ims/v3/": "http://cray-ims"},
		"tapms-url": {"https://gw/apis/tapms/v1alpha3": "https://gw/apis/tapms"},
	} {
		for given, want := range forms {
			c, err := loaded(t, "--"+flag, given)
			got := ""
			for _, e := range c.externals() {
				if e.flag == flag {
					got = *e.url
				}
			}
			if err != nil || got != want {
				t.Errorf("--%s %s: %s, %v; want %s", flag, given, got, err, want)
			}
		}
	}
	for _, bad := range []string{"cray-smd", "ftp://cray-smd", "http://", "http://cray-smd?x=1", "://", "http://me:word@cray-smd"} {
		if _, err := loaded(t, "--hsm-url", bad); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "hsm-url: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// Nodes get these in boot scripts and signed links.
func TestURLsForNodesAreBroughtIntoOneForm(t *testing.T) {
	for flag, of := range map[string]func(Config) string{
		"advertise":    func(c Config) string { return c.Advertise },
		"s3-advertise": func(c Config) string { return c.S3Advertise },
		"s3-endpoint":  func(c Config) string { return c.S3Endpoint },
	} {
		keys := []string{"--s3-access-key", "a", "--s3-secret-key", "b"}
		for given, want := range map[string]string{"http://boot:8080/": "http://boot:8080", "HTTPS://boot//": "https://boot", "https://gw/drover/": "https://gw/drover"} {
			if c, err := loaded(t, append(keys, "--"+flag, given)...); err != nil || of(c) != want {
				t.Errorf("--%s %s: %s, %v; want %s", flag, given, of(c), err, want)
			}
		}
		for _, bad := range []string{"boot", "boot:8080", "ftp://boot", "http://", "http://boot?x=1"} {
			if _, err := loaded(t, append(keys, "--"+flag, bad)...); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), flag+": ") {
				t.Errorf("--%s %s: %v", flag, bad, err)
			}
		}
	}
}

func TestWrongURLOfAnExternalServiceIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string]int
		says    string
	}{
		"no such service":        {nil, "there is no HSM at this URL: it answers 404"},
		"ready":                  {map[string]int{"/service/ready": 200}, ""},
		"not ready":              {map[string]int{"/service/ready": 503}, ""},
		"another implementation": {map[string]int{"/service/values": 200}, ""},
	} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if status := c.answers[r.URL.Path]; status != 0 {
				w.WriteHeader(status)
				return
			}
			http.NotFound(w, r)
		}))
		hsm := (&Config{}).externals()[0]
		if got, _ := hsm.trouble(t.Context(), httpapi.NewClient("HSM", web.URL, nil)); got != c.says {
			t.Errorf("%s: %q", name, got)
		}
		web.Close()
	}
}

// Clients try again for minutes before they say that nobody answers. Who mistyped
// a host or a port learns it at once, not only when something is missing.
func TestExternalServiceThatDoesNotAnswerIsToldAtOnce(t *testing.T) {
	hsm := (&Config{}).externals()[0]
	ctx, cancel := context.WithTimeout(t.Context(), probeTime)
	defer cancel()
	got, err := hsm.trouble(ctx, httpapi.NewClient("HSM", "http://127.0.0.1:1", nil))
	if !strings.HasPrefix(got, "no answer from HSM") || !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "refused") || ctx.Err() != nil {
		t.Errorf("%q, %v, %v", got, err, ctx.Err())
	}
}
