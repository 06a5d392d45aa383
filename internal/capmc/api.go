package capmc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// Register adds the routes. s may be nil where only the operations are wanted.
func Register(api huma.API, s *Service) {
	registerXnames(api, s)
	registerCaps(api, s)
	registerNodes(api, s)
	registerHealth(api, s)
}

// input is a request, whose body this package decodes itself: what is wrong
// with it is told in this interface's form.
type input struct {
	RawBody []byte `contentType:"application/json"`
}

type output[A any] struct{ Body A }

// call adds the operation of a path: a POST. Other methods are refused. A body
// that is not there counts as an empty object.
func call[B, A any](api huma.API, path, summary string, tags []string, do func(context.Context, *B) (A, error)) {
	op := huma.Operation{OperationID: strings.TrimPrefix(path, "/"), Method: http.MethodPost, Path: path, Summary: summary, Tags: tags,
		DefaultStatus: http.StatusOK, MaxBodyBytes: httpapi.MaxBulkBody + 1, BodyReadTimeout: -1, SkipValidateBody: true,
		RequestBody: &huma.RequestBody{}}
	huma.Register(api, httpapi.Bulk(op), func(ctx context.Context, in *input) (*output[A], error) {
		body := new(B)
		if text := bytes.TrimSpace(in.RawBody); len(text) > 0 {
			if err := json.Unmarshal(text, body); err != nil {
				return nil, refuse(http.StatusBadRequest, "Bad Request: %v", err)
			}
		}
		answer, err := do(ctx, body)
		if err != nil {
			return nil, asRefusal(err)
		}
		return &output[A]{answer}, nil
	})
	// What huma takes for a text is this.
	op.RequestBody.Required = false
	op.RequestBody.Content = map[string]*huma.MediaType{"application/json": {
		Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[B](), true, "")}}
	refuseOthers(api, path, http.MethodPost)
}

// asRefusal gives every error this interface's form.
func asRefusal(err error) error {
	var known *Refusal
	if errors.As(err, &known) {
		return known
	}
	return refuse(httpapi.AsProblem(err).Status, "Error: %v", err)
}

// refuseOthers answers the methods that a path does not have.
func refuseOthers(api huma.API, path, has string) {
	type none struct{}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if method == has {
			continue
		}
		op := huma.Operation{OperationID: strings.TrimPrefix(path, "/") + "-not-" + strings.ToLower(method), Method: method, Path: path, Hidden: true}
		huma.Register(api, op, func(context.Context, *none) (*none, error) {
			return nil, huma.ErrorWithHeaders(refuse(http.StatusMethodNotAllowed, "(%s) Not Allowed", method), http.Header{"Allow": {has}})
		})
	}
}

func registerHealth(api huma.API, s *Service) {
	type none struct{}
	tags := []string{"utilities"}
	huma.Register(api, huma.Operation{OperationID: "health", Method: http.MethodGet, Path: "/health", Tags: tags,
		Summary: "Tell how the service and those below it are"},
		func(ctx context.Context, _ *none) (*output[Health], error) {
			return &output[Health]{s.Health(ctx)}, nil
		})
	for path, summary := range map[string]string{"/liveness": "Tell that the service runs", "/readiness": "Tell that the service can work"} {
		huma.Register(api, huma.Operation{OperationID: strings.TrimPrefix(path, "/"), Method: http.MethodGet, Path: path, Tags: tags,
			Summary: summary, DefaultStatus: http.StatusNoContent},
			func(ctx context.Context, _ *none) (*none, error) {
				if h := path; h == "/readiness" {
					if health := s.Health(ctx); health.Readiness != "Ready" {
						return nil, refuse(http.StatusServiceUnavailable, "%s: %s, %s", health.Readiness, health.HSM, health.PCS)
					}
				}
				return nil, nil
			})
	}
	for _, path := range []string{"/health", "/liveness", "/readiness"} {
		refuseOthers(api, path, http.MethodGet)
	}
}
