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
	for _, bad := range []string{"cray-smd", "ftp://cray-smd", "http://", "http://cray-smd?x=1", "://"} {
		if _, err := loaded(t, "--hsm-url", bad); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "hsm-url: ") {
			t.Errorf("%s: %v", bad, err)
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
