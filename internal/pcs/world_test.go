package pcs_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

var nodeResets = []string{"On", "ForceOff", "GracefulShutdown", "ForceRestart"}

// add makes a component known, on the hardware in the given power state.
func (w *world) add(x, power string, resets ...string) {
	if len(resets) == 0 {
		resets = nodeResets
	}
	w.hardware.with(func() { w.hardware.power[x], w.hardware.caps[x] = power, 0 })
	path := "/redfish/v1/Systems/" + x
	w.site.mu.Lock()
	w.site.endpoints[x] = hsm.ComponentEndpoint{ID: x, OdataID: path, RedfishEndpointID: "x1c0s0b0",
		RedfishEndpointFQDN: w.hardware.server.Listener.Addr().String(),
		RedfishSystemInfo: &hsm.RedfishSystemInfo{Actions: &hsm.SystemActions{
			Reset: hsm.ResetAction{Target: path + "/Reset", AllowableValues: resets}}}}
	w.site.mu.Unlock()
}

// world is a service with all that it needs.
type world struct {
	t        testing.TB
	hardware *hardware
	site     *site
	hub      *events.Hub
	db       *store.DB
	journal  *journal.Journal
	service  *pcs.Service
	client   *pcs.Client
	http     *httpapi.Client
	hinted   *events.Subscription
	now      func() time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, hardware: newHardware(t), hub: events.NewHub(), now: time.Now,
		site: &site{endpoints: map[string]hsm.ComponentEndpoint{}, password: "initial0", locks: newLocks()}}
	db, err := store.Open(context.Background(), storetest.Migrated(t), w.hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.db, w.journal = db, journal.New(db, time.Now)
	w.hinted = w.hub.Subscribe(pcs.StatusTable)
	ctx, cancel := context.WithCancel(context.Background())
	var notes sync.WaitGroup
	notes.Go(func() { w.journal.Run(ctx) })
	t.Cleanup(func() { cancel(); notes.Wait() })
	return w
}

// start starts a service; what is on the database goes on.
func (w *world) start(options ...func(*pcs.Config)) {
	w.t.Helper()
	driver := redfish.New(64)
	c := pcs.Config{DB: w.db, Journal: w.journal, Hub: w.hub, Inventory: w.site, Credentials: w.site, BMC: driver,
		State: w.site, Locks: w.site, Roles: w.site, WakeOn: []string{hsm.ComponentEndpointsTable}, PollEvery: time.Hour,
		Now: func() time.Time { return w.now() }}
	for _, o := range options {
		o(&c)
	}
	w.service = pcs.NewService(c)
	if err := w.service.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(driver.Close)
	w.t.Cleanup(w.service.Stop)
	mux := http.NewServeMux()
	pcs.Register(httpapi.New(mux, "/apis/power-control", "PCS", "1"), w.service)
	w.http = httpapi.NewClient("PCS", "http://pcs/apis/power-control", httpapi.Local(mux))
	w.http.Retries = 0
	w.client = pcs.NewClient(w.http)
}

func (w *world) transition(op string, minutes int, xnames ...string) string {
	w.t.Helper()
	id, err := w.client.Transition(context.Background(), op, xnames, minutes)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// finished waits for the transition's end and returns its tasks by xname.
func (w *world) finished(id string) map[string]pcs.Task {
	w.t.Helper()
	var tasks map[string]pcs.Task
	w.eventually("transition is completed", func() bool {
		tr := w.describe(id)
		tasks = tasksOf(tr)
		return tr.TransitionStatus == pcs.TransitionCompleted
	})
	return tasks
}

func tasksOf(tr pcs.Transition) map[string]pcs.Task {
	tasks := map[string]pcs.Task{}
	for _, t := range tr.Tasks {
		tasks[t.Xname] = t
	}
	return tasks
}

func (w *world) describe(id string) pcs.Transition {
	w.t.Helper()
	tr, err := w.client.Describe(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return tr
}

func (w *world) status(x string) pcs.PowerStatus {
	w.t.Helper()
	list, err := w.client.PowerStatus(context.Background(), []string{x})
	if err != nil || len(list) != 1 {
		w.t.Fatalf("power status of %s: %v, %v", x, list, err)
	}
	return list[0]
}

// journalHas waits for a line about the node that contains the text.
func (w *world) journalHas(x, text string, failed bool) {
	w.t.Helper()
	w.eventually("journal of "+x+" says "+text, func() bool {
		lines, err := w.journal.List(context.Background(), x, "", 0)
		if err != nil {
			w.t.Fatal(err)
		}
		return slices.ContainsFunc(lines, func(e journal.Entry) bool {
			return e.Source == "pcs" && e.Failed == failed && strings.Contains(e.Text, text)
		})
	})
}

// eventually polls the condition until it holds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// reopen moves the world to the database at the path.
func (w *world) reopen(path string) {
	w.t.Helper()
	db, err := store.Open(context.Background(), path, w.hub.Changed)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { db.Close() })
	w.db = db
}
