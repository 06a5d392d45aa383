package plan

import (
	"context"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

const (
	// keptFor is how long a plan can be applied; keptPlans bounds how many a tenant has, and
	// those without a tenant.
	keptFor   = 24 * time.Hour
	keptPlans = 20
	// told bounds the differences that are told.
	told = 5
)

// Make works out what the session would do, and keeps that as a plan.
func (p *Planner) Make(ctx context.Context, n bos.NewSession) (*Plan, error) {
	audit.Tell(ctx, audit.About{What: "plan of a " + string(n.Operation) + ", which changes nothing"})
	plan, _, err := p.draft(ctx, n)
	if err != nil {
		return nil, err
	}
	// The names of a tenant's plans sort by their age.
	plan.ID = plan.At.UTC().Format("20060102-150405.000000") + "-" + p.NewID()[:8]
	return plan, p.DB.InTx(ctx, func(ctx context.Context) error {
		if err := p.prune(ctx, n.Tenant); err != nil {
			return err
		}
		return p.plans.Insert(ctx, *plan)
	})
}

// prune makes room for a plan of the tenant: those that are too old go, and the oldest
// that are too many.
func (p *Planner) prune(ctx context.Context, tenant string) error {
	all := store.Query{Prefix: key(tenant, "")}
	count, err := p.plans.Count(ctx, all)
	if err != nil {
		return err
	}
	for ; count > 0; count-- {
		oldest, err := p.plans.List(ctx, store.Query{Prefix: all.Prefix, Limit: 1})
		if err != nil || len(oldest) == 0 || count < keptPlans && p.Now().Sub(oldest[0].At) <= keptFor {
			return err
		}
		if _, err := p.plans.Delete(ctx, oldest[0].key()); err != nil {
			return err
		}
	}
	return nil
}

// Plan is the tenant's plan with the ID.
func (p *Planner) Plan(ctx context.Context, id, tenant string) (Plan, error) {
	plan, err := p.plans.Get(ctx, key(tenant, id))
	if fault.Is(err, fault.NotFound) || err == nil && p.Now().Sub(plan.At) > keptFor {
		return Plan{}, fault.New(fault.NotFound, "there is no plan '%s': the last %d are kept, for a day at most", id, keptPlans)
	}
	return plan, err
}

// Start starts the session, and tells what it is going to do as of now.
func (p *Planner) Start(ctx context.Context, n bos.NewSession) (Applied, error) {
	plan, session, err := p.draft(ctx, n)
	if err != nil {
		return Applied{}, err
	}
	return Applied{Session: session.Name, Plan: *plan}, p.Sessions.StartSession(ctx, session)
}

// wish is what the plan was made of.
func (p *Plan) wish() bos.NewSession {
	return bos.NewSession{Name: p.Name, Tenant: p.Tenant, Operation: p.Operation, TemplateName: p.TemplateName, Image: p.Image, Configuration: p.Configuration,
		Limit: p.Limit, Stage: p.Stage, IncludeDisabled: p.IncludeDisabled}
}

// Applied is the session of a plan.
type Applied struct {
	Session string `json:"session" doc:"Name of the session that was started"`
	Plan    Plan   `json:"plan"`
}

// Apply starts the session of a plan if every node stands as it did when the plan was made,
// and would get what it would have got. Else it is a fault.Conflict that says what changed.
func (p *Planner) Apply(ctx context.Context, id, tenant string) (Applied, error) {
	plan, err := p.Plan(ctx, id, tenant)
	if err != nil {
		return Applied{}, err
	}
	if plan.Session != "" {
		return Applied{}, plan.used()
	}
	if plan.Nodes == 0 {
		return Applied{}, fault.New(fault.Conflict, "plan '%s' has no nodes: there is nothing to start", id)
	}
	again, session, err := p.draft(ctx, plan.wish())
	if err != nil {
		return Applied{}, err
	}
	if changed := differences(&plan, again); len(changed) > 0 {
		more := ""
		if len(changed) > told {
			changed, more = changed[:told], "; and more"
		}
		return Applied{}, fault.New(fault.Conflict, "what plan '%s' says does not hold any more (%s%s): make a new one", id, strings.Join(changed, "; "), more)
	}
	err = p.DB.InTx(ctx, func(ctx context.Context) error {
		_, err := p.plans.UpdateOne(ctx, key(tenant, id), func(kept *Plan) error {
			if kept.Session != "" {
				return kept.used()
			}
			kept.Session = session.Name
			return nil
		})
		if err == nil {
			err = p.Sessions.StartSession(ctx, session)
		}
		return err
	})
	plan.Session = session.Name
	return Applied{Session: session.Name, Plan: plan}, err
}

// used says that the plan was applied before. Its session is named, so that who asks twice
// finds it.
func (p *Plan) used() error {
	return fault.New(fault.Conflict, "plan '%s' has been applied: its session is '%s'", p.ID, p.Session)
}
