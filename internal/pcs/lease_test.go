package pcs_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/pcs"
)

func TestComponentsAreReservedInHSMWithOneCall(t *testing.T) {
	const nodes = 300
	w := newWorld(t)
	var names []string
	for i := range nodes {
		names = append(names, fmt.Sprintf("x1c0s%db0n0", i))
		w.add(names[i], "Off")
	}
	w.hardware.slow[names[0]] = true
	w.start()
	w.polled(names...)
	id := w.transition("On", 5, names...)
	w.eventually("all but one are over", func() bool { return w.describe(id).TaskCounts.Succeeded == nodes-1 })
	if calls, held := w.site.called("reserve", names[0]); calls != 1 || !held {
		t.Errorf("%d calls, reserved %v", calls, held)
	}
	w.eventually("one that is over is released", func() bool { _, held := w.site.called("", names[1]); return !held })
	w.hardware.settle()
	w.finished(id)
	w.eventually("all are released", func() bool { _, held := w.site.called("", names[0]); return !held })
	if calls, _ := w.site.called("release", ""); calls > 20 {
		t.Errorf("%d calls to release", calls)
	}
}

func TestComponentReservedByAnotherClientIsNotPowered(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	w.site.deputize(n0, "theirs")
	w.start()
	w.polled(n0)
	task := w.finished(w.transition("Force-Off", 5, n0))[n0]
	if task.TaskStatus != pcs.TaskFailed || !strings.HasPrefix(task.Error, "Unable to reserve component") || task.Failure != pcs.FailureReserved {
		t.Errorf("task %+v", task)
	}
	if got := w.hardware.resetsOf(n0); got != nil {
		t.Errorf("resets %v", got)
	}
}

func (w *world) withDeputy(op, x, key string) string {
	w.t.Helper()
	var out struct{ TransitionID string }
	body := fmt.Sprintf(`{"operation":%q,"location":[{"xname":%q,"deputyKey":%q}]}`, op, x, key)
	if _, err := w.http.Do(context.Background(), http.MethodPost, "/transitions", nil, []byte(body), &out); err != nil {
		w.t.Fatal(err)
	}
	return out.TransitionID
}

func TestDeputyKeys(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	w.add(n1, "On")
	w.site.deputize(n0, "theirs")
	w.start()
	w.polled(n0, n1)
	for _, x := range []string{n0, n1} { // n1 is free: a wrong key is wrong all the same
		task := w.finished(w.withDeputy("Force-Off", x, "wrong"))[x]
		if !strings.HasPrefix(task.Error, "Invalid deputy key and unable to reserve component") || task.Failure != pcs.FailureReserved {
			t.Errorf("wrong key: %+v", task)
		}
		if got := w.hardware.resetsOf(x); got != nil {
			t.Errorf("wrong key: resets %v", got)
		}
	}
	if task := w.finished(w.withDeputy("Force-Off", n0, "theirs"))[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("right key: %+v", task)
	}
	// A later release of PCS's own shows that the earlier one did not come.
	w.finished(w.transition("Force-Off", 5, n1))
	w.eventually("release", func() bool { calls, held := w.site.called("release", n1); return calls == 1 && !held })
	if reserves, _ := w.site.called("reserve", ""); reserves != 1 {
		t.Errorf("%d reservations, want that of the last transition alone", reserves)
	}
}

func TestHSMThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	w.start()
	w.polled(n0)
	w.site.with(func() { w.site.away = true })
	id := w.transition("Soft-Off", 5, n0)
	w.eventually("it tells", func() bool {
		d := tasksOf(w.describe(id))[n0].TaskStatusDescription
		return strings.Contains(d, "reserve components in HSM: HSM is away; asking again until ")
	})
	w.site.with(func() { w.site.away = false })
	if task := w.finished(id)[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("task %+v", task)
	}
}

func TestReservationIsRenewedWhileDriving(t *testing.T) {
	w := newWorld(t)
	clock := newClock()
	w.now = clock.now
	w.add(n0, "On")
	w.hardware.slow[n0] = true
	w.start()
	w.polled(n0)
	id := w.transition("Soft-Off", 5, n0)
	w.eventually("asked", func() bool { return len(w.hardware.resetsOf(n0)) == 1 })
	for range 3 {
		renewed, _ := w.site.called("renew", n0)
		clock.add(30 * time.Second)
		w.eventually("renewed", func() bool { calls, held := w.site.called("renew", n0); return calls > renewed && held })
	}
	w.hardware.settle()
	w.finished(id)
}

