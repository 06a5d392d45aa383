package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestRecordsLinkToThisServerOrToARA(t *testing.T) {
	for ara, want := range map[string]string{"": "", "http://ara.example.org/": "ara.example.org/?label=s1"} {
		linked(t, ara, want)
	}
}

// linked wants the link in a record; "" is this server's own.
func linked(t *testing.T, ara, want string) {
	t.Helper()
	c := testConfig(t)
	c.HoldCFS, c.ARA = true, ara
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	status, text := askOver(t, s, http.MethodPost, "/apis/cfs/v3/sessions", `{"name":"s1","configuration_name":"debug_noop"}`)
	var session struct{ Logs string }
	if err := json.Unmarshal([]byte(text), &session); err != nil || status != http.StatusCreated {
		t.Fatal(status, text, err)
	}
	if ara == "" {
		want = strings.TrimPrefix(s.URL(), "http://") + "/?label=s1"
	}
	if session.Logs != want {
		t.Errorf("ara-url %q: the record links to %s, expected %s", ara, session.Logs, want)
	}
	if status, text := askOver(t, s, http.MethodGet, "/?label=s1", ""); status != http.StatusOK || !strings.Contains(text, "<h1>s1") {
		t.Errorf("%d\n%s", status, text)
	}
	if status, text := askOver(t, s, http.MethodGet, "/hosts?label=none", ""); status != http.StatusNotFound || !strings.Contains(text, "<h1>") {
		t.Errorf("%d\n%s", status, text)
	}
}
