package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A page whose name was made to lead here has a browser call this server by it.
func TestServerIsCalledByItsOwnNamesAlone(t *testing.T) {
	c := &Config{Listen: "10.1.0.1:8080", Advertise: "https://boot.example.org", Hosts: []string{"drover.site"}}
	denied := 0
	s := called{names: c.ownNames(), member: func(r *http.Request) bool { return r.Header.Get(passed) == "word" },
		denied: func(*http.Request, error) { denied++ }, next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	for _, one := range []struct {
		host, by string
		want     int
	}{
		{"127.0.0.1:8080", "", 200}, {"[::1]:8080", "", 200}, {"::1", "", 200}, {"localhost", "", 200}, {"LOCALHOST:1", "", 200}, {"boot.example.org", "", 200},
		{"boot.example.org.", "", 200}, {"drover.site:8080", "", 200}, {"10.1.0.1:8080", "", 200}, {"", "", 200},
		{"evil.example", "", 421}, {"127.0.0.1.evil.example:8080", "", 421}, {"boot.example.org.evil.example", "", 421},
		{"gateway.site", "word", 200}, {"evil.example", "guess", 421},
	} {
		r := httptest.NewRequest("GET", "/apis/bos/v2/sessions", nil)
		r.Host = one.host
		if one.by != "" {
			r.Header.Set(passed, one.by)
		}
		w, before := httptest.NewRecorder(), denied
		s.ServeHTTP(w, r)
		if w.Code != one.want || (denied > before) != (one.want == 421) {
			t.Errorf("%s: %d %s, want %d", one.host, w.Code, w.Body, one.want)
		}
	}
}

func TestBodiesSayWhatTheyAre(t *testing.T) {
	s := called{names: map[string]bool{"example.com": true}, next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	for _, one := range []struct {
		method, path, body, typed string
		want                      int
	}{
		{"POST", "/apis/bos/v2/sessions", "{}", "", 415}, {"POST", "/apis/bos/v2/sessions", "{}", "application/json", 200},
		{"POST", "/apis/bos/v2/applystaged", "", "", 200}, {"DELETE", "/apis/bos/v2/sessions", "", "", 200}, {"POST", "/vcs/cray/a.git/git-upload-pack", "0000", "", 200},
	} {
		r := httptest.NewRequest(one.method, one.path, strings.NewReader(one.body))
		if one.typed != "" {
			r.Header.Set("Content-Type", one.typed)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != one.want {
			t.Errorf("%s %s: %d %s, want %d", one.method, one.path, w.Code, w.Body, one.want)
		}
	}
}
