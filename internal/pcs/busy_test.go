package pcs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/pcs"
)

// busyFor has the BMC answer the first n reads and the first n resets of each
// system with the status, or cut the connection (0).
func (w *world) busyFor(n, status int, header map[string]string, body string) {
	left := map[string]int{}
	w.hardware.with(func() {
		w.hardware.before = func(rw http.ResponseWriter, r *http.Request, id string) bool {
			key := r.Method + id
			if left[key]++; left[key] > n {
				return false
			}
			if status == 0 {
				panic(http.ErrAbortHandler)
			}
			for k, v := range header {
				rw.Header().Set(k, v)
			}
			rw.WriteHeader(status)
			io.WriteString(rw, body)
			return true
		}
	})
}

// polled waits for the first poll, so that what follows is the transition's.
func (w *world) polled(names ...string) {
	w.t.Helper()
	w.eventually("first poll", func() bool {
		list, err := w.client.PowerStatus(context.Background(), names)
		return err == nil && !slices.ContainsFunc(list, func(p pcs.PowerStatus) bool { return p.PowerState == pcs.PowerUndefined })
	})
}

func TestBusyBMCIsAskedAgainWithinTheDeadline(t *testing.T) {
	for _, status := range []int{503, 429, 409, 408, 423, 425, 502, 504, 500, 0} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.add(n0, "On")
			w.start()
			w.polled(n0)
			w.busyFor(2, status, nil, "")
			if task := w.finished(w.transition("Soft-Off", 5, n0))[n0]; task.TaskStatus != pcs.TaskSucceeded || task.Failure != "" {
				t.Errorf("task %+v", task)
			}
			w.eventually("status says off", func() bool { return w.status(n0).PowerState == pcs.PowerOff })
		})
	}
}

func TestRefusalIsToldAtOnce(t *testing.T) {
	for _, status := range []int{400, 403, 404, 405} {
		w := newWorld(t)
		w.add(n0, "On")
		w.start()
		w.polled(n0)
		w.hardware.before = func(rw http.ResponseWriter, r *http.Request, _ string) bool {
			if r.Method == http.MethodPost {
				rw.WriteHeader(status)
			}
			return r.Method == http.MethodPost
		}
		task := w.finished(w.transition("Soft-Off", -1, n0))[n0]
		if task.TaskStatus != pcs.TaskFailed || task.Failure != pcs.FailureRefused || !strings.Contains(task.Error, fmt.Sprint(status)) {
			t.Errorf("%d: task %+v", status, task)
		}
		if got := w.hardware.resetsOf(n0); len(got) != 1 {
			t.Errorf("%d: resets %v", status, got)
		}
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	w.start(func(c *pcs.Config) { c.Random = func() float64 { return 0 } })
	w.polled(n0)
	var asked []time.Time
	w.hardware.before = func(rw http.ResponseWriter, r *http.Request, _ string) bool {
		if r.Method == http.MethodPost {
			asked = append(asked, time.Now())
		}
		if len(asked) == 1 && r.Method == http.MethodPost {
			rw.Header().Set("Retry-After", "2")
			rw.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	w.finished(w.transition("Soft-Off", 5, n0))
	if len(asked) != 2 || asked[1].Sub(asked[0]) < 2*time.Second {
		t.Errorf("asked at %v, want twice and two seconds apart", asked)
	}
}

func TestTaskTellsWhatItWaitsForAndEndsAtTheDeadline(t *testing.T) {
	for _, op := range []string{"Soft-Off", "Off"} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			clock := newClock()
			w.now = clock.now
			w.add(n0, "On")
			w.start()
			w.polled(n0)
			w.hardware.with(func() {
				w.hardware.before = func(rw http.ResponseWriter, r *http.Request, _ string) bool {
					if r.Method == http.MethodPost {
						rw.WriteHeader(http.StatusServiceUnavailable)
					}
					return r.Method == http.MethodPost
				}
			})
			id := w.transition(op, 5, n0)
			var task pcs.Task
			w.eventually("it tells", func() bool {
				task = tasksOf(w.describe(id))[n0]
				return strings.HasPrefix(task.TaskStatusDescription, "The BMC answered 503 Service Unavailable to POST /redfish/v1/Systems/"+n0+"/Reset; asking again until ")
			})
			if task.TaskStatus != pcs.TaskInProgress || task.Error != "" {
				t.Errorf("meanwhile %+v", task)
			}
			clock.add(6 * time.Minute)
			task = w.finished(id)[n0]
			if task.TaskStatus != pcs.TaskFailed || task.TaskStatusDescription != notAchieved || task.Failure != pcs.FailureBusy || !task.Accepted.IsZero() ||
				!strings.HasPrefix(task.Error, "Timeout waiting for transition, gracefulshutdown. The BMC answered 503") {
				t.Errorf("task %+v", task)
			}
			// A node that was never asked gracefully is not forced.
			if slices.Contains(w.hardware.resetsOf(n0), "ForceOff") {
				t.Errorf("resets %v", w.hardware.resetsOf(n0))
			}
		})
	}
}

