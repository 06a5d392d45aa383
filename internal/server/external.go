package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// external is a service that may run elsewhere.
type external struct {
	name, flag string
	url        *string
	// end is what the path of its URL ends with; surplus is what people write
	// after that and clients add themselves.
	end     string
	surplus []string
	// probes are paths of which a right URL answers at least one.
	probes []string
	// examples are such URLs.
	examples string
}

func (c *Config) externals() []external {
	return []external{
		{"HSM", "hsm-url", &c.HSM, "/hsm/v2", nil, []string{"/service/ready", "/service/values"}, "http://cray-smd/hsm/v2, https://GATEWAY/apis/smd/hsm/v2"},
		{"PCS", "pcs-url", &c.PCS, "", []string{"/v1"}, []string{"/v1/readiness", "/readiness", "/v1/transitions"}, "http://cray-power-control, https://GATEWAY/apis/power-control"},
		{"BSS", "bss-url", &c.BSS, "", []string{"/boot/v1"}, []string{"/boot/v1/service/status", "/boot/v1/endpoint-history"}, "http://cray-bss, https://GATEWAY/apis/bss"},
		{"IMS", "ims-url", &c.IMS, "", []string{"/v3", "/v2"}, []string{"/healthz/ready", "/v3/images"}, "http://cray-ims, https://GATEWAY/apis/ims"},
		{"TAPMS", "tapms-url", &c.TAPMS, "", []string{"/v1alpha3", "/v1"}, []string{"/v1alpha3/tenants"}, "http://cray-tapms, https://GATEWAY/apis/tapms"},
	}
}

// settle brings the URL into the one form that its client wants.
func (e external) settle() error {
	base, err := baseURL(e.flag, *e.url, e.examples)
	if err != nil || base == "" {
		return err
	}
	for _, s := range e.surplus {
		base = strings.TrimRight(strings.TrimSuffix(base, s), "/")
	}
	*e.url = base
	if e.end != "" {
		*e.url = strings.TrimSuffix(base, e.end) + e.end
	}
	return nil
}

// baseURL spells the flag's URL as what paths can follow; none is none.
func baseURL(flag, text, examples string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fault.New(fault.Invalid, "%s: %q is no base URL: expected one such as %s", flag, text, examples)
	}
	return u.Scheme + "://" + u.Host + strings.TrimRight(u.Path, "/"), nil
}

// settleOwn does it with the URLs of this server and of the object store,
// which are for nodes too, and of ARA.
func (c *Config) settleOwn() (err error) {
	for _, own := range []struct {
		flag string
		url  *string
	}{{"advertise", &c.Advertise}, {"s3-advertise", &c.S3Advertise}, {"s3-url", &c.S3URL}, {"s3-endpoint", &c.S3Endpoint}, {"ara-url", &c.ARA}} {
		if *own.url, err = baseURL(own.flag, *own.url, "http://boot.example:8080"); err != nil {
			return err
		}
	}
	return nil
}

// probeTime bounds one look at an external service.
const probeTime = 10 * time.Second

// trouble is what is wrong with the URL, empty if such a service may be below
// it, and the error of what was asked last.
func (e external) trouble(ctx context.Context, c *httpapi.Client) (string, error) {
	c.Retries = 0
	var err error
	for _, path := range e.probes {
		probe, cancel := context.WithTimeout(ctx, probeTime)
		_, err = c.Do(probe, http.MethodGet, path, nil, nil, nil)
		cancel()
		switch {
		case fault.Is(err, fault.Unavailable):
			return "no answer from " + e.name + "; it is asked again when it is needed", err
		case !httpapi.IsStatus(err, http.StatusNotFound):
			return "", nil
		}
	}
	return "there is no " + e.name + " at this URL: it answers 404", err
}

// checkExternals says once what is wrong with the URLs of external services.
// The server starts all the same: they may come later.
func (s *Server) checkExternals(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var looks sync.WaitGroup
	for _, e := range s.config.externals() {
		if *e.url == "" {
			continue
		}
		looks.Go(func() {
			what, err := e.trouble(ctx, httpapi.NewClient(e.name, *e.url, s.outward(*e.url)))
			if what != "" && ctx.Err() == nil {
				slog.Error(what, "flag", e.flag, "url", *e.url, "expected", e.examples, "error", err)
			}
		})
	}
	s.onStop(func() {
		cancel()
		looks.Wait()
	})
}
