package pcs_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/pcs"
)

func TestBadInputIsNamedAndChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.start()
	tests := map[string]struct {
		method, path, body, detail string
		status                     int
	}{
		"operation":      {"POST", "/transitions", `{"operation":"explode","location":[{"xname":"x1c0s0b0n0"}]}`, "invalid operation 'explode': expected one of On, Off", 400},
		"no operation":   {"POST", "/transitions", `{"location":[{"xname":"x1c0s0b0n0"}]}`, "invalid operation ''", 400},
		"no xname":       {"POST", "/v1/transitions", `{"operation":"on","location":[{}]}`, "location[0]", 400},
		"no JSON":        {"POST", "/v1/transitions", `{`, "", 400},
		"id":             {"GET", "/transitions/7", ``, "transitionID", 400},
		"unknown id":     {"GET", "/transitions/3fa85f64-5717-4562-b3fc-2c963f66afa6", ``, "3fa85f64", 404},
		"unknown abort":  {"DELETE", "/transitions/3fa85f64-5717-4562-b3fc-2c963f66afa6", ``, "3fa85f64", 404},
		"xname":          {"POST", "/power-status", `{"xname":["x1c0s0b0n0","xyz","n1"]}`, "invalid xnames detected: xyz, n1", 400},
		"no xnames":      {"POST", "/power-status", `{"xname":[]}`, "xname", 400},
		"unknown member": {"POST", "/power-status", `{"xnames":["x1c0s0b0n0"]}`, "xnames", 400},
		"power filter":   {"GET", "/power-status?powerStateFilter=warm", ``, "powerStateFilter", 400},
		"empty xname":    {"GET", "/power-status?xname=", ``, "xname", 400},
		"an empty xname": {"GET", "/v1/power-status?xname=&xname=x1c0s0b0n0", ``, "xname", 400},
		"empty filter":   {"GET", "/power-status?powerStateFilter=", ``, "on, off, undefined", 400},
		"no caps":        {"PATCH", "/power-cap", `{"components":[]}`, "no components are given", 400},
		"no body":        {"PATCH", "/v1/power-cap", ``, "body", 400},
		"no control":     {"PATCH", "/power-cap", `{"components":[{"xname":"x1c0s0b0n0"}]}`, "x1c0s0b0n0 has no controls", 400},
		"no value":       {"PATCH", "/power-cap", `{"components":[{"xname":"x1c0s0b0n0","controls":[{"name":"node"}]}]}`, "'node' with the value -1", 400},
		"capped twice":   {"PATCH", "/power-cap", `{"components":[{"xname":"x1c0s0b0n0","controls":[{"name":"a","value":1}]},{"xname":"x1c0s0b0n0","controls":[{"name":"a","value":2}]}]}`, "given twice", 400},
		"no nodes":       {"POST", "/power-cap/snapshot", `{"xnames":[]}`, "no components are given", 400},
		"cap xname":      {"POST", "/v1/power-cap/snapshot", `{"xnames":["x1c0s0b0n0","xyz"]}`, "invalid xnames detected: xyz", 400},
		"cap task id":    {"GET", "/power-cap/7", ``, "taskID", 400},
		"no cap task":    {"GET", "/v1/power-cap/3fa85f64-5717-4562-b3fc-2c963f66afa6", ``, "3fa85f64", 404},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := w.http.Do(context.Background(), tt.method, tt.path, nil, []byte(tt.body), nil)
			var problem *httpapi.StatusError
			if !errors.As(err, &problem) || problem.Status != tt.status || !strings.Contains(problem.Detail, tt.detail) {
				t.Errorf("got %v, want %d with %q", err, tt.status, tt.detail)
			}
		})
	}
	if list, err := w.client.Transitions(context.Background()); err != nil || len(list) != 0 {
		t.Errorf("transitions %v, %v", list, err)
	}
	if list, err := w.service.CapTasks(context.Background()); err != nil || len(list) != 0 {
		t.Errorf("power cap tasks %v, %v", list, err)
	}
}

