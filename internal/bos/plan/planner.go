package plan

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
	"github.com/drover-hpc/drover/internal/bos/selection"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/store"
)

// Sessions is what plans need of BOS; *bos.Service is it.
type Sessions interface {
	selection.Templates
	CheckSession(ctx context.Context, n bos.NewSession) (bos.Session, error)
	// StartSession starts what CheckSession returned; it asks nothing but the database.
	StartSession(ctx context.Context, s bos.Session) error
	Components(ctx context.Context, q store.Query) ([]bos.Component, error)
	Options(ctx context.Context) (bos.Options, error)
	BootsOf(ctx context.Context, kernel string) (bos.Boots, error)
}

// Layers tells of configurations.
type Layers interface {
	// Wanted are the layers of the configuration; a fault.NotFound if there is none.
	Wanted(ctx context.Context, configuration string) ([]Layer, error)
	// Ran is what ran on the nodes since they booted, by node.
	Ran(ctx context.Context, nodes []string) (map[string]Ran, error)
}

// Config is what a Planner stands on.
type Config struct {
	DB             *store.DB
	Sessions       Sessions
	Inventory      bos.Inventory
	Objects        bos.Objects
	Power          bos.Power
	Configurations bos.Configurations
	Layers         Layers
	// Images are the names of images.
	Images func(ctx context.Context) (ims.Names, error)
	// Now is the clock; nil is time.Now. NewID makes names of plans unique; nil is a random
	// UUID.
	Now   func() time.Time
	NewID func() string
}

// Planner makes plans, and keeps them for a day.
type Planner struct {
	Config
	plans *store.Table[Plan]
}

// New returns a planner.
func New(c Config) *Planner {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = uuid.NewString
	}
	return &Planner{Config: c, plans: store.NewTable(c.DB, store.Spec[Plan]{Name: "bos_plans", Kind: "Plan",
		Key: (*Plan).key})}
}

// draft works out what the session would do, which is returned as it would be started.
func (p *Planner) draft(ctx context.Context, n bos.NewSession) (*Plan, bos.Session, error) {
	session, err := p.Sessions.CheckSession(ctx, n)
	if err != nil {
		return nil, session, err
	}
	plan, err := p.foresee(ctx, n, &session)
	return plan, session, err
}

// foresee looks at the nodes of a session that was checked.
func (p *Planner) foresee(ctx context.Context, n bos.NewSession, session *bos.Session) (*Plan, error) {
	options, err := p.Sessions.Options(ctx)
	if err != nil {
		return nil, err
	}
	selector := selection.Selector{Templates: templates{p.Sessions, session.Derived}, Inventory: selection.NewInventory(p.Inventory), Objects: p.Objects, Options: options, Log: slog.New(slog.DiscardHandler)}
	selected, err := selector.Select(ctx, session)
	if err != nil {
		return nil, err
	}
	out := &Plan{Tenant: n.Tenant, At: p.Now(), Name: n.Name, Operation: n.Operation, TemplateName: n.TemplateName, Image: n.Image, Configuration: n.Configuration,
		Limit: n.Limit, Stage: n.Stage, IncludeDisabled: n.IncludeDisabled, Groups: []Group{}}
	if len(selected.Targets) == 0 {
		out.leaveOut(selected.LeftOut)
		return out, nil
	}
	look := &look{Planner: p, session: session, options: options, targets: selected.Targets}
	if err := look.at(ctx); err != nil {
		return nil, err
	}
	nodes := make([]Group, 0, len(look.components))
	for i := range look.components {
		nodes = append(nodes, look.node(&look.components[i]))
		delete(look.targets, look.components[i].ID)
	}
	out.Groups, out.Nodes = together(nodes), len(nodes)
	left := selected.LeftOut
	for id := range look.targets {
		left = append(left, bos.LeftOut{Name: id, Reason: "it has no BOS component"})
	}
	out.leaveOut(left)
	return out, p.bootTimes(ctx, out)
}

// templates are those of BOS, and the one that would be kept with the session.
type templates struct {
	selection.Templates
	derived *bos.Template
}

func (t templates) Template(ctx context.Context, name, tenant string) (bos.Template, error) {
	if t.derived != nil && t.derived.Name == name {
		return *t.derived, nil
	}
	return t.Templates.Template(ctx, name, tenant)
}

// leaveOut tells who is left out, by name; of very many, how many.
func (p *Plan) leaveOut(left []bos.LeftOut) {
	slices.SortFunc(left, func(a, b bos.LeftOut) int { return strings.Compare(a.Name, b.Name) })
	p.LeftOut, p.LeftOutCount = left[:min(len(left), bos.MaxLeftOut)], len(left)
}

// bootTimes tells how long boots of the images took that would be booted.
func (p *Planner) bootTimes(ctx context.Context, plan *Plan) error {
	for _, g := range plan.Groups {
		known := slices.ContainsFunc(plan.Boots, func(b BootTime) bool { return b.Kernel == g.Then.Kernel })
		if known || !slices.Contains(g.Actions, PowerOn) {
			continue
		}
		boots, err := p.Sessions.BootsOf(ctx, g.Then.Kernel)
		if err != nil {
			return err
		}
		plan.Boots = append(plan.Boots, BootTime{Image: g.Then.Image, Kernel: g.Then.Kernel, Count: len(boots.Took), Median: boots.Median().Seconds()})
	}
	return nil
}

