package plan

import (
	"context"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

const (
	// keptFor is how long a plan can be applied; keptPlans bounds how many there are.
	keptFor   = 24 * time.Hour
	keptPlans = 20
	// told bounds the differences that are told.
	told = 5
)

// Make works out what the session would do, and keeps that as a plan.
func (p *Planner) Make(ctx context.Context, n bos.NewSession) (*Plan, error) {
	plan, err := p.draft(ctx, n)
	if err != nil {
		return nil, err
	}
	plan.ID = p.NewID()
	return plan, p.DB.InTx(ctx, func(ctx context.Context) error {
		if err := p.prune(ctx); err != nil {
			return err
		}
		return p.plans.Insert(ctx, *plan)
	})
}

// prune makes room for a plan.
func (p *Planner) prune(ctx context.Context) error {
	all, err := p.plans.List(ctx, store.Query{})
	if err != nil {
		return err
	}
	oldest := 0
	var gone []string
	for i := range all {
		if p.Now().Sub(all[i].At) > keptFor {
			gone = append(gone, all[i].Tenant+"/"+all[i].ID)
		}
		if all[i].At.Before(all[oldest].At) {
			oldest = i
		}
	}
	if len(gone) == 0 && len(all) >= keptPlans {
		gone = append(gone, all[oldest].Tenant+"/"+all[oldest].ID)
	}
	if len(gone) == 0 {
		return nil
	}
	_, err = p.plans.Delete(ctx, gone...)
	return err
}

// Plan is the tenant's plan with the ID.
func (p *Planner) Plan(ctx context.Context, id, tenant string) (Plan, error) {
	plan, err := p.plans.Get(ctx, tenant+"/"+id)
	if fault.Is(err, fault.NotFound) || err == nil && p.Now().Sub(plan.At) > keptFor {
		return Plan{}, fault.New(fault.NotFound, "there is no plan '%s': the last %d are kept, for a day at most, until they are applied", id, keptPlans)
	}
	return plan, err
}

// Apply starts the session of a plan if every node stands as it did when the plan was made,
// and would get what it would have got. Else it is a fault.Conflict that says what changed.
func (p *Planner) Apply(ctx context.Context, id, tenant string) (bos.Session, error) {
	plan, err := p.Plan(ctx, id, tenant)
	if err != nil {
		return bos.Session{}, err
	}
	wish := bos.NewSession{Name: plan.Name, Tenant: plan.Tenant, Operation: plan.Operation, TemplateName: plan.TemplateName, Limit: plan.Limit,
		Stage: plan.Stage, IncludeDisabled: plan.IncludeDisabled}
	again, err := p.draft(ctx, wish)
	if err != nil {
		return bos.Session{}, err
	}
	if plan.Nodes == 0 {
		return bos.Session{}, fault.New(fault.Conflict, "plan '%s' has no nodes: there is nothing to start", id)
	}
	if changed := differences(&plan, again); len(changed) > 0 {
		more := ""
		if len(changed) > told {
			changed, more = changed[:told], "; and more"
		}
		return bos.Session{}, fault.New(fault.Conflict, "what plan '%s' says does not hold any more (%s%s): make a new one", id, strings.Join(changed, "; "), more)
	}
	var session bos.Session
	err = p.DB.InTx(ctx, func(ctx context.Context) error {
		gone, err := p.plans.Delete(ctx, tenant+"/"+id)
		if err == nil && len(gone) == 0 {
			err = fault.New(fault.Conflict, "plan '%s' has just been applied by somebody else", id)
		}
		if err == nil {
			session, err = p.Sessions.CreateSession(ctx, wish)
		}
		return err
	})
	return session, err
}
