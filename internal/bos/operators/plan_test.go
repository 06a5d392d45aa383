package operators

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/plan"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/ims"
)

// noLayers stands for a CFS whose configurations have none.
type noLayers struct{}

func (noLayers) Wanted(context.Context, string) ([]plan.Layer, error) { return nil, nil }
func (noLayers) Ran(context.Context, []string) (map[string]plan.Ran, error) {
	return map[string]plan.Ran{}, nil
}

func (w *world) planner() *plan.Planner {
	return plan.New(plan.Config{DB: w.db, Sessions: w.service, Inventory: hsmWorld{w}, Objects: s3World{w}, Power: pcsWorld{w}, Configurations: cfsWorld{w},
		Layers: noLayers{}, Images: func(context.Context) (ims.Names, error) { return ims.Names{"s3://boot-images/image1": "compute"}, nil }})
}

// operationOf is what PCS is asked for, by what a plan says.
var operationOf = map[plan.Action]string{plan.Shutdown: "Soft-Off", plan.PowerOff: "Force-Off", plan.PowerOn: "On"}

// What a plan says is what its session then does.
func TestSessionsDoWhatTheirPlansSay(t *testing.T) {
	w := newWorld(t, 4)
	p := w.planner()
	successful(t, w.run(bos.OperationBoot, nodeName(0)+","+nodeName(1)), 2)
	w.with(func() { w.locked = []string{nodeName(3)}; w.driven = map[string][]string{} })
	for _, operation := range []bos.Operation{bos.OperationBoot, bos.OperationReboot, bos.OperationShutdown} {
		made, err := p.Make(t.Context(), bos.NewSession{Operation: operation, TemplateName: "t"})
		must(t, err)
		want, nodes := map[string][]string{}, 0
		for _, g := range made.Groups {
			nodes += len(g.Nodes)
			for _, a := range g.Actions {
				for _, n := range g.Nodes {
					if op := operationOf[a]; op != "" {
						want[n] = append(want[n], op)
					}
				}
			}
		}
		if nodes != 3 || made.Nodes != 3 || len(made.LeftOut) != 1 || made.LeftOut[0].Name != nodeName(3) {
			t.Errorf("%s: %+v", operation, made)
		}
		w.with(func() {
			if len(w.driven) > 0 {
				t.Errorf("the plan did something: %v", w.driven)
			}
		})
		session, err := p.Apply(t.Context(), made.ID, "")
		must(t, err)
		if session.Plan.Session != session.Session {
			t.Errorf("the plan has session %q, not %q", session.Plan.Session, session.Session)
		}
		successful(t, w.finish(session.Session), 3)
		w.with(func() {
			for i := range 4 {
				if n := nodeName(i); !slices.Equal(w.driven[n], want[n]) {
					t.Errorf("%s of %s: planned %v, done %v", operation, n, want[n], w.driven[n])
				}
			}
			w.driven = map[string][]string{}
		})
		if _, err := p.Apply(t.Context(), made.ID, ""); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), session.Session) {
			t.Errorf("applied again: %v", err)
		}
		if kept, err := p.Plan(t.Context(), made.ID, ""); err != nil || kept.Session != session.Session {
			t.Errorf("the plan has session %q, %v", kept.Session, err)
		}
	}
}

// However many ask for it at the same moment, a plan becomes one session.
func TestAPlanIsAppliedOnce(t *testing.T) {
	w := newWorld(t, 2)
	p := w.planner()
	made, err := p.Make(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t"})
	must(t, err)
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = p.Apply(t.Context(), made.ID, "") })
	}
	all.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
	}
	sessions, err := w.service.Sessions(t.Context(), "", bos.SessionFilter{})
	must(t, err)
	if done != 1 || len(sessions) != 1 {
		t.Errorf("%d applied, %d sessions", done, len(sessions))
	}
}

func TestAPlanThatDoesNotHoldIsRefused(t *testing.T) {
	w := newWorld(t, 3)
	p := w.planner()
	for what, change := range map[string]struct {
		is   func()
		want string
	}{
		"power": {func() { w.setPower(nodeName(1), "on") }, nodeName(1) + ": power was off, is on"},
		"locks": {func() { w.with(func() { w.locked = []string{nodeName(2)} }) }, nodeName(2) + ": no longer dealt with"},
		"session": {func() {
			w.with(func() { w.mute[nodeName(0)] = true })
			w.session(bos.OperationBoot, nodeName(0))
			w.moving(nodeName(0))
		}, nodeName(0) + ": "},
	} {
		made, err := p.Make(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t"})
		must(t, err)
		change.is()
		if _, err := p.Apply(t.Context(), made.ID, ""); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), change.want) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := p.Plan(t.Context(), made.ID, ""); err != nil {
			t.Errorf("%s: the plan is gone: %v", what, err)
		}
	}
}