func TestDeadlineCountsAnewFromTheAcceptance(t *testing.T) {
	w := newWorld(t)
	clock := newClock()
	w.now = clock.now
	w.add(n0, "On")
	w.hardware.ignores[n0] = true
	w.start()
	w.polled(n0)
	w.busyFor(1<<30, 503, nil, "")
	began := clock.now()
	id := w.transition("Soft-Off", 5, n0)
	w.eventually("the BMC was asked", func() bool {
		return strings.Contains(tasksOf(w.describe(id))[n0].TaskStatusDescription, "503")
	})
	clock.add(4 * time.Minute)
	w.hardware.with(func() { w.hardware.before = nil })
	w.eventually("accepted", func() bool { return !tasksOf(w.describe(id))[n0].Accepted.IsZero() })
	if at := tasksOf(w.describe(id))[n0].Accepted; at.Before(began.Add(4*time.Minute)) || at.After(clock.now()) {
		t.Errorf("accepted at %v", at)
	}
	clock.add(4 * time.Minute)
	reads := w.readsOf(n0)
	w.eventually("looked at again", func() bool { return w.readsOf(n0) > reads+1 })
	if task := tasksOf(w.describe(id))[n0]; task.TaskStatus != pcs.TaskInProgress || task.TaskStatusDescription != "Waiting for power off" {
		t.Errorf("four minutes after the acceptance: %+v", task)
	}
	clock.add(2 * time.Minute)
	task := w.finished(id)[n0]
	if task.Failure != pcs.FailureTimeout || task.Accepted.IsZero() || task.Error != "Timeout waiting for transition, gracefulshutdown." {
		t.Errorf("task %+v", task)
	}
}

func (w *world) readsOf(x string) int {
	w.hardware.mu.Lock()
	defer w.hardware.mu.Unlock()
	return w.hardware.reads[x]
}

// withoutGraceful has the BMC refuse GracefulShutdown as a value it does not have.
func (w *world) withoutGraceful() {
	w.hardware.before = func(rw http.ResponseWriter, r *http.Request, id string) bool {
		sent := w.hardware.resets[id]
		if r.Method == http.MethodPost && sent[len(sent)-1] == "GracefulShutdown" {
			rw.WriteHeader(http.StatusBadRequest)
			io.WriteString(rw, `{"error":{"@Message.ExtendedInfo":[{"MessageId":"Base.1.8.ActionParameterValueNotInList","Message":"There is no GracefulShutdown."}]}}`)
			return true
		}
		return false
	}
}

// Before a node counts as one that cannot be shut down gracefully, its BMC is
// asked what it offers now.
func TestNeverIsBelievedOnlyAfterTheResetTypesWereReadAgain(t *testing.T) {
	tests := map[string]struct {
		op     string
		offers []string
		want   []string
		status pcs.TaskStatus
	}{
		"Soft-Off, nothing else": {"Soft-Off", []string{"On", "ForceOff"}, []string{"GracefulShutdown"}, pcs.TaskUnsupported},
		"Soft-Off, it has Off":   {"Soft-Off", []string{"On", "Off", "ForceOff"}, []string{"GracefulShutdown", "Off"}, pcs.TaskSucceeded},
		"Off, nothing else":      {"Off", []string{"On", "ForceOff"}, []string{"GracefulShutdown", "ForceOff"}, pcs.TaskSucceeded},
		"Off, it has Off":        {"Off", []string{"On", "Off", "ForceOff"}, []string{"GracefulShutdown", "Off"}, pcs.TaskSucceeded},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(n0, "On")
			w.hardware.offers = map[string][]string{n0: tt.offers}
			w.start()
			w.polled(n0)
			w.hardware.with(w.withoutGraceful)
			task := w.finished(w.transition(tt.op, 5, n0))[n0]
			if got := w.hardware.resetsOf(n0); task.TaskStatus != tt.status || !slices.Equal(got, tt.want) {
				t.Errorf("task %+v, resets %v, want %s, %v", task, got, tt.status, tt.want)
			}
			if tt.status == pcs.TaskUnsupported && (task.Failure != pcs.FailureUnsupported || !strings.Contains(task.Error, "There is no GracefulShutdown.")) {
				t.Errorf("task %+v", task)
			}
		})
	}
}

