package capmc_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/capmc"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
	"github.com/drover-hpc/drover/internal/xname"
)

// hardware is HSM as far as CAPMC sees it.
type hardware struct {
	mu         sync.Mutex
	components []hsm.Component
	locked     map[string]bool
	keys       map[string]string // reserved component to key
	released   []string
	renewed    int
	silent     bool
}

func (h *hardware) answer() error {
	if h.silent {
		return fault.New(fault.Unavailable, "call HSM: no route")
	}
	return nil
}

func (h *hardware) Components(_ context.Context, q url.Values) ([]hsm.Component, error) {
	return h.Query(context.Background(), hsm.ComponentQuery{ComponentIDs: []string{"s0"}, Type: q["type"]})
}

func (h *hardware) Query(_ context.Context, q hsm.ComponentQuery) ([]hsm.Component, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []hsm.Component
	for _, c := range h.components {
		named := slices.ContainsFunc(q.ComponentIDs, func(id string) bool {
			return id == c.ID || id == "s0" || len(q.Type) > 0 && xname.Within(c.ID, id)
		})
		kind := len(q.Type) == 0 || slices.Contains(q.Type, string(xname.TypeOf(c.ID)))
		nid := len(q.NID) == 0 || c.NID != nil && slices.Contains(q.NID, strconv.Itoa(*c.NID))
		if named && kind && nid {
			out = append(out, c)
		}
	}
	return out, h.answer()
}

func (h *hardware) Reserve(_ context.Context, ids []string, _ int) (r hsm.ReservationResult, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		switch {
		case h.locked[id]:
			r.Failure = append(r.Failure, hsm.Failure{ID: id, Reason: "Locked"})
		case h.keys[id] != "":
			r.Failure = append(r.Failure, hsm.Failure{ID: id, Reason: "Reserved"})
		default:
			h.keys[id] = "own-" + id
			r.Success = append(r.Success, hsm.Keys{ID: id, ReservationKey: "own-" + id, DeputyKey: "deputy-" + id})
		}
	}
	return r, h.answer()
}

func (h *hardware) Renew(_ context.Context, keys []hsm.KeyOf, _ int) (hsm.LockResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.renewed += len(keys)
	return hsm.LockResult{}, h.answer()
}

func (h *hardware) Release(_ context.Context, keys []hsm.KeyOf) (hsm.LockResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range keys {
		if h.keys[k.ID] == k.Key {
			delete(h.keys, k.ID)
			h.released = append(h.released, k.ID)
		}
	}
	return hsm.LockResult{}, h.answer()
}

func (h *hardware) Ready(context.Context) error { return h.answer() }

func (h *hardware) reserved() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for id := range h.keys {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// power is PCS as far as CAPMC sees it.
type power struct {
	mu     sync.Mutex
	states map[string]pcs.PowerStatus
	fails  map[string]pcs.Task // by component: what becomes of its task
	// slow are operations whose tasks stay in progress until settle.
	slow   map[pcs.Operation]bool
	sent   []string // "On x1,x2 keys"
	trs    map[string]*pcs.Transition
	asked  map[string]int // how often for the transition
	caps   map[string]pcs.CappedComponent
	orders []pcs.CapOrder
	away   bool
}

func (p *power) PowerStatus(_ context.Context, xnames []string) (out []pcs.PowerStatus, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range xnames {
		if s, known := p.states[x]; known {
			s.Xname = x
			out = append(out, s)
		} else {
			out = append(out, pcs.PowerStatus{Xname: x, Error: "Component not found in component map."})
		}
	}
	return out, p.answer()
}

func (p *power) answer() error {
	if p.away {
		return fault.New(fault.Unavailable, "call PCS: no route")
	}
	return nil
}

func (p *power) Begin(_ context.Context, op pcs.Operation, locations []pcs.Location, minutes int) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.answer(); err != nil {
		return "", err
	}
	t := &pcs.Transition{TransitionID: fmt.Sprint(len(p.trs) + 1), Operation: op, TransitionStatus: pcs.TransitionCompleted}
	var names []string
	for _, l := range locations {
		task := pcs.Task{Xname: l.Xname, TaskStatus: pcs.TaskSucceeded}
		if f, bad := p.fails[l.Xname]; bad {
			task = f
			task.Xname = l.Xname
		} else if p.slow[op] {
			task.TaskStatus, t.TransitionStatus = pcs.TaskInProgress, pcs.TransitionInProgress
		}
		if l.DeputyKey != "deputy-"+l.Xname {
			task.TaskStatus, task.Error = pcs.TaskFailed, "wrong key "+l.DeputyKey
		}
		t.Tasks = append(t.Tasks, task)
		names = append(names, l.Xname)
	}
	p.sent = append(p.sent, string(op)+" "+strings.Join(names, ","))
	p.trs[t.TransitionID] = t
	return t.TransitionID, nil
}

