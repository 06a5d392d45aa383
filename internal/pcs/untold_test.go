package pcs_test

import (
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/pcs"
)

// untold makes a node known whose BMC does not tell its reset types.
func (w *world) untold(x, power string) {
	w.add(x, power)
	w.site.mu.Lock()
	defer w.site.mu.Unlock()
	e := w.site.endpoints[x]
	e.RedfishSystemInfo = &hsm.RedfishSystemInfo{Actions: &hsm.SystemActions{
		Reset: hsm.ResetAction{Target: e.OdataID + "/Reset", AllowableValues: []string{}}}}
	w.site.endpoints[x] = e
}

// A BMC that does not tell its reset types is asked for the usual one.
func TestWithoutResetTypesTheUsualOneIsTried(t *testing.T) {
	for name, tt := range map[string]struct {
		op, power string
		knows     []string // what the BMC takes
		want      []string
		status    pcs.TaskStatus
	}{
		"On":                      {"On", "Off", nodeResets, []string{"On"}, pcs.TaskSucceeded},
		"Off":                     {"Off", "On", nodeResets, []string{"GracefulShutdown"}, pcs.TaskSucceeded},
		"Off, takes no graceful":  {"Off", "On", []string{"ForceOff"}, []string{"GracefulShutdown", "Off", "ForceOff"}, pcs.TaskSucceeded},
		"On, takes ForceOn alone": {"On", "Off", []string{"ForceOn"}, []string{"On", "ForceOn"}, pcs.TaskSucceeded},
		"On, takes nothing":       {"On", "Off", nil, []string{"On", "ForceOn"}, pcs.TaskUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.untold(n0, tt.power)
			w.start()
			w.polled(n0)
			w.hardware.with(func() {
				w.hardware.before = func(rw http.ResponseWriter, r *http.Request, id string) bool {
					last := w.hardware.resets[id]
					if r.Method == http.MethodPost && !slices.Contains(tt.knows, last[len(last)-1]) {
						rw.WriteHeader(400)
						io.WriteString(rw, `{"error":{"@Message.ExtendedInfo":[{"MessageId":"Base.1.8.ActionParameterNotSupported","Message":"There is none."}]}}`)
						return true
					}
					if r.Method == http.MethodPost && last[len(last)-1] == "ForceOn" {
						w.hardware.power[id] = "On"
						rw.WriteHeader(204)
						return true
					}
					return false
				}
			})
			task := w.finished(w.transition(tt.op, 5, n0))[n0]
			if got := w.hardware.resetsOf(n0); task.TaskStatus != tt.status || !slices.Equal(got, tt.want) {
				t.Errorf("task %+v, resets %v, want %s, %v", task, got, tt.status, tt.want)
			}
			if status, err := w.client.PowerStatus(t.Context(), []string{n0}); err != nil || len(status) != 1 || !slices.Contains(status[0].SupportedPowerTransitions, pcs.On) {
				t.Errorf("status %+v, %v", status, err)
			}
		})
	}
}

func TestForceOnOfHardwareThatDoesNotOfferOn(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off", "ForceOn", "ForceOff")
	w.start()
	w.polled(n0)
	w.hardware.with(func() {
		w.hardware.before = func(rw http.ResponseWriter, r *http.Request, id string) bool {
			if r.Method == http.MethodPost {
				w.hardware.power[id] = "On"
				rw.WriteHeader(204)
			}
			return r.Method == http.MethodPost
		}
	})
	if task := w.finished(w.transition("On", 5, n0))[n0]; task.TaskStatus != pcs.TaskSucceeded || !slices.Equal(w.hardware.resetsOf(n0), []string{"ForceOn"}) {
		t.Errorf("task %+v, resets %v", task, w.hardware.resetsOf(n0))
	}
}
