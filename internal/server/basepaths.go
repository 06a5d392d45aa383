package server

import (
	"net/http"
	"strings"
)

// basePaths are where clients that know no gateway look for a service by
// default, as OpenCHAMI's do, and what the gateway puts before them.
var basePaths = []struct {
	prefix string // of the gateway
	here   func(c *Config) bool
	paths  []string
}{
	{"/apis/smd", func(c *Config) bool { return c.HSM == "" }, []string{"/hsm/v2/"}},
	{bssPrefix, func(c *Config) bool { return c.BSS == "" }, []string{"/boot/v1/"}},
	{pcsPrefix, func(c *Config) bool { return c.PCS == "" }, []string{"/v1/", "/transitions", "/transitions/", "/power-status",
		"/power-cap", "/power-cap/", "/liveness", "/readiness", "/health"}},
}

// atBasePaths has requests there be those at the gateway's paths before anything is
// decided by it: what the nodes' door serves, who may ask, what is recorded.
func (s *Server) atBasePaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if prefix := s.config.gatewayPrefix(r.URL.Path); prefix != "" {
			at := *r.URL
			at.Path = prefix + at.Path
			if at.RawPath != "" {
				at.RawPath = prefix + at.RawPath
			}
			r.URL = &at
		}
		next.ServeHTTP(w, r)
	})
}

// gatewayPrefix is what the gateway puts before the path; empty if it is none of them.
func (c *Config) gatewayPrefix(path string) string {
	if strings.HasPrefix(path, "/apis/") { // nearly all
		return ""
	}
	for _, service := range basePaths {
		for _, base := range service.paths {
			if (path == base || strings.HasSuffix(base, "/") && strings.HasPrefix(path, base)) && service.here(c) {
				return service.prefix
			}
		}
	}
	return ""
}
