package sim_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/sim"
)

func TestControl(t *testing.T) {
	f := fleet(t, newGateway(), nil)
	h := sim.Handler(f)
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/nodes", "", 200, `"xname":"x1000c0s3b0n0"`},
		{"GET", "/nodes/x1000c0s9b0n0", "", 404, "x1000c0s9b0n0"},
		{"GET", "/nodes/X1000C0S00B0N0", "", 200, `"xname":"x1000c0s0b0n0"`},
		{"PATCH", "/nodes/x1000c0s0b0n0", `{"faults":{"hang_boot":2,"ignore_soft_off":true}}`, 200, `"hang_boot":2`},
		{"PATCH", "/nodes/x1000c0s0b0n0", `{"faults":{"hang_boot":0}}`, 200, `"faults":{"ignore_soft_off":true}`},
		{"PATCH", "/nodes", `{"xnames":["x1000c0s1b0n0"],"faults":{"silent":true}}`, 200, `"silent":true`},
		{"PATCH", "/nodes", `{"xnames":["x1000c0s1b0n0","nobody"],"faults":{"silent":false}}`, 404, "nobody"},
		{"PATCH", "/nodes", `{"faults":{"boot_failure_rate":2}}`, 400, "boot_failure_rate"},
		{"PATCH", "/nodes", `{"faults":{"refuse_status":200}}`, 400, "refuse_status"},
		{"PATCH", "/nodes", `{"faults":{"drop":-1}}`, 400, "drop"},
		{"PATCH", "/nodes", `{"faults":{"busy_reads":-1}}`, 400, "busy_reads"},
		{"PATCH", "/nodes", `{"faults":{"hung":1}}`, 400, "hung"},
		{"PATCH", "/nodes", `{"fault":{}}`, 400, "fault"},
		{"PATCH", "/nodes", `{}`, 400, "faults"},
		{"PATCH", "/nodes/x1000c0s0b0n0", `{"xnames":[],"faults":{}}`, 400, "xnames"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, w.Code, w.Body)
		}
	}
	if got := f.Nodes()[0].Faults(); got != (sim.Faults{IgnoreSoftOff: true}) {
		t.Errorf("first node: %+v", got)
	}
	if got := f.Nodes()[1].Faults(); got != (sim.Faults{Silent: true}) {
		t.Errorf("second node: %+v", got)
	}
	if got := f.Nodes()[2].Faults(); got != (sim.Faults{}) {
		t.Errorf("a refused change touched %+v", got)
	}
}
