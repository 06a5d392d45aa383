package plan

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type makeInput struct {
	bos.TenantHeader
	DryRun bool `query:"dry_run" doc:"Has to be true: what the session would do is told, and nothing is done"`
	Body   bos.SessionCreate
}

type planInput struct {
	bos.TenantHeader
	ID string `path:"id" minLength:"1" maxLength:"64" doc:"ID of the plan"`
}

type planOutput struct{ Body Plan }

type appliedOutput struct{ Body Applied }

// Register adds plans to Drover's own interface.
func Register(api huma.API, p *Planner) {
	op := func(id, method, path, summary string, status int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, DefaultStatus: status, Tags: []string{"sessions", "plans"}}
	}
	httpapi.Handle(api, op("plan-session", http.MethodPost, "/v1/sessions", "What a session of BOS would do, node by node, without doing it", http.StatusOK),
		func(ctx context.Context, in *makeInput) (*planOutput, error) {
			if !in.DryRun {
				return nil, fault.New(fault.Invalid, "query.dry_run: expected true, for a plan; POST /apis/bos/v2/sessions starts a session")
			}
			plan, err := p.Make(ctx, in.wish())
			if err != nil {
				return nil, err
			}
			return &planOutput{*plan}, nil
		})
	httpapi.Handle(api, op("get-plan", http.MethodGet, "/v1/plans/{id}", "A plan that was made before", 0),
		func(ctx context.Context, in *planInput) (*planOutput, error) {
			plan, err := p.Plan(ctx, in.ID, in.Tenant)
			return &planOutput{plan}, err
		})
	httpapi.Handle(api, op("apply-plan", http.MethodPost, "/v1/plans/{id}/apply", "Start the session of a plan, if what it says still holds", http.StatusCreated),
		func(ctx context.Context, in *planInput) (*appliedOutput, error) {
			done, err := p.Apply(ctx, in.ID, in.Tenant)
			return &appliedOutput{done}, err
		})
}

func (in *makeInput) wish() bos.NewSession {
	b := &in.Body
	n := bos.NewSession{Name: b.Name, Tenant: in.Tenant, Operation: b.Operation, TemplateName: b.TemplateName, Stage: b.Stage, IncludeDisabled: b.IncludeDisabled}
	if b.Limit != nil {
		n.Limit = *b.Limit
	}
	return n
}