// As HSM, BOS and CFS take them.
func TestEachSpellingOfANameIsTheComponent(t *testing.T) {
	const odd = "X01C0S00B0N0"
	w := newWorld(t)
	w.add(n0, "Off")
	w.start()
	tasks := w.finished(w.transition("On", -1, odd))
	if task := tasks[n0]; len(tasks) != 1 || task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("%+v", tasks)
	}
	for name, ask := range map[string]struct {
		query url.Values
		body  any
	}{
		http.MethodGet:  {url.Values{"xname": {odd}}, nil},
		http.MethodPost: {nil, map[string]any{"xname": []string{odd}}},
	} {
		var out struct{ Status []pcs.PowerStatus }
		_, err := w.http.Do(t.Context(), name, "/v1/power-status", ask.query, ask.body, &out)
		if err != nil || len(out.Status) != 1 || out.Status[0].Xname != n0 || out.Status[0].Error != "" {
			t.Errorf("%s: %+v, %v", name, out.Status, err)
		}
	}
}

func TestPowerStatusSelection(t *testing.T) {
	const processor, unknown = "x1c0s0b0n0p0", "x9c0s0b0n0"
	w := newWorld(t)
	w.add(n0, "Off")
	w.add(n1, "On")
	w.start()
	ctx := context.Background()
	names := func(query url.Values) string {
		var out struct{ Status []pcs.PowerStatus }
		if _, err := w.http.Do(ctx, http.MethodGet, "/v1/power-status", query, nil, &out); err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, s := range out.Status {
			list = append(list, s.Xname)
		}
		return strings.Join(list, " ")
	}
	w.eventually("all are polled", func() bool { return names(url.Values{"managementStateFilter": {"available"}}) == n0+" "+n1 })
	for query, want := range map[string]string{
		"":                                         n0 + " " + n1,
		"powerStateFilter=on":                      n1,
		"xname=" + n0 + "&xname=" + n0:             n0,
		"xname=" + n0 + "&powerStateFilter=on":     "",
		"managementStateFilter=unavailable":        "",
		"xname=" + unknown + "&xname=" + processor: unknown + " " + processor,
	} {
		values, _ := url.ParseQuery(query)
		if got := names(values); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	for x, want := range map[string]string{
		unknown:   "Component not found in component map.",
		processor: "Component can not have power state and managment state data",
	} {
		if s := w.status(x); s.Error != want || s.PowerState != "" || s.SupportedPowerTransitions != nil {
			t.Errorf("%s: %+v", x, s)
		}
	}
	var raw map[string][]map[string]any
	if _, err := w.http.Do(ctx, http.MethodPost, "/power-status", nil, map[string]any{"xname": []string{unknown}}, &raw); err != nil {
		t.Fatal(err)
	}
	if got := raw["status"][0]; len(got) != 6 {
		t.Errorf("members are missing: %v", got)
	}
}

func TestADeadlineLongerThanACenturyIsOne(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.start()
	id := w.transition("on", 153_722_868, n0)
	if task := w.finished(id)[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("%+v", task)
	}
}

func TestServiceRoutes(t *testing.T) {
	w := newWorld(t)
	w.start()
	ctx := context.Background()
	for _, path := range []string{"/liveness", "/readiness", "/health", "/v1/liveness", "/v1/readiness", "/v1/health"} {
		if _, err := w.http.Do(ctx, http.MethodGet, path, nil, nil, nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	w.service.Stop()
	if _, err := w.http.Do(ctx, http.MethodGet, "/readiness", nil, nil, nil); !httpapi.IsStatus(err, http.StatusServiceUnavailable) {
		t.Errorf("readiness of a stopped service: %v", err)
	}
}

// The command line registers the operations without a service.
func TestRegisterWithoutService(t *testing.T) {
	api := httpapi.New(http.NewServeMux(), "/apis/power-control", "PCS", "1")
	pcs.Register(api, nil)
	paths := api.OpenAPI().Paths
	if paths["/v1/transitions"] == nil || paths["/transitions"] != nil {
		t.Errorf("documented paths: %v", paths)
	}
}