func (p *power) Describe(_ context.Context, id string) (pcs.Transition, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[id]++
	if t := p.trs[id]; t != nil {
		out := *t
		out.Tasks = slices.Clone(t.Tasks)
		return out, p.answer()
	}
	return pcs.Transition{}, fault.New(fault.NotFound, "no transition %s", id)
}

func (p *power) looks(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[id]
}

// settle has the transition succeed with one of its components.
func (p *power) settle(id, x string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.trs[id].Tasks {
		if task := &p.trs[id].Tasks[i]; task.Xname == x {
			task.TaskStatus = pcs.TaskSucceeded
		}
	}
}

// end lets the transition end, its tasks as they are to.
func (p *power) end(id string, status pcs.TransitionStatus, tasks pcs.TaskStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.trs[id]
	t.TransitionStatus = status
	for i := range t.Tasks {
		if !t.Tasks[i].TaskStatus.Done() {
			t.Tasks[i].TaskStatus, t.Tasks[i].TaskStatusDescription = tasks, "ended so"
		}
	}
}

func (p *power) Abort(_ context.Context, id string) error {
	p.end(id, pcs.TransitionAborted, pcs.TaskFailed)
	return nil
}

func (p *power) SnapshotCaps(_ context.Context, xnames []string) (string, error) {
	return strings.Join(xnames, ","), p.answer()
}

func (p *power) SetCaps(_ context.Context, orders []pcs.CapOrder) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.orders = append(p.orders, orders...)
	var names []string
	for _, o := range orders {
		names = append(names, o.Xname)
	}
	return strings.Join(names, ","), p.answer()
}

func (p *power) CapTask(_ context.Context, id string) (t pcs.CapTask, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.TaskStatus = pcs.CapCompleted
	for _, x := range strings.Split(id, ",") {
		c := p.caps[x]
		c.Xname = x
		t.Components = append(t.Components, c)
	}
	return t, p.answer()
}

func (p *power) Ready(context.Context) error { return p.answer() }

func (p *power) was() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.sent, "; ")
}

// world is a service between the two.
type world struct {
	t       *testing.T
	hsm     *hardware
	pcs     *power
	db      *store.DB
	service *capmc.Service
	mux     *http.ServeMux
}

const (
	n0, n1, n2 = "x1c0s0b0n0", "x1c0s0b0n1", "x1c0s1b0n0"
	slot0      = "x1c0s0"
	chassis    = "x1c0"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, hsm: &hardware{locked: map[string]bool{}, keys: map[string]string{}},
		pcs: &power{states: map[string]pcs.PowerStatus{}, fails: map[string]pcs.Task{}, slow: map[pcs.Operation]bool{},
			trs: map[string]*pcs.Transition{}, asked: map[string]int{}, caps: map[string]pcs.CappedComponent{}}}
	off := false
	for i, x := range []string{n0, n1, n2, "x1c0s1b0n1", slot0, "x1c0s1", chassis, "x1c0s0b0", "x1"} {
		c := hsm.Component{ID: x, State: "Ready", Role: "Compute", Flag: "OK"}
		if xname.IsNode(x) {
			nid := i + 1
			c.NID = &nid
		}
		if x == "x1c0s1b0n1" {
			c.Enabled = &off
		}
		w.hsm.components = append(w.hsm.components, c)
	}
	var err error
	if w.db, err = store.Open(context.Background(), storetest.Migrated(t), events.NewHub().Changed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.db.Close() })
	w.start()
	return w
}

func (w *world) start() {
	w.t.Helper()
	w.service = capmc.NewService(capmc.Config{DB: w.db, Hardware: w.hsm, Power: w.pcs, AnswerAfter: 100 * time.Millisecond})
	if err := w.service.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.service.Stop)
	w.mux = http.NewServeMux()
	capmc.Register(httpapi.New(w.mux, "/capmc/v1", "CAPMC", "1"), w.service)
}

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}
