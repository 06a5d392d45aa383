package operators

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

// world stands for all services that BOS calls and for the nodes themselves.
// Nodes that are powered on boot what BSS has, report, and are configured.
type world struct {
	t       testing.TB
	hub     *events.Hub
	service *bos.Service
	db      *store.DB
	journal *journal.Journal
	ops     *Operators

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
	boots       sync.WaitGroup
}

const manifest = `{"artifacts":[
	{"type":"application/vnd.cray.image.kernel","link":{"type":"s3","path":"s3://boot-images/image1/kernel","etag":"k"}},
	{"type":"application/vnd.cray.image.initrd","link":{"type":"s3","path":"s3://boot-images/image1/initrd","etag":"i"}},
	{"type":"application/vnd.cray.image.rootfs.squashfs","link":{"type":"s3","path":"s3://boot-images/image1/rootfs","etag":"r"}}]}`

func nodeName(i int) string { return fmt.Sprintf("x%dc0s%db0n%d", 1000+i/100, i%100/2, i%2) }

// newWorld has n nodes, all off, with components, and running operators.
func newWorld(t testing.TB, n int) *world {
	w := &world{t: t, hub: events.NewHub(), driven: map[string][]string{}, power: map[string]string{}, powerError: map[string]string{},
		config: map[string]*bos.Configuration{}, nodes: map[string]bos.Node{}, groups: map[string][]string{},
		tenants: map[string][]string{}, archs: map[string]string{"image1": "x86_64"},
		objects: map[string]string{"s3://boot-images/image1/manifest.json": manifest, "s3://boot-images/image1/kernel": "",
			"s3://boot-images/image1/initrd": "", "s3://boot-images/image1/rootfs": ""},
		parameters: map[string]bos.BootArtifacts{}, token: map[string]string{}, transitions: map[string]bos.Transition{},
		since: map[string]time.Time{}, refuse: map[string]string{}, silent: map[string]bool{}, deaf: map[string]bool{}, mute: map[string]bool{},
		cfsOutcome: map[string]string{}, fail: map[string]error{}}
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "db"), w.hub.Changed)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	w.db, w.journal = db, journal.New(db, time.Now)
	w.service = bos.NewService(bos.Config{DB: db, Journal: w.journal, Hub: w.hub, Objects: s3World{w}, Images: imsWorld{w}, Tenants: tapmsWorld{w}})
	for i := range n {
		id := nodeName(i)
		w.nodes[id] = bos.Node{ID: id, Role: "Compute", Arch: "X86", Enabled: true}
		w.power[id] = "off"
		w.config[id] = &bos.Configuration{Node: id, Status: "unconfigured"}
	}
	w.setOptions(`{"polling_frequency":1}`)
	w.putTemplate("t", bos.Template{CFS: &bootset.CFS{Configuration: "config"}, BootSets: bos.BootSets{{Name: "compute",
		BootSet: bootset.BootSet{Path: "s3://boot-images/image1/manifest.json", Type: "s3", NodeRolesGroups: []string{"Compute"}, KernelParameters: "quiet"}}}})
	w.start()
	w.eventually("discovery", func() bool {
		list, err := w.service.Components(t.Context(), store.Query{})
		return err == nil && len(list) == n
	})
	t.Cleanup(w.stop)
	return w
}

func (w *world) start() {
	w.ops = New(Config{Service: w.service, Hub: w.hub, Inventory: hsmWorld{w}, Power: pcsWorld{w}, BootParameters: bssWorld{w},
		Configurations: cfsWorld{w}, PowerTable: "pcs_status", TransitionTable: "pcs_transitions", ConfigurationTable: "cfs_components"})
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

type hsmWorld struct{ *world }

func (w hsmWorld) Nodes(_ context.Context, ids []string) ([]bos.Node, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["hsm"]; err != nil {
		return nil, err
	}
	if ids == nil {
		return slices.Collect(maps.Values(w.nodes)), nil
	}
	var out []bos.Node
	for _, id := range ids {
		if n, known := w.nodes[id]; known {
			out = append(out, n)
		}
	}
	return out, nil
}

func (w hsmWorld) Groups(context.Context) (map[string][]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.groups), nil
}

func (w hsmWorld) Partitions(context.Context) (map[string][]string, error) {
	return map[string][]string{}, nil
}

func (w hsmWorld) Locked(context.Context) ([]string, error) { return w.locked, nil }

type pcsWorld struct{ *world }

func (w pcsWorld) Status(_ context.Context, nodes []string) ([]bos.PowerStatus, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["status"]; err != nil {
		return nil, err
	}
	var out []bos.PowerStatus
	for _, n := range nodes {
		if state, known := w.power[n]; known {
			out = append(out, bos.PowerStatus{Node: n, State: state, Error: w.powerError[n]})
		}
	}
	return out, nil
}

