package gather

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/explain"
)

const node = "x1c0s0b0n0"

// world answers each call, "bos GET /path", with a text; of others it knows
// nothing. It keeps what was asked.
type world struct {
	answers map[string]string
	errs    map[string]error
	mu      sync.Mutex
	asked   []string
}

func (w *world) ask(service string) Ask {
	return func(_ context.Context, method, path string, _, out any) error {
		call := service + " " + method + " " + path
		w.mu.Lock()
		w.asked = append(w.asked, call)
		w.mu.Unlock()
		if err := w.errs[call]; err != nil {
			return err
		}
		text, ok := w.answers[call]
		if !ok {
			return &Answer{Status: http.StatusNotFound, Words: "no such thing"}
		}
		return json.Unmarshal([]byte(text), out)
	}
}

func (w *world) facts(t *testing.T) *explain.Facts {
	t.Helper()
	f, err := w.try(t)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (w *world) try(t *testing.T) (*explain.Facts, error) {
	return Facts(t.Context(), Services{BOS: w.ask("bos"), PCS: w.ask("pcs"), CFS: w.ask("cfs"), HSM: w.ask("hsm"), Drover: w.ask("drover")},
		node, func() time.Time { return time.Unix(0, 0) })
}

func booting(status string) map[string]string {
	return map[string]string{
		"bos GET /v2/components/" + node:                         `{"session": "s1", "enabled": true, "status": {"status": "` + status + `"}}`,
		"pcs GET /v1/power-status?xname=" + node:                 `{"status": [{"xname": "x", "powerState": "on", "managementState": "available"}]}`,
		"cfs GET /v3/components/" + node + "?state_details=true": `{"desired_config": "site", "configuration_status": "pending", "enabled": true}`,
		"cfs GET /v3/components/" + node + "/waiting":            `{"waiting": {"reason": "the batcher is disabled (option batcher_disable)"}}`,
		"cfs GET /v3/sessions?status=running":                    `{"sessions": [{"name": "other", "ansible": {"limit": "x9"}}]}`,
		"cfs GET /v3/sessions?status=pending": `{"sessions": [{"name": "mine", "ansible": {"limit": "x9,` + node + `"},
			"status": {"session": {"waiting": {"reason": "the git server is away", "until": "2026-01-02T03:04:05Z"}}}}]}`,
		"cfs GET /healthz":                                    `{"db_status": "ok", "sessions_held": true}`,
		"hsm POST /locks/status":                              `{"Components": [{"ID": "x", "Locked": true}]}`,
		"hsm GET /State/Components/" + node:                   `{"Enabled": false}`,
		"drover GET /v1/nodes/" + node + "/console?lines=200": `{"lines": ["login:"]}`,
		"drover GET /v1/nodes/" + node + "/journal":           `[]`,
		"pcs GET /v1/transitions": `{"transitions": [{"transitionID": "old", "transitionStatus": "completed", "createTime": "2026-01-03T00:00:00Z"},
			{"transitionID": "others", "transitionStatus": "in-progress", "createTime": "2026-01-02T00:00:00Z"},
			{"transitionID": "its", "transitionStatus": "in-progress", "createTime": "2026-01-01T00:00:00Z"}]}`,
		"pcs GET /v1/transitions/others": `{"operation": "Off", "tasks": [{"xname": "x9", "taskStatus": "in-progress", "taskStatusDescription": "no"}]}`,
		"pcs GET /v1/transitions/its":    `{"operation": "On", "tasks": [{"xname": "` + node + `", "taskStatus": "in-progress", "taskStatusDescription": "The BMC answered 503"}]}`,
	}
}

func TestWhatIsAskedForIsKnown(t *testing.T) {
	f := (&world{answers: booting("configuring")}).facts(t)
	text := strings.Join(explain.Explain(f), "\n")
	for _, want := range []string{"locked in HSM", "disabled in HSM", "CFS session mine is to configure it.",
		"That session waits until 03:04:05: the git server is away", "CFS accepts sessions and starts none",
		"site pending, waits: the batcher is disabled (option batcher_disable)", "power          on, BMC available"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	f = (&world{answers: booting("power_on_called")}).facts(t)
	if f.Task == nil || *f.Task != (explain.Task{Operation: "On", Description: "The BMC answered 503"}) || !slices.Equal(f.Console, []string{"login:"}) {
		t.Errorf("task %+v, console %q", f.Task, f.Console)
	}
}

// What cannot matter is not asked for: of many nodes each call counts.
func TestOfAConfiguredNodeAtRestLittleIsAsked(t *testing.T) {
	w := &world{answers: booting("stable")}
	w.answers["cfs GET /v3/components/"+node+"?state_details=true"] = `{"desired_config": "site", "configuration_status": "configured"}`
	w.facts(t)
	if len(w.asked) != 7 {
		t.Errorf("asked %s", strings.Join(w.asked, "\n"))
	}
}

func TestServicesThatDoNotTell(t *testing.T) {
	w := &world{answers: booting("configuring"), errs: map[string]error{
		"pcs GET /v1/power-status?xname=" + node: &Answer{Words: "call PCS: connection refused"}}}
	if f := w.facts(t); f.Power != nil || f.Unknown["power"] != "call PCS: connection refused" || len(f.Unknown) != 1 {
		t.Errorf("%+v, unknown %v", f.Power, f.Unknown)
	}
	w = &world{} // a site whose services know nothing of the node
	if f := w.facts(t); len(f.Unknown) != 0 || f.Component != nil {
		t.Errorf("%+v", f)
	}
	broken := errors.New("no route to host")
	w.errs = map[string]error{"bos GET /v2/options": broken}
	if _, err := w.try(t); !errors.Is(err, broken) {
		t.Errorf("no answer at all: %v", err)
	}
}

func TestTasksThatFailedAreAskedOfTheLastSessionThatFailed(t *testing.T) {
	w := &world{answers: booting("failed")}
	w.answers["cfs GET /v3/components/"+node+"?state_details=true"] = `{"desired_config": "site", "configuration_status": "failed", "state": [
		{"playbook": "a.yml", "status": "failed", "session_name": "old"}, {"playbook": "b.yml", "status": "failed", "session_name": "new"}]}`
	w.answers["cfs GET /v3/sessions/new/results?host="+node+"&limit=3&status=failed%2Cunreachable"] =
		`{"results": [{"host": "` + node + `", "task": "mount", "status": "unreachable", "message": "no route"}], "next": null}`
	f := w.facts(t)
	if text := strings.Join(explain.Explain(f), "\n"); !strings.Contains(text, "Task 'mount' did not reach it: no route") {
		t.Errorf("%+v in\n%s", f.Tasks, text)
	}
}
