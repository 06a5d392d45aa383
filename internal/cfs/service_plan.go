package cfs

import (
	"context"
	"slices"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// ConfigurationPlan is what a change of a configuration would come to.
type ConfigurationPlan struct {
	Name   string        `json:"name"`
	Layers []LayerChange `json:"layers" nullable:"false" doc:"What becomes of the layers; empty if no component desires the configuration"`
	// The components that desire it are parted by what would become of them.
	Components  []string `json:"components" nullable:"false" doc:"Components that desire the configuration"`
	Reconfigure []string `json:"reconfigure" nullable:"false" doc:"Those on which CFS would run layers by itself"`
	Disabled    []string `json:"disabled" nullable:"false" doc:"Those on which layers would be to run, but that are not enabled"`
}

// LayerChange is what becomes of a layer.
type LayerChange struct {
	Name     string `json:"name,omitempty"`
	CloneURL string `json:"clone_url"`
	Playbook string `json:"playbook"`
	From     string `json:"from,omitempty" doc:"Commit of the layer now; empty if it is new"`
	To       string `json:"to,omitempty" doc:"Commit that it would have; empty if it goes"`
}

// PlanConfiguration tells what PutConfiguration would come to, and changes nothing.
func (s *Service) PlanConfiguration(ctx context.Context, c Configuration, o PutOptions) (ConfigurationPlan, error) {
	c, err := s.checked(ctx, c, o)
	if err != nil {
		return ConfigurationPlan{}, err
	}
	return s.planned(ctx, c)
}

// PlanBranches tells what UpdateBranches would come to, and changes nothing.
func (s *Service) PlanBranches(ctx context.Context, name, tenant string) (ConfigurationPlan, error) {
	c, err := s.Configuration(ctx, name, tenant)
	if err != nil {
		return ConfigurationPlan{}, err
	}
	return s.planned(ctx, c.clone())
}

// planned compares what the components are that desire c with what they would be.
func (s *Service) planned(ctx context.Context, c Configuration) (ConfigurationPlan, error) {
	out := ConfigurationPlan{Name: c.Name, Layers: []LayerChange{}, Components: []string{}, Reconfigure: []string{}, Disabled: []string{}}
	records, err := s.components.List(ctx, store.Query{Where: []store.Match{store.Is("desired_config", c.Name)}})
	if err != nil || len(records) == 0 {
		return out, err
	}
	if err := s.resolve(ctx, &c); err != nil {
		return out, err
	}
	a, err := s.newAssessor(ctx)
	if err != nil {
		return out, err
	}
	before, _, err := a.resolved(ctx, c.Name)
	if err != nil {
		return out, err
	}
	urls, err := s.sourceURLs(ctx, c.sources())
	if err != nil {
		return out, err
	}
	if err := c.checkDuplicates(urls, a.options.DefaultPlaybook); err != nil {
		return out, err
	}
	after := c.pin(urls, a.options.DefaultPlaybook)
	out.Layers = changes(before, after)
	same := slices.EqualFunc(before, after, sameRun)
	for i := range records {
		c := &records[i].Component
		out.Components = append(out.Components, c.ID)
		then, _ := assess(c, after, true, a.options.DefaultBatcherRetryPolicy)
		switch {
		case then != Pending || same && records[i].Status == Pending: // which it is without the change
		case c.Enabled:
			out.Reconfigure = append(out.Reconfigure, c.ID)
		default:
			out.Disabled = append(out.Disabled, c.ID)
		}
	}
	return out, nil
}

func sameRun(a, b JobLayer) bool {
	return a.CloneURL == b.CloneURL && a.Playbook == b.Playbook && a.Commit == b.Commit
}

// changes pairs layers by repository and playbook, which tell them apart.
func changes(before, after []JobLayer) []LayerChange {
	out := []LayerChange{}
	same := func(l *JobLayer) func(JobLayer) bool {
		return func(o JobLayer) bool { return o.CloneURL == l.CloneURL && o.Playbook == l.Playbook }
	}
	for i := range after {
		l := &after[i]
		c := LayerChange{Name: l.Name, CloneURL: l.CloneURL, Playbook: l.Playbook, To: l.Commit}
		if k := slices.IndexFunc(before, same(l)); k >= 0 {
			c.From = before[k].Commit
		}
		out = append(out, c)
	}
	for i := range before {
		if l := &before[i]; !slices.ContainsFunc(after, same(l)) {
			out = append(out, LayerChange{Name: l.Name, CloneURL: l.CloneURL, Playbook: l.Playbook, From: l.Commit})
		}
	}
	return out
}

var errNotDry = fault.New(fault.Invalid, "query.dry_run: expected true, for a plan; PUT and PATCH /apis/cfs/v3/configurations/NAME change a configuration")