func TestSoftOffThatHSMDoesNotKnowIsAskedOfTheBMC(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On", "On", "ForceOff")
	w.hardware.offers = map[string][]string{n0: nodeResets}
	w.start()
	w.polled(n0)
	task := w.finished(w.transition("Soft-Off", 5, n0))[n0]
	if got := w.hardware.resetsOf(n0); task.TaskStatus != pcs.TaskSucceeded || !slices.Equal(got, []string{"GracefulShutdown"}) {
		t.Errorf("task %+v, resets %v", task, got)
	}
}

func TestAbortedTaskTellsThatItsRequestWasAccepted(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	w.add(n1, "On")
	w.hardware.ignores[n0] = true
	w.start()
	w.polled(n0, n1)
	w.hardware.with(func() {
		w.hardware.before = func(rw http.ResponseWriter, r *http.Request, id string) bool {
			if id == n1 {
				rw.WriteHeader(503)
			}
			return id == n1
		}
	})
	id := w.transition("Soft-Off", 5, n0, n1)
	w.eventually("one is accepted, the other busy", func() bool {
		tasks := tasksOf(w.describe(id))
		return !tasks[n0].Accepted.IsZero() && strings.Contains(tasks[n1].TaskStatusDescription, "503")
	})
	if err := w.client.Abort(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	w.eventually("aborted", func() bool { return w.describe(id).TransitionStatus == pcs.TransitionAborted })
	tasks := tasksOf(w.describe(id))
	if a, b := tasks[n0], tasks[n1]; a.Failure != pcs.FailureAborted || a.Accepted.IsZero() || b.Failure != pcs.FailureAborted || !b.Accepted.IsZero() {
		t.Errorf("tasks %+v", tasks)
	}
}

func TestUnreachableBMC(t *testing.T) {
	w := newWorld(t)
	clock := newClock()
	w.now = clock.now
	w.add(n0, "On")
	w.start()
	w.eventually("first poll", func() bool { return w.status(n0).PowerState == pcs.PowerOn })

	w.hardware.server.Close()
	id := w.transition("Off", 5, n0)
	w.eventually("status says unavailable", func() bool { return w.status(n0).ManagementState == pcs.Unavailable })
	if s := w.status(n0); s.PowerState != pcs.PowerUndefined || s.Error != "" {
		t.Errorf("status %+v", s)
	}
	task := tasksOf(w.describe(id))[n0]
	if d := task.TaskStatusDescription; task.TaskStatus != pcs.TaskInProgress || !strings.HasPrefix(d, "The BMC does not answer: ") ||
		!strings.Contains(d, "connection refused; asking again until ") {
		t.Errorf("task meanwhile %+v", task)
	}
	clock.add(6 * time.Minute)
	task = w.finished(id)[n0]
	if task.TaskStatus != pcs.TaskFailed || !strings.HasPrefix(task.Error, "Timeout waiting for transition, gracefulshutdown.") ||
		task.Failure != pcs.FailureSilent || !strings.Contains(task.Error, "connection refused") || !task.Accepted.IsZero() {
		t.Errorf("task %+v", task)
	}
}

// A request without an answer is repeated only if it had no effect, and not for ever.
func TestUnansweredReset(t *testing.T) {
	w := newWorld(t)
	clock := newClock()
	w.now = clock.now
	w.add(n0, "Off")
	w.add(n1, "Off")
	w.hardware.silent[n0], w.hardware.deaf[n1] = true, true
	w.start()
	id := w.transition("On", 5, n0, n1)
	w.eventually("the silent BMC's node is on", func() bool { return tasksOf(w.describe(id))[n0].TaskStatus == pcs.TaskSucceeded })
	w.eventually("the deaf BMC is asked again", func() bool { return len(w.hardware.resetsOf(n1)) > 2 })
	clock.add(6 * time.Minute)
	tasks := w.finished(id)
	if got := w.hardware.resetsOf(n0); len(got) != 1 {
		t.Errorf("silent BMC: %+v, resets %v", tasks[n0], got)
	}
	if tasks[n1].TaskStatus != pcs.TaskFailed || tasks[n1].Failure != pcs.FailureBusy {
		t.Errorf("deaf BMC: %+v", tasks[n1])
	}
}