// moving waits until a session moves the node.
func (w *world) moving(node string) {
	w.eventually("the node's session", func() bool { c := w.component(node); return c.Session != "" && c.Enabled })
}

func TestPlansAreForATenantAndEnd(t *testing.T) {
	w := newWorld(t, 2)
	p := w.planner()
	now := time.Now()
	p.Now = func() time.Time { return now }
	for n, want := range map[string]bos.NewSession{
		"no template":  {Operation: bos.OperationBoot, TemplateName: "none"},
		"name is used": {Name: w.session(bos.OperationShutdown, ""), Operation: bos.OperationBoot, TemplateName: "t"},
	} {
		if made, err := p.Make(t.Context(), want); err == nil {
			t.Errorf("%s: %+v", n, made)
		}
	}
	made, err := p.Make(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t"})
	must(t, err)
	if _, err := p.Apply(t.Context(), made.ID, "blue"); !fault.Is(err, fault.NotFound) {
		t.Errorf("another tenant: %v", err)
	}
	now = now.Add(25 * time.Hour)
	if _, err := p.Apply(t.Context(), made.ID, ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("after a day: %v", err)
	}
	now = now.Add(-25 * time.Hour)
	w.with(func() { w.tenants["blue"] = []string{nodeName(0)} })
	_, err = w.service.PutTemplate(t.Context(), ofTenant(w, "blue"))
	must(t, err)
	for _, tenant := range []string{"blue", ""} { // others' plans leave one's own alone
		if _, err := p.Plan(t.Context(), made.ID, ""); err != nil {
			t.Errorf("before twenty of tenant %q: %v", tenant, err)
		}
		for range 20 {
			now = now.Add(time.Second)
			_, err := p.Make(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t", Tenant: tenant})
			must(t, err)
		}
	}
	if _, err := p.Plan(t.Context(), made.ID, ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("after twenty others: %v", err)
	}
}

// ofTenant is the template of the world for a tenant.
func ofTenant(w *world, tenant string) bos.Template {
	template, err := w.service.Template(w.t.Context(), "t", "")
	must(w.t, err)
	template.Tenant = tenant
	return template
}

func TestAPlanTellsATenantNothingOfOthersNodes(t *testing.T) {
	w := newWorld(t, 3)
	w.with(func() { w.tenants["blue"] = []string{nodeName(0)}; w.locked = []string{nodeName(0), nodeName(1)} })
	_, err := w.service.PutTemplate(t.Context(), ofTenant(w, "blue"))
	must(t, err)
	made, err := w.planner().Make(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t", Tenant: "blue"})
	must(t, err)
	if made.Nodes != 0 || len(made.LeftOut) != 1 || made.LeftOut[0].Name != nodeName(0) {
		t.Errorf("%+v", made)
	}
}

func TestAPlanNamesNoMoreThanAThousandThatAreLeftOut(t *testing.T) {
	w := newWorld(t, 1)
	limit := nodeName(0)
	for i := range 1500 {
		limit += fmt.Sprintf(",x%dc0s0b0n0", 5000+i)
	}
	made, err := w.planner().Make(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t", Limit: limit})
	must(t, err)
	if made.Nodes != 1 || len(made.LeftOut) != 1000 || made.LeftOutCount != 1500 {
		t.Errorf("%d nodes, %d of %d left out", made.Nodes, len(made.LeftOut), made.LeftOutCount)
	}
}

// writes has somebody else write while a session is checked, which asks other services.
type writes struct {
	plan.Sessions
	write   func() error
	checked int
}

func (s *writes) CheckSession(ctx context.Context, n bos.NewSession) (bos.Session, error) {
	s.checked++
	if err := s.write(); err != nil {
		return bos.Session{}, err
	}
	return s.Sessions.CheckSession(ctx, n)
}

func TestOthersWriteWhileAPlanIsApplied(t *testing.T) {
	w := newWorld(t, 1)
	p := w.planner()
	made, err := p.Make(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t"})
	must(t, err)
	s := &writes{Sessions: w.service, write: func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _, err := w.service.Change(ctx, []string{nodeName(0)}, func(c *bos.Component) error { c.RetryPolicy = new(7); return nil })
		return err
	}}
	p.Sessions = s
	_, err = p.Apply(t.Context(), made.ID, "")
	must(t, err)
	if s.checked != 1 {
		t.Errorf("checked %d times", s.checked)
	}
}

// oneLayer stands for a CFS each of whose configurations has a layer that ran nowhere.
type oneLayer struct{ noLayers }

func (oneLayer) Wanted(context.Context, string) ([]plan.Layer, error) {
	return []plan.Layer{{Repository: "https://git/site.git", Commit: "1"}}, nil
}

func TestLayersOfNodesThatCFSHasGivenUpDoNotRun(t *testing.T) {
	w := newWorld(t, 2)
	successful(t, w.run(bos.OperationBoot, ""), 2)
	w.with(func() { w.config[nodeName(0)].Status = "failed" })
	p := w.planner()
	p.Layers = oneLayer{}
	for operation, want := range map[bos.Operation]bool{bos.OperationBoot: false, bos.OperationReboot: true} {
		made, err := p.Make(t.Context(), bos.NewSession{Operation: operation, TemplateName: "t", Limit: nodeName(0)})
		must(t, err)
		if g := made.Groups[0]; len(g.Layers) != 1 || g.Layers[0].Runs != want {
			t.Errorf("%s: %+v", operation, g)
		}
	}
}

func TestAPlanOfAnotherImageBootsThat(t *testing.T) {
	w := newWorld(t, 2)
	w.with(func() {
		w.archs["image2"] = "x86_64"
		for url, body := range w.objects {
			w.objects[strings.ReplaceAll(url, "image1", "image2")] = strings.ReplaceAll(body, "image1", "image2")
		}
	})
	p := w.planner()
	made, err := p.Make(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t", Image: "image2", Configuration: "other", Limit: nodeName(0)})
	must(t, err)
	const kernel = "s3://boot-images/image2/kernel"
	if then := made.Groups[0].Then; made.Nodes != 1 || then.Kernel != kernel || then.Configuration != "other" || !strings.Contains(then.KernelParameters, "quiet") {
		t.Errorf("%+v", made)
	}
	templates := func() int {
		all, err := w.service.Templates(t.Context(), "")
		must(t, err)
		return len(all)
	}
	if n := templates(); n != 1 {
		t.Errorf("%d templates after a plan", n)
	}
	done, err := p.Apply(t.Context(), made.ID, "")
	must(t, err)
	successful(t, w.finish(done.Session), 1)
	if c := w.component(nodeName(0)); c.ActualState.BootArtifacts.Kernel != kernel || c.DesiredState.Configuration != "other" {
		t.Errorf("%+v", c)
	}
	if n := templates(); n != 2 {
		t.Errorf("%d templates after the session", n)
	}
	made, err = p.Make(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t", Image: "image2", Limit: nodeName(1)})
	must(t, err)
	template, err := w.service.Template(t.Context(), "t", "")
	must(t, err)
	template.BootSets[0].KernelParameters = new("loud")
	_, err = w.service.PutTemplate(t.Context(), template)
	must(t, err)
	if _, err := p.Apply(t.Context(), made.ID, ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("of a template that has changed: %v", err)
	}
	started, err := p.Start(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t", Image: "image2", Limit: nodeName(1)})
	must(t, err)
	successful(t, w.finish(started.Session), 1)
	if c := w.component(nodeName(1)); started.Plan.Nodes != 1 || !strings.Contains(c.ActualState.BootArtifacts.KernelParameters, "loud") {
		t.Errorf("%+v %+v", started, c)
	}
}

func TestPlansTellHowLongBootsTook(t *testing.T) {
	w := newWorld(t, 2)
	p := w.planner()
	boots := func() []plan.BootTime {
		made, err := p.Make(t.Context(), bos.NewSession{Operation: bos.OperationReboot, TemplateName: "t"})
		must(t, err)
		return made.Boots
	}
	if b := boots(); len(b) != 1 || b[0].Image != "compute" || b[0].Count != 0 {
		t.Errorf("before any: %+v", b)
	}
	successful(t, w.run(bos.OperationBoot, ""), 2)
	if b := boots(); len(b) != 1 || b[0].Count != 2 || b[0].Median <= 0 {
		t.Errorf("after a boot of two: %+v", b)
	}
	successful(t, w.run(bos.OperationBoot, ""), 2) // which boots nothing
	if b := boots(); len(b) != 1 || b[0].Count != 2 {
		t.Errorf("after a session that boots nothing: %+v", b)
	}
}
