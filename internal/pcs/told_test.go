package pcs_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // for a lock of a test's own

	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopPostgres()
	os.Exit(code)
}

// holdRows delays, from now until release is called, whoever writes the tasks
// of any transition that there is, and with them the one writer: their rows are
// locked. cut ends the connections of all others.
func holdRows(t *testing.T, url string) (cut, release func()) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(context.Background(), nil)
	if err == nil {
		_, err = tx.Exec("SELECT key FROM pcs_tasks FOR UPDATE")
	}
	if err != nil {
		t.Fatal(err)
	}
	release = func() { tx.Rollback(); db.Close() }
	t.Cleanup(release) // before the service is stopped
	return func() {
		if _, err := tx.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
			t.Error(err)
		}
	}, release
}

// heldBack starts a Soft-Off of n0 whose result cannot be written, and returns
// when the BMC has said Off a few times.
func heldBack(t *testing.T) (w *world, id string, kill, release func()) {
	w = newWorld(t)
	url := storetest.Postgres(t)
	w.reopen(url)
	w.add(n0, "On")
	kill = w.doomed(url)
	w.polled(n0)
	w.eventually("HSM knows", func() bool { return w.site.toldHSM(n0 + " On") })
	cut, released := func() {}, func() {}
	w.hardware.with(func() {
		w.hardware.onReset = func() { w.hardware.onReset = nil; cut, released = holdRows(t, url) }
	})
	id = w.transition("Soft-Off", 5, n0)
	w.eventually("the BMC was asked", func() bool { return len(w.hardware.resetsOf(n0)) == 1 })
	reads := w.readsOf(n0)
	w.eventually("the BMC says Off", func() bool { return w.readsOf(n0) > reads })
	stop := kill
	kill = func() {
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		w.eventually("the server is gone", func() bool {
			cut()
			select {
			case <-stopped:
				return true
			default:
				return false
			}
		})
		released()
		w.reopen(url)
	}
	return w, id, kill, func() { released() }
}

func TestNothingIsToldBeforeItIsWritten(t *testing.T) {
	w, id, _, release := heldBack(t)
	for range 50 { // long enough for whoever would tell too early
		if task := tasksOf(w.describe(id))[n0]; task.TaskStatus == pcs.TaskSucceeded {
			t.Fatalf("told before it was written: %+v", task)
		}
		if s := w.status(n0); s.PowerState != pcs.PowerOn || w.site.toldHSM(n0+" Off") {
			t.Fatalf("the power was told before the result was written: %+v", s)
		}
		<-time.After(2 * time.Millisecond)
	}
	release()
	if task := w.finished(id)[n0]; task.TaskStatus != pcs.TaskSucceeded || task.Accepted.IsZero() {
		t.Errorf("task %+v", task)
	}
	w.eventually("status", func() bool { return w.status(n0).PowerState == pcs.PowerOff })
	if task := w.finished(w.transition("On", 5, n0))[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("after it was written: %+v", task)
	}
}

// A server that is killed before it wrote a finished Soft-Off does not send it
// again to a node that another transition turns on afterwards.
func TestKillBeforeTheResultIsWrittenSendsNoOffAfterALaterOn(t *testing.T) {
	w, id, kill, _ := heldBack(t)
	kill()
	w.start()
	later := w.transition("On", 5, n0)
	w.finished(id)
	w.finished(later)
	resets := w.hardware.resetsOf(n0)
	if on := slices.Index(resets, "On"); on >= 0 && slices.Contains(resets[on:], "GracefulShutdown") {
		t.Errorf("resets %v", resets)
	}
}

// records are the tables of PCS, as far as a test rewrites them.
func (w *world) insert(table, id, doc string) {
	w.t.Helper()
	type raw = map[string]any
	tab := store.NewTable(w.db, store.Spec[raw]{Name: table, Kind: table, Key: func(d *raw) string { return id },
		Indexes: map[string][]store.Index[raw]{"pcs_transitions": {{Column: "status",
			Of: func(d *raw) string { return (*d)["transitionStatus"].(string) }}}}[table]})
	var d raw
	if err := json.Unmarshal([]byte(doc), &d); err != nil {
		w.t.Fatal(err)
	}
	if err := tab.Put(context.Background(), d); err != nil {
		w.t.Fatal(err)
	}
}