func (w pcsWorld) Transition(ctx context.Context, op string, nodes []string, _ int) (string, error) {
	if w.beforePower != nil {
		if err := w.beforePower(op, nodes); err != nil {
			return "", err
		}
	}
	w.mu.Lock()
	if err := w.fail["pcs"]; err != nil {
		w.mu.Unlock()
		return "", err
	}
	w.calls = append(w.calls, "PCS "+op)
	id := fmt.Sprintf("transition-%d", len(w.transitions))
	t := bos.Transition{ID: id, Operation: op, Done: true}
	busy := w.busy()
	var changed []string
	for _, n := range nodes {
		w.driven[n] = append(w.driven[n], op)
		if words := w.refuse[n+" "+op]; words != "" {
			t.Tasks = append(t.Tasks, bos.Task{Node: n, Done: true, Answer: w.kind(n), Text: words})
			continue
		}
		if busy[n] {
			t.Tasks = append(t.Tasks, bos.Task{Node: n, Done: true, Answer: bos.AnswerLater, Text: "another transition drives the component"})
			continue
		}
		if w.mute[n] {
			t.Tasks = append(t.Tasks, bos.Task{Node: n, Text: "BMC answered 503; asking again"})
			t.Done = false
			continue
		}
		t.Tasks = append(t.Tasks, bos.Task{Node: n, Done: !w.deaf[n], Answer: bos.AnswerAccepted})
		if w.deaf[n] {
			t.Done = false
			continue
		}
		if op == "On" {
			w.power[n] = "on"
			w.boot(n)
		} else {
			w.power[n] = "off"
		}
		changed = append(changed, n)
	}
	t.Created = time.Now()
	w.transitions[id], w.since[id] = t, t.Created
	w.mu.Unlock()
	w.hub.Changed("pcs_status", changed)
	w.hub.Changed("pcs_transitions", []string{id})
	return id, nil
}

func (w pcsWorld) Describe(_ context.Context, id string) (bos.Transition, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, known := w.transitions[id]
	if !known {
		return t, fault.New(fault.NotFound, "no transition %s", id)
	}
	return t, nil
}

// busy are the nodes that transitions drive. The caller holds the lock.
func (w *world) busy() map[string]bool {
	nodes := map[string]bool{}
	for _, t := range w.transitions {
		for _, task := range t.Tasks {
			nodes[task.Node] = nodes[task.Node] || !task.Done
		}
	}
	return nodes
}

func (w pcsWorld) Abort(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, known := w.transitions[id]
	if !known {
		return fault.New(fault.NotFound, "no transition %s", id)
	}
	t.Done, t.Tasks = true, slices.Clone(t.Tasks)
	for i := range t.Tasks {
		if task := &t.Tasks[i]; !task.Done {
			task.Done, task.Text = true, "Transition aborted"
		}
	}
	w.transitions[id] = t
	return nil
}

func (w pcsWorld) Since(_ context.Context, op string, at time.Time) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for id, t := range w.transitions {
		if t.Operation == op && !w.since[id].Before(at) {
			out = append(out, id)
		}
	}
	return out, nil
}

// boot has the node report the token that BSS has for it, and configure
// itself. The caller holds the lock.
func (w *world) boot(id string) {
	token := w.token[id]
	if w.silent[id] {
		return
	}
	w.boots.Go(func() {
		must(w.t, ignoreConflict(w.report(id, token)))
		w.setConfig(id, func(c *bos.Configuration) {
			c.Enabled = true
			w.configured(c)
		})
	})
}

func (w *world) report(id, token string) error {
	_, err := w.service.PatchComponent(context.Background(), id, bos.Report(id, token), "")
	return err
}

func ignoreConflict(err error) error {
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

func (w *world) configured(c *bos.Configuration) {
	if c.Desired == "" || !c.Enabled {
		return
	}
	c.Status = "configured"
	if outcome := w.cfsOutcome[c.Node]; outcome != "" {
		c.Status = outcome
	}
}

type bssWorld struct{ *world }

func (w bssWorld) Put(_ context.Context, nodes []string, a bos.BootArtifacts) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["bss"]; err != nil {
		return "", err
	}
	w.calls = append(w.calls, "BSS PUT")
	w.tokens++
	token := fmt.Sprintf("token-%d", w.tokens)
	for _, n := range nodes {
		w.parameters[n], w.token[n] = a, token
	}
	return token, nil
}

type cfsWorld struct{ *world }

func (w cfsWorld) Components(_ context.Context, ids []string) ([]bos.Configuration, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []bos.Configuration
	for _, id := range ids {
		if c := w.config[id]; c != nil {
			out = append(out, *c)
		}
	}
	return out, nil
}

func (w cfsWorld) Patch(_ context.Context, ids []string, raw json.RawMessage) error {
	var p struct {
		Enabled bool
		Desired string `json:"desired_config"`
		State   *[]string
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	w.mu.Lock()
	if err := w.fail["cfs"]; err != nil {
		w.mu.Unlock()
		return err
	}
	w.calls = append(w.calls, fmt.Sprintf("CFS PATCH enabled=%t", p.Enabled))
	for _, id := range ids {
		c := w.config[id]
		c.Enabled, c.Desired, c.Status = p.Enabled, p.Desired, "pending"
		w.configured(c)
	}
	w.mu.Unlock()
	w.hub.Changed("cfs_components", ids)
	return nil
}

type imsWorld struct{ *world }

func (w imsWorld) Arch(_ context.Context, id string) (string, error) {
	if a, known := w.archs[id]; known {
		return a, nil
	}
	return "", fault.New(fault.NotFound, "no image %s", id)
}

func (w imsWorld) Project(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, "IMS PATCH "+id)
	return w.fail["ims"]
}

type s3World struct{ *world }

func (w s3World) Get(_ context.Context, url string, _ int64) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["s3"]; err != nil {
		return nil, err
	}
	body, known := w.objects[url]
	if !known {
		return nil, fault.New(fault.NotFound, "no object %s", url)
	}
	return []byte(body), nil
}

func (w s3World) ETag(ctx context.Context, url string) (string, error) {
	_, err := w.Get(ctx, url, 0)
	return "etag", err
}

type tapmsWorld struct{ *world }

func (w tapmsWorld) Nodes(_ context.Context, tenant string) ([]string, error) {
	nodes, known := w.tenants[tenant]
	if !known {
		return nil, fault.New(fault.NotFound, "no tenant %s", tenant)
	}
	return nodes, nil
}