// look is one look at where the nodes of a session stand.
type look struct {
	*Planner
	session *bos.Session
	options bos.Options
	targets map[string]bos.Target

	components []bos.Component
	power      map[string]machine.Power
	config     map[string]machine.Config
	ran        map[string]Ran
	wanted     map[string][]Layer // by configuration
	images     ims.Names
}

// at asks BOS, PCS, CFS and IMS. A PCS that does not answer is a fact like others; without a
// CFS that tells what the layers are, there is no plan. Without names, images are told by
// their IDs.
func (l *look) at(ctx context.Context) (err error) {
	ids := make([]string, 0, len(l.targets))
	for id := range l.targets {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if l.components, err = l.Sessions.Components(ctx, store.Query{Keys: ids}); err != nil {
		return err
	}
	states, powerErr := l.Power.Status(ctx, ids)
	l.power = map[string]machine.Power{}
	for _, s := range states {
		l.power[s.Node] = machine.PowerFact(&s, l.Now(), nil)
	}
	found, configErr := l.Configurations.Components(ctx, ids)
	l.config = map[string]machine.Config{}
	for _, c := range found {
		l.config[c.Node] = machine.ConfigFact(&c, nil)
	}
	for _, id := range ids {
		if _, told := l.power[id]; !told {
			l.power[id] = machine.PowerFact(nil, l.Now(), powerErr)
		}
		if _, told := l.config[id]; !told {
			l.config[id] = machine.ConfigFact(nil, configErr)
		}
	}
	if l.images, err = l.Images(ctx); err != nil {
		l.images = nil
	}
	return l.configurations(ctx, ids)
}

// configurations reads the layers, where any are wanted.
func (l *look) configurations(ctx context.Context, ids []string) (err error) {
	l.wanted = map[string][]Layer{}
	for _, t := range l.targets {
		if _, known := l.wanted[t.Configuration]; known || t.Configuration == "" {
			continue
		}
		l.wanted[t.Configuration], err = l.Layers.Wanted(ctx, t.Configuration)
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.Invalid, "configuration '%s' of the session template does not exist in CFS", t.Configuration)
		}
		if err != nil {
			return fmt.Errorf("configuration '%s' of the session template: %w", t.Configuration, err)
		}
	}
	if len(l.wanted) > 0 {
		l.ran, err = l.Layers.Ran(ctx, ids)
	}
	return err
}

// node is what is to be said of one node.
func (l *look) node(c *bos.Component) Group {
	target := l.targets[c.ID]
	g := Group{Nodes: []string{c.ID}, Now: l.now(c), Actions: []Action{}, Then: Then{Image: l.images.Of(target.Artifacts.Kernel), Kernel: target.Artifacts.Kernel,
		Initrd: target.Artifacts.Initrd, KernelParameters: target.Artifacts.KernelParameters, Configuration: target.Configuration}}
	if c.Enabled && c.Session != "" && !l.session.Stage {
		g.TakenFrom = c.Session
	}
	if runs := c.ActualState.BootArtifacts; runs.Kernel != "" && target.Artifacts.Kernel != "" {
		g.ParametersAdded, g.ParametersRemoved = parameters(runs.KernelParameters, target.Artifacts.KernelParameters)
	}
	joined := *c
	joined.Join(l.session, target, l.Now())
	ahead := machine.Foresee(joined, machine.Facts{Power: l.power[c.ID], Config: l.config[c.ID]}, l.options, l.Now())
	g.Waits = ahead.Waits
	boots := slices.Contains(ahead.Effects, machine.CallPowerOn)
	g.Layers = Compare(l.ran[c.ID].Layers, l.wanted[target.Configuration], boots)
	if !slices.Contains(ahead.Effects, machine.Configure) { // CFS has given up, say
		for i := range g.Layers {
			g.Layers[i].Runs = false
		}
	}
	for _, e := range ahead.Effects {
		g.Actions = append(g.Actions, action(e, target))
	}
	return g
}

func (l *look) now(c *bos.Component) Now {
	now := Now{Power: powerWord(l.power[c.ID].State), Status: c.Computed(), Image: l.images.Of(c.ActualState.BootArtifacts.Kernel), Kernel: c.ActualState.BootArtifacts.Kernel}
	if known := l.config[c.ID].Known; known != nil && known.Desired != "" {
		now.Configuration, now.ConfigStatus = known.Desired, known.Status
	}
	return now
}

func powerWord(s machine.PowerState) string {
	switch s {
	case machine.PowerOn:
		return "on"
	case machine.PowerOff:
		return "off"
	case machine.PowerUndefined:
		return "undefined"
	case machine.PowerSilent, machine.PowerUnlisted:
	}
	return "unknown"
}

func action(e machine.Effect, t bos.Target) Action {
	switch {
	case e == machine.CallSoftOff:
		return Shutdown
	case e == machine.CallForceOff:
		return PowerOff
	case e == machine.CallPowerOn:
		return PowerOn
	case t.Configuration == "":
		return Forget
	}
	return Configure
}
