package operators

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// world stands for all services that BOS calls and for the nodes themselves.
// Nodes that are powered on boot what BSS has, report, and are configured.
type world struct {
	t         testing.TB
	hub       *events.Hub
	service   *bos.Service
	db        *store.DB
	journal   *journal.Journal
	audit     *audit.Log
	ops       *Operators
	path      string // of the database
	committed committed

	mu          sync.Mutex
	calls       []string // changes in other services, in order, nodes left out
	driven      map[string][]string
	power       map[string]string
	powerError  map[string]string
	config      map[string]*bos.Configuration
	nodes       map[string]bos.Node
	groups      map[string][]string
	locked      []string
	tenants     map[string][]string
	objects     map[string]string
	archs       map[string]string
	parameters  map[string]bos.BootArtifacts
	token       map[string]string
	transitions map[string]bos.Transition
	since       map[string]time.Time
	tokens      int

	// What goes wrong.
	refuse      map[string]string     // BMC's words by node and operation, "x1... On"
	answers     map[string]bos.Answer // what kind of answer those words are; nil is a refusal
	silent      map[string]bool       // nodes that never report
	deaf        map[string]bool       // nodes that ignore power operations
	mute        map[string]bool       // nodes whose BMC has PCS ask again and again
	cfsOutcome  map[string]string     // status in place of configured
	fail        map[string]error      // by call: hsm, pcs, bss, cfs, s3, status
	beforePower func(op string, nodes []string) error
	onNodes     func() // HSM is asked for nodes
	beforeBoot  func(node string)
	within      time.Duration  // see unwritten
	asked       map[string]int // how many nodes services were asked for
	boots       sync.WaitGroup
}

const manifest = `{"artifacts":[
	{"type":"application/vnd.cray.image.kernel","link":{"type":"s3","path":"s3://boot-images/image1/kernel","etag":"k"}},
	{"type":"application/vnd.cray.image.initrd","link":{"type":"s3","path":"s3://boot-images/image1/initrd","etag":"i"}},
	{"type":"application/vnd.cray.image.rootfs.squashfs","link":{"type":"s3","path":"s3://boot-images/image1/rootfs","etag":"r"}}]}`

func nodeName(i int) string { return fmt.Sprintf("x%dc0s%db0n%d", 1000+i/100, i%100/2, i%2) }

// newWorld has n nodes, all off, with components, and running operators.
func newWorld(t testing.TB, n int) *world {
	w := &world{t: t, within: 100 * time.Millisecond, hub: events.NewHub(), driven: map[string][]string{}, power: map[string]string{}, powerError: map[string]string{},
		config: map[string]*bos.Configuration{}, nodes: map[string]bos.Node{}, groups: map[string][]string{},
		tenants: map[string][]string{}, archs: map[string]string{"image1": "x86_64"},
		objects: map[string]string{"s3://boot-images/image1/manifest.json": manifest, "s3://boot-images/image1/kernel": "",
			"s3://boot-images/image1/initrd": "", "s3://boot-images/image1/rootfs": ""},
		parameters: map[string]bos.BootArtifacts{}, token: map[string]string{}, transitions: map[string]bos.Transition{},
		since: map[string]time.Time{}, refuse: map[string]string{}, silent: map[string]bool{}, deaf: map[string]bool{}, mute: map[string]bool{},
		asked: map[string]int{}, cfsOutcome: map[string]string{}, fail: map[string]error{}}
	w.path = storetest.Migrated(t)
	db, err := store.Open(t.Context(), w.path, func(table string, keys []string) {
		w.committed.changed(table, keys)
		w.hub.Changed(table, keys)
	})
	must(t, err)
	t.Cleanup(func() { db.Close() })
	w.db, w.journal, w.audit = db, journal.New(db, time.Now), audit.New(db, time.Now)
	w.service = bos.NewService(bos.Config{DB: db, Journal: w.journal, Hub: w.hub, Objects: s3World{w}, Images: imsWorld{w}, Tenants: tapmsWorld{w}})
	for i := range n {
		id := nodeName(i)
		w.nodes[id] = bos.Node{ID: id, Role: "Compute", Arch: "X86", Enabled: true}
		w.power[id] = "off"
		w.config[id] = &bos.Configuration{Node: id, Status: "unconfigured"}
	}
	w.setOptions(`{"polling_frequency":1}`)
	w.putTemplate("t", bos.Template{CFS: &bootset.CFS{Configuration: "config"}, BootSets: bos.BootSets{{Name: "compute",
		BootSet: bootset.BootSet{Path: "s3://boot-images/image1/manifest.json", Type: "s3", NodeRolesGroups: []string{"Compute"}, KernelParameters: new("quiet")}}}})
	w.start()
	w.eventually("discovery", func() bool {
		list, err := w.service.Components(t.Context(), store.Query{})
		return err == nil && len(list) == n
	})
	t.Cleanup(w.stop)
	return w
}