// A reservation that an administrator removed and another client took is not
// driven over.
func TestLostReservationEndsTheTaskBeforeItsNextRequest(t *testing.T) {
	w := newWorld(t)
	clock := newClock()
	w.now = clock.now
	w.add(n0, "On")
	w.hardware.slow[n0] = true
	w.start()
	w.polled(n0)
	id := w.transition("Hard-Restart", 5, n0)
	w.eventually("asked", func() bool { return len(w.hardware.resetsOf(n0)) == 1 })
	w.site.with(func() { delete(w.site.keys, n0); w.site.deputies[n0] = "theirs" })
	reserves, _ := w.site.called("reserve", n0)
	clock.add(30 * time.Second)
	w.eventually("the loss is seen", func() bool { calls, _ := w.site.called("reserve", n0); return calls > reserves })
	w.hardware.settle()
	task := w.finished(id)[n0]
	if !strings.HasPrefix(task.Error, "Reservation expired") || task.Failure != pcs.FailureReserved || task.Accepted.IsZero() {
		t.Errorf("task %+v", task)
	}
	if got := w.hardware.resetsOf(n0); len(got) != 1 {
		t.Errorf("resets %v", got)
	}
}

func TestResumedTransitionRenewsItsReservation(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.add(n1, "Off")
	w.hardware.slow[n0], w.hardware.slow[n1] = true, true
	path := t.TempDir() + "/db"
	w.reopen(path)
	kill := w.doomed(path)
	w.polled(n0, n1)
	id := w.transition("On", 5, n0, n1)
	w.eventually("saved", w.savedAsSent)
	kill()
	// One reservation is as it was, the other has ended meanwhile.
	w.site.with(func() { delete(w.site.keys, n1) })
	w.start()
	w.eventually("both are reserved again", func() bool {
		renews, first := w.site.called("renew", n0)
		_, second := w.site.called("", n1)
		return renews > 0 && first && second
	})
	w.hardware.settle()
	for x, task := range w.finished(id) {
		if task.TaskStatus != pcs.TaskSucceeded {
			t.Errorf("%s: %+v", x, task)
		}
	}
	w.eventually("released", func() bool {
		_, first := w.site.called("", n0)
		_, second := w.site.called("", n1)
		return !first && !second
	})
}

// What a server got from HSM just before it was killed, and could not save, is
// in its own way only until that ends by itself.
func TestLeftoverReservationDoesNotFailTheResumedTask(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	path := t.TempDir() + "/db"
	w.reopen(path)
	kill := w.doomed(path)
	w.polled(n0)
	w.site.with(func() { w.site.away = true })
	id := w.transition("On", 5, n0)
	w.eventually("HSM was asked", func() bool { calls, _ := w.site.called("reserve", ""); return calls > 0 })
	kill()
	w.site.with(func() { w.site.away = false; w.site.keys[n0] = "lost" })
	w.start()
	w.eventually("it waits", func() bool {
		return strings.Contains(tasksOf(w.describe(id))[n0].TaskStatusDescription, "another client has reserved the component; asking again")
	})
	if got := w.hardware.resetsOf(n0); got != nil {
		t.Errorf("resets %v", got)
	}
	w.site.with(func() { delete(w.site.keys, n0) })
	if task := w.finished(id)[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("task %+v", task)
	}
}

// The reservation of a task that was saved as over, of a server that was killed
// before it released it, is not in the way of the next task; nor is what is
// remembered of tasks before that one.
func TestReservationOfAFinishedTaskIsTakenOverAfterAKill(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	over := func(id, key string, ago time.Duration) {
		ended := time.Now().Add(-ago).UTC().Format(time.RFC3339Nano)
		w.insert("pcs_transitions", id, `{"transitionID":"`+id+`","createTime":"`+ended+`","automaticExpirationTime":"`+ended+
			`","transitionStatus":"completed","operation":"Soft-Off","deadlineMinutes":5,"ended":"`+ended+`"}`)
		w.insert("pcs_tasks", id, `{"transitionID":"`+id+`","tasks":[{"xname":"`+n0+`","taskStatus":"succeeded","began":"`+ended+`","reservationKey":"`+key+`"}]}`)
	}
	over("11111111-1111-4111-8111-111111111111", "mine", 0)
	over("22222222-2222-4222-8222-222222222222", "released since", 10*time.Second)
	w.site.with(func() { w.site.keys[n0] = "mine" })
	w.start()
	if task := w.finished(w.transition("On", 5, n0))[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("task %+v", task)
	}
}

var _ pcs.Locks = (*hsm.Client)(nil)
