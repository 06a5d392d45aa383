package bmc_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bmc"
)

// tree is a face's resources as a client sees them.
type tree struct {
	t      *testing.T
	server *httptest.Server
}

func newTree(t *testing.T, c bmc.Controller) tree {
	t.Helper()
	face := bmc.NewFace(func(netip.Addr) (bmc.Controller, bool) { return c, true }, "root", "secret")
	s := httptest.NewServer(face)
	t.Cleanup(s.Close)
	return tree{t, s}
}

func (r tree) do(method, path, body string) (int, map[string]any) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.server.URL+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.SetBasicAuth("root", "secret")
	resp, err := r.server.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var text map[string]any
	json.NewDecoder(resp.Body).Decode(&text) //nolint:errcheck // some answers are no JSON
	return resp.StatusCode, text
}

// links are all the paths that a value refers to.
func links(v any) (paths []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if path, is := inner.(string); is && !strings.Contains(path, "#") && (name == "@odata.id" || name == "Members@odata.nextLink" || name == "TaskMonitor") {
				paths = append(paths, path)
			}
			paths = append(paths, links(inner)...)
		}
	case []any:
		for _, inner := range v {
			paths = append(paths, links(inner)...)
		}
	}
	return paths
}

func TestEveryLinkLeadsToTheResourceThatItNames(t *testing.T) {
	for _, name := range bmc.CharacterNames() {
		character, _ := bmc.CharacterOf(name)
		if character.SessionOnly || character.LostMember || character.BusyEvery > 0 {
			continue // the first does not change the tree, the others break it on purpose
		}
		t.Run(name, func(t *testing.T) {
			m := &machine{power: bmc.On, console: []string{"line 0", "line 1"}}
			r := newTree(t, bmc.Controller{Model: "Controller", MAC: "02:00:00:00:00:09", Systems: []bmc.System{m, m}, Character: character})
			seen, next := map[string]bool{}, []string{"/redfish/v1/"}
			for len(next) > 0 {
				path := next[0]
				next = next[1:]
				if seen[path] {
					continue
				}
				seen[path] = true
				status, text := r.do("GET", path, "")
				if status != 200 || text["@odata.id"] != strings.TrimSuffix(path, "/") || text["@odata.type"] == nil || text["Name"] == nil {
					t.Errorf("%s: %d %v", path, status, text)
				}
				next = append(next, links(text)...)
			}
			for _, want := range []string{"/redfish/v1/Systems/Node1/LogServices/HostLogger/Entries/1", "/redfish/v1/TaskService", "/redfish/v1/TaskService/Tasks",
				"/redfish/v1/AccountService/Roles/Administrator", "/redfish/v1/AccountService/Accounts/1", "/redfish/v1/UpdateService/FirmwareInventory/BMC"} {
				if !seen[want] {
					t.Errorf("nothing leads to %s", want)
				}
			}
		})
	}
}

func TestALineOfTheConsoleIsAResource(t *testing.T) {
	r := newTree(t, bmc.Controller{Systems: []bmc.System{&machine{console: []string{"line 0", "line 1"}}}})
	const entries = "/redfish/v1/Systems/Node0/LogServices/HostLogger/Entries/"
	if status, text := r.do("GET", entries+"1", ""); status != 200 || text["Message"] != "line 1" || text["@odata.id"] != entries+"1" {
		t.Errorf("%d %v", status, text)
	}
	for _, wrong := range []string{"2", "-1", "01", "x"} {
		if status, _ := r.do("GET", entries+wrong, ""); status != 404 {
			t.Errorf("entry %s: %d", wrong, status)
		}
	}
}

// Services that are switched off say so to whom asks them to do something.
func TestServicesThatAreSwitchedOffSaySo(t *testing.T) {
	r := newTree(t, bmc.Controller{Character: bmc.Character{NoEvents: true}})
	for path, action := range map[string]string{"/redfish/v1/EventService": "#EventService.SubmitTestEvent", "/redfish/v1/UpdateService": "#UpdateService.SimpleUpdate"} {
		_, text := r.do("GET", path, "")
		actions, _ := text["Actions"].(map[string]any)
		target, _ := actions[action].(map[string]any)
		if text["ServiceEnabled"] != false || target["target"] == nil {
			t.Fatalf("%s: %v", path, text)
		}
		if status, text := r.do("POST", target["target"].(string), "{}"); status != 400 || !strings.Contains(toText(text), "ServiceDisabled") {
			t.Errorf("%s: %d %v", action, status, text)
		}
	}
}

func toText(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// A task that failed tells why, at its monitor and in its record.
func TestATaskThatFailedTellsWhy(t *testing.T) {
	m := &machine{power: bmc.Off, refuse: &bmc.Refusal{Status: 400, Message: "fan 3 is broken"}}
	r := newTree(t, bmc.Controller{Systems: []bmc.System{m}, Character: bmc.Character{Tasks: true}})
	status, text := r.do("POST", "/redfish/v1/Systems/Node0/Actions/ComputerSystem.Reset", `{"ResetType":"On"}`)
	monitor, _ := text["TaskMonitor"].(string)
	if status != 202 || monitor == "" {
		t.Fatalf("%d %v", status, text)
	}
	if status, _ := r.do("GET", monitor, ""); status != 202 {
		t.Errorf("monitor, at first: %d", status)
	}
	if status, text := r.do("GET", monitor, ""); status != 400 || !strings.Contains(toText(text), "fan 3 is broken") {
		t.Errorf("monitor: %d %v", status, text)
	}
	if status, text := r.do("GET", text["@odata.id"].(string), ""); status != 200 || text["TaskState"] != "Exception" || !strings.Contains(toText(text), "fan 3 is broken") {
		t.Errorf("task: %d %v", status, text)
	}
}
