package auth

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// defaultLife is how long a token counts if nobody says.
const defaultLife = 90 * 24 * time.Hour

// TokenWanted is what a new token shall be.
type TokenWanted struct {
	Name   string `json:"name" minLength:"1" maxLength:"100" example:"nightly reboots" doc:"Whose it is"`
	Role   Role   `json:"role" enum:"administrator,operator,auditor,tenant" doc:"What its holder may do"`
	Tenant string `json:"tenant,omitempty" maxLength:"100" doc:"Tenant, for the role tenant"`
	Lasts  string `json:"lasts,omitempty" example:"2160h" doc:"Time for which it counts; 90 days if left out"`
}

// TokenMade is a new token.
type TokenMade struct {
	Token
	Text string `json:"token" doc:"The token; it is told this once"`
}

// Caller is who makes a request.
type Caller struct {
	Name   string `json:"name"`
	Role   Role   `json:"role"`
	Tenant string `json:"tenant,omitempty"`
}

// Permission is whether the caller may do something.
type Permission struct {
	Allowed bool   `json:"allowed"`
	Right   Right  `json:"right" doc:"What it takes; empty: the role administrator"`
	Why     string `json:"why,omitempty" doc:"Why not"`
}

type (
	tokenOutput      struct{ Body TokenMade }
	tokensOutput     struct{ Body []Token }
	callerOutput     struct{ Body Caller }
	permissionOutput struct{ Body Permission }
	tokenInput       struct{ Body TokenWanted }
	permissionInput  struct {
		Method string `query:"method" required:"true" example:"POST" doc:"HTTP method"`
		Path   string `query:"path" required:"true" example:"/apis/bos/v2/sessions" doc:"Path, from /apis on"`
	}
)

// Register adds the operations on tokens, which are Drover's own.
func Register(api huma.API, t *Tokens, rules *Rules) {
	tags := []string{"tokens"}
	httpapi.Handle(api, huma.Operation{OperationID: "list-tokens", Method: http.MethodGet, Path: "/v1/tokens",
		Summary: "List the tokens that this server gave out", Tags: tags},
		func(ctx context.Context, _ *struct{}) (*tokensOutput, error) {
			list, err := t.List(ctx)
			return &tokensOutput{list}, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "create-token", Method: http.MethodPost, Path: "/v1/tokens",
		Summary: "Create a token", Tags: tags, DefaultStatus: http.StatusCreated}, t.create)
	httpapi.Handle(api, huma.Operation{OperationID: "revoke-token", Method: http.MethodDelete, Path: "/v1/tokens/{id}",
		Summary: "Revoke a token", Tags: tags, DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			ID string `path:"id" doc:"The token's id"`
		}) (*struct{}, error) {
			return nil, t.Revoke(ctx, in.ID)
		})
	httpapi.Handle(api, huma.Operation{OperationID: "whoami", Method: http.MethodGet, Path: "/v1/whoami",
		Summary: "Tell who makes this request", Tags: tags},
		func(ctx context.Context, _ *struct{}) (*callerOutput, error) { return &callerOutput{caller(ctx)}, nil })
	httpapi.Handle(api, huma.Operation{OperationID: "can-i", Method: http.MethodGet, Path: "/v1/can-i",
		Summary: "Tell whether who makes this request may make another one", Tags: tags}, rules.canI)
}

func (t *Tokens) create(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
	lasts, err := time.ParseDuration(cmp.Or(in.Body.Lasts, defaultLife.String()))
	if err != nil {
		return nil, fault.New(fault.Invalid, "lasts: expected a time such as 2160h, got %q", in.Body.Lasts)
	}
	made, text, err := t.Create(ctx, Token{Name: in.Body.Name, Role: in.Body.Role, Tenant: in.Body.Tenant}, lasts)
	return &tokenOutput{TokenMade{made, text}}, err
}

func caller(ctx context.Context) Caller {
	if who := Of(ctx); who != nil {
		return Caller{who.Name, who.Role, who.Tenant}
	}
	return Caller{Name: "anybody: this server asks for no tokens", Role: Administrator}
}

// methods are those that operations have.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func (r *Rules) canI(ctx context.Context, in *permissionInput) (*permissionOutput, error) {
	request, err := http.NewRequestWithContext(ctx, in.Method, in.Path, nil)
	if err != nil || !slices.Contains(methods, in.Method) || !strings.HasPrefix(in.Path, "/") {
		return nil, fault.New(fault.Invalid, "method, path: expected such as POST and /apis/bos/v2/sessions, got %q and %q", in.Method, in.Path)
	}
	out := &permissionOutput{Permission{Allowed: true, Right: r.Of(request).Right}}
	if err := r.May(request); err != nil {
		out.Body.Allowed, out.Body.Why = false, err.Error()
	}
	return out, nil
}

// May refuses the request, which nobody makes yet, if who is known in its context may not
// make it. Where nobody is asked who they are, all may.
func (r *Rules) May(request *http.Request) error {
	who := Of(request.Context())
	if who == nil {
		who = &Identity{Role: Administrator}
	}
	return r.Of(request).Allows(who)
}
