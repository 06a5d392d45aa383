package server

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func askOver(t *testing.T, s *Server, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// Clients of OpenCHAMI know the services without the gateway's prefix.
func TestServicesAnswerAtTheBasePathsOfOpenCHAMI(t *testing.T) {
	s, err := Start(t.Context(), testConfig(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	for _, call := range []struct {
		method, path, body string
		status             int
		part               string
	}{
		{"GET", "/hsm/v2/service/ready", "", 200, "healthy"},
		{"POST", "/hsm/v2/groups", `{"label":"a.b"}`, 201, "/hsm/v2/groups/a.b"},
		{"GET", "/hsm/v2/groups/a.b", "", 200, `"label":"a.b"`},
		{"DELETE", "/hsm/v2/groups/%61.b", "", 200, "deleted"},
		{"GET", "/hsm/v2/State/Components?type=wrong", "", 400, "Type"},
		{"PUT", "/hsm/v2/groups", "", 405, "allow GET,POST"},
		{"GET", "/hsm/v2/nothing", "", 404, "nothing"},
		{"PUT", "/boot/v1/bootparameters", `{"hosts":["Default"],"kernel":"http://k"}`, 200, ""},
		{"GET", "/boot/v1/bootparameters?name=Default", "", 200, "http://k"},
		{"GET", "/transitions", "", 200, "transitions"}, {"GET", "/v1/transitions", "", 200, "transitions"},
		{"GET", "/transitions/3fa85f64-5717-4562-b3fc-2c963f66afa6", "", 404, "Not Found"},
		{"GET", "/power-status", "", 200, "status"}, {"GET", "/health", "", 200, "KvStore"}, {"GET", "/readiness", "", 204, ""},
	} {
		if status, text := askOver(t, s, call.method, call.path, call.body); status != call.status || !strings.Contains(text, call.part) {
			t.Errorf("%s %s: %d %s, want %d with %s", call.method, call.path, status, text, call.status, call.part)
		}
	}
}

// Where the interface files say JSON for health and readiness, an object comes.
func TestHealthOfEveryServiceIsAJSONObject(t *testing.T) {
	s, err := Start(t.Context(), testConfig(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	for _, path := range []string{"/apis/bos/v2/healthz", "/apis/cfs/healthz", "/apis/smd/hsm/v2/service/ready", "/apis/power-control/v1/health",
		"/apis/bss/boot/v1/service/status", "/apis/bss/boot/v1/service/status/all", "/apis/ims/healthz/ready", "/apis/ims/healthz/live", "/apis/ims/version"} {
		var object map[string]any
		status, text := askOver(t, s, "GET", path, "")
		if err := json.Unmarshal([]byte(text), &object); status != 200 || err != nil || len(object) == 0 {
			t.Errorf("%s: %d %q, %v", path, status, text, err)
		}
	}
	for _, path := range []string{"/apis/smd/hsm/v2/service/liveness", "/apis/power-control/v1/liveness", "/apis/power-control/v1/readiness"} {
		if status, text := askOver(t, s, "GET", path, ""); status != 204 || text != "" {
			t.Errorf("%s: %d %q", path, status, text)
		}
	}
}

func TestDotsAreNames(t *testing.T) {
	s, err := Start(t.Context(), testConfig(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	const groups = "/apis/smd/hsm/v2/groups"
	for _, name := range []string{".", ".."} {
		for _, call := range []struct {
			method, path, body string
			status             int
			part               string
		}{
			{"GET", groups + "/" + name, "", 404, "No such group: " + name},
			{"POST", groups, `{"label":"` + name + `"}`, 201, groups[len("/apis/smd"):] + "/" + name},
			{"GET", groups + "/" + name, "", 200, `"label":"` + name + `"`},
			{"GET", groups + "/" + name + "/members", "", 200, `"ids":[]`},
			{"GET", groups + "/" + strings.ReplaceAll(name, ".", "%2E"), "", 200, `"label":"` + name + `"`},
			{"DELETE", "/hsm/v2/groups/" + name, "", 200, "deleted"},
			{"DELETE", "/apis/bos/v2/sessiontemplates/" + name, "", 400, "session_template_id"}, // not a name there, and no direction
		} {
			if status, text := askOver(t, s, call.method, call.path, call.body); status != call.status || !strings.Contains(text, call.part) {
				t.Errorf("%s %s: %d %s, want %d with %s", call.method, call.path, status, text, call.status, call.part)
			}
		}
	}
}
