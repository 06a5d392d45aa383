package plan

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Wish is a session that is asked for.
type Wish struct {
	Name            string        `json:"name,omitempty" doc:"Name of the session; a UUID if not given"`
	Operation       bos.Operation `json:"operation" enum:"boot,reboot,shutdown" doc:"What to do, as in BOS"`
	TemplateName    string        `json:"template_name,omitempty" doc:"Name of the session template. Without it an image and a limit are needed, and the image's own kernel parameters hold"`
	Image           string        `json:"image,omitempty" doc:"ID or name of an image of IMS that takes the place of the template's. Nodes of another architecture are left out"`
	Configuration   string        `json:"configuration,omitempty" doc:"Name of a configuration of CFS that takes the place of the template's"`
	Limit           string        `json:"limit,omitempty" doc:"Nodes, groups and roles to which the session is limited, as in BOS; xnames if no template is named"`
	Stage           bool          `json:"stage,omitempty" doc:"Only note what to do; applystaged starts it"`
	IncludeDisabled bool          `json:"include_disabled,omitempty" doc:"Include nodes that are disabled in HSM"`
}

type wishInput struct {
	bos.TenantHeader
	DryRun bool `query:"dry_run" doc:"Tell what the session would do, and do nothing"`
	Body   Wish
}

func (in *wishInput) session() bos.NewSession {
	b := &in.Body
	return bos.NewSession{Name: b.Name, Tenant: in.Tenant, Operation: b.Operation, TemplateName: b.TemplateName, Image: b.Image, Configuration: b.Configuration,
		Limit: b.Limit, Stage: b.Stage, IncludeDisabled: b.IncludeDisabled}
}

type wishOutput struct {
	Status int
	Body   any // a Plan or, with status 201, an Applied
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
	start := op("start-session", http.MethodPost, "/v1/sessions", "Start a session of BOS, or tell node by node what it would do", http.StatusCreated)
	start.Responses = map[string]*huma.Response{
		"200": answer[Plan](api, "With dry_run: what the session would do"),
		"201": answer[Applied](api, "The session that was started, and what it is going to do")}
	httpapi.Handle(api, start, p.wished)
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

func answer[T any](api huma.API, what string) *huma.Response {
	return &huma.Response{Description: what, Content: map[string]*huma.MediaType{
		"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")}}}
}

func (p *Planner) wished(ctx context.Context, in *wishInput) (*wishOutput, error) {
	if in.DryRun {
		plan, err := p.Make(ctx, in.session())
		return &wishOutput{http.StatusOK, plan}, err
	}
	started, err := p.Start(ctx, in.session())
	return &wishOutput{http.StatusCreated, started}, err
}
