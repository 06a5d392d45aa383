package server

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
)

func TestProfilesAreTakenOnLoopbackAlone(t *testing.T) {
	for address, ok := range map[string]bool{"": true, "127.0.0.1:6060": true, "[::1]:6060": true, "localhost:6060": true, "0.0.0.0:6060": false, ":6060": false, "10.1.0.1:6060": false, "example.org:6060": false} {
		c := Config{DebugListen: address}
		if err := c.checkDebug(); (err == nil) != ok || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", address, err)
		}
	}
	c := testConfig(t)
	c.DebugListen = "127.0.0.1:0"
	s, err := Start(t.Context(), c, Options{})
	must(t, err)
	t.Cleanup(s.Stop)
	at := "http://" + s.debugListener.Addr().String()
	for _, one := range []struct {
		path, host, has string
		status          int
	}{
		{"/debug/pprof/", "", "goroutine", 200},
		{"/debug/pprof/goroutine?debug=2", "", "internal/events.(*Loop).loop", 200},
		{"/debug/pprof/heap", "localhost", "", 200},
		{"/debug/pprof/profile?seconds=1", "[::1]:1", "", 200},
		{"/debug/pprof/cmdline", "", "Unknown profile", 404},
		{"/debug/pprof/heap", "rebound.example.org", "no name of this machine's loopback", 421},
		{"/metrics", "", "", 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", at+one.path, nil)
		must(t, err)
		req.Host = one.host
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		must(t, err)
		if resp.StatusCode != one.status || !strings.Contains(string(text), one.has) {
			t.Errorf("%s of %q: %s\n%.500s", one.path, one.host, resp.Status, text)
		}
	}
	if resp, err := http.Get(s.URL() + "/debug/pprof/"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("at the usual address: %v, %v", resp, err)
	}
}