func TestTaskOlderThanANewerTransitionOfItsComponentEndsWithoutARequest(t *testing.T) {
	const older, newer = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	w := newWorld(t)
	w.add(n0, "On")
	w.add(n1, "On")
	now := time.Now().UTC()
	at := func(ago time.Duration) string { return now.Add(-ago).Format(time.RFC3339Nano) }
	w.insert("pcs_transitions", older, `{"transitionID":"`+older+`","createTime":"`+at(20*time.Second)+`","automaticExpirationTime":"`+at(-time.Hour)+
		`","transitionStatus":"in-progress","operation":"Soft-Off","deadlineMinutes":5}`)
	w.insert("pcs_tasks", older, `{"transitionID":"`+older+`","tasks":[
		{"xname":"`+n0+`","taskStatus":"in-progress","began":"`+at(20*time.Second)+`"},
		{"xname":"`+n1+`","taskStatus":"in-progress","began":"`+at(20*time.Second)+`"}]}`)
	w.insert("pcs_transitions", newer, `{"transitionID":"`+newer+`","createTime":"`+at(10*time.Second)+`","automaticExpirationTime":"`+at(-time.Hour)+
		`","transitionStatus":"completed","operation":"On","deadlineMinutes":5}`)
	w.insert("pcs_tasks", newer, `{"transitionID":"`+newer+`","tasks":[
		{"xname":"`+n0+`","taskStatus":"succeeded","began":"`+at(10*time.Second)+`"},
		{"xname":"`+n1+`","taskStatus":"failed","taskStatusDescription":"Unable to reserve component"}]}`)
	w.start()
	tasks := w.finished(older)
	if got := w.hardware.resetsOf(n0); got != nil {
		t.Errorf("resets %v", got)
	}
	if a := tasks[n0]; a.TaskStatus != pcs.TaskFailed || a.Failure != pcs.FailureUnknown || a.Error == "" {
		t.Errorf("task %+v", a)
	}
	// That the newer one was refused the node changes nothing.
	if b := tasks[n1]; b.TaskStatus != pcs.TaskSucceeded || len(w.hardware.resetsOf(n1)) != 1 {
		t.Errorf("task %+v, resets %v", b, w.hardware.resetsOf(n1))
	}
}

// What was not sent for certain within its deadline is not sent hours later.
func TestResumedTaskSendsNothingAfterItsDeadline(t *testing.T) {
	const id = "11111111-1111-4111-8111-111111111111"
	w := newWorld(t)
	w.add(n0, "On")
	now := time.Now().UTC()
	at := func(ago time.Duration) string { return now.Add(-ago).Format(time.RFC3339Nano) }
	w.insert("pcs_transitions", id, `{"transitionID":"`+id+`","createTime":"`+at(time.Hour)+`","automaticExpirationTime":"`+at(-time.Hour)+
		`","transitionStatus":"in-progress","operation":"Off","deadlineMinutes":5}`)
	w.insert("pcs_tasks", id, `{"transitionID":"`+id+`","tasks":[{"xname":"`+n0+`","taskStatus":"in-progress","began":"`+at(time.Hour)+`"}]}`)
	w.start()
	task := w.finished(id)[n0]
	if got := w.hardware.resetsOf(n0); got != nil || task.TaskStatus != pcs.TaskFailed || task.Failure != pcs.FailureUnknown {
		t.Errorf("task %+v, resets %v", task, got)
	}
}

func TestAbortIsWrittenBeforeItIsAcknowledged(t *testing.T) {
	w, id, _, release := heldBack(t)
	acknowledged := make(chan error, 1)
	go func() { acknowledged <- w.client.Abort(context.Background(), id) }()
	select {
	case err := <-acknowledged:
		t.Fatalf("acknowledged before it was written: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	release()
	<-acknowledged
}
