package server

import "net/http"

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

// answerBasePaths serves the embedded services there too.
func (s *Server) answerBasePaths() {
	for _, service := range basePaths {
		if !service.here(&s.config) {
			continue
		}
		for _, path := range service.paths {
			s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
				inner := r.Clone(r.Context())
				inner.URL.Path = service.prefix + r.URL.Path
				if r.URL.RawPath != "" {
					inner.URL.RawPath = service.prefix + r.URL.RawPath
				}
				s.mux.ServeHTTP(w, inner)
			})
		}
	}
}