func (w *world) start() {
	w.ops = New(Config{Service: w.service, Hub: w.hub, Inventory: hsmWorld{w}, Power: pcsWorld{w}, Audit: w.audit, BootParameters: bssWorld{w},
		Configurations: cfsWorld{w}, PowerTable: "pcs_status", TransitionTable: "pcs_transitions", ConfigurationTable: "cfs_components"})
	w.ops.status.unwritten.within = w.within
	w.ops.Start(context.Background())
}

func (w *world) stop() {
	w.ops.Stop()
	w.boots.Wait()
}

func (w *world) setOptions(patch string) {
	_, err := w.service.SetOptions(w.t.Context(), []byte(patch))
	must(w.t, err)
}

func (w *world) putTemplate(name string, t bos.Template) {
	t.Name = name
	_, err := w.service.PutTemplate(w.t.Context(), t)
	must(w.t, err)
}

func (w *world) session(op bos.Operation, limit string) string {
	s, err := w.service.CreateSession(w.t.Context(), bos.NewSession{Operation: op, TemplateName: "t", Limit: limit})
	must(w.t, err)
	return s.Name
}

// finish waits for the session's end and returns its final status.
func (w *world) finish(name string) bos.ExtendedStatus {
	w.t.Helper()
	w.eventually("session to complete", func() bool {
		s, err := w.service.Session(w.t.Context(), name, "")
		return err == nil && s.Status.Status == bos.SessionComplete
	})
	st, err := w.service.Status(w.t.Context(), name, "")
	must(w.t, err)
	return st
}

func (w *world) run(op bos.Operation, limit string) bos.ExtendedStatus {
	w.t.Helper()
	return w.finish(w.session(op, limit))
}

func (w *world) component(id string) bos.Component {
	w.t.Helper()
	c, err := w.service.Component(w.t.Context(), id, "")
	must(w.t, err)
	return c
}

// statuses are the node's changes of status, as its history has them.
func (w *world) statuses(id string) []string {
	w.t.Helper()
	list, err := w.journal.List(w.t.Context(), id, "", 0)
	must(w.t, err)
	var out []string
	for _, e := range list {
		if _, to, moved := strings.Cut(e.Text, " -> "); moved && e.Kind == "status" {
			to, _, _ = strings.Cut(to, ":")
			out = append(out, to)
		}
	}
	return out
}

func (w *world) takeCalls() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.calls
	w.calls = nil
	return out
}

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		if time.Now().After(deadline) {
			all, _ := w.service.Components(context.Background(), store.Query{})
			for i := range all[:min(len(all), 10)] {
				w.t.Logf("%s %s %+v error %q", all[i].ID, all[i].Computed(), all[i].LastAction, all[i].Troubles.Newest())
			}
			w.t.Fatalf("timed out waiting for %s", what)
		}
		<-tick.C
	}
}

func (w *world) with(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// setPower changes a node's power as by hand. What PCS does for it is over then.
func (w *world) setPower(id, state string) {
	w.with(func() {
		w.power[id] = state
		for name, t := range w.transitions {
			t.Tasks = slices.Clone(t.Tasks)
			for i := range t.Tasks {
				if t.Tasks[i].Node == id {
					t.Tasks[i].Done = true
				}
			}
			t.Done = !slices.ContainsFunc(t.Tasks, func(task bos.Task) bool { return !task.Done })
			w.transitions[name] = t
		}
	})
	w.hub.Changed("pcs_status", []string{id})
}

func (w *world) setConfig(id string, change func(*bos.Configuration)) {
	w.with(func() { change(w.config[id]) })
	w.hub.Changed("cfs_components", []string{id})
}

// kind is what kind of answer the words are that the node's BMC has.
func (w *world) kind(node string) bos.Answer {
	if a, set := w.answers[node]; set {
		return a
	}
	return bos.AnswerRefused
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
