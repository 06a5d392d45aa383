package operators

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/fault"
)

// The services that BOS calls, as the world plays them.

type hsmWorld struct{ *world }

func (w hsmWorld) Nodes(_ context.Context, ids []string) ([]bos.Node, error) {
	if w.onNodes != nil {
		w.onNodes()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["hsm"]; err != nil {
		return nil, err
	}
	if ids == nil {
		w.asked["all of HSM"]++
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
	w.asked["PCS"] += len(nodes)
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

// driving is how many nodes transitions drive.
func (w *world) driving() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, busy := range w.busy() {
		if busy {
			n++
		}
	}
	return n
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

func (w pcsWorld) Since(_ context.Context, op string, at time.Time) ([]bos.Transition, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []bos.Transition
	for id, t := range w.transitions {
		if t.Operation == op && !w.since[id].Before(at) {
			out = append(out, bos.Transition{ID: id, Operation: op, Done: t.Done})
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
		if w.beforeBoot != nil {
			w.beforeBoot(id)
		}
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
	w.asked["CFS"] += len(ids)
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

func (w imsWorld) Find(_ context.Context, image string) (found []bos.Image, err error) {
	if arch, known := w.archs[image]; known {
		found = append(found, bos.Image{ID: image, Name: image, Path: "s3://boot-images/" + image + "/manifest.json", Arch: arch})
	}
	return found, nil
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
