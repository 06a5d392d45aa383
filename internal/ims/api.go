package ims

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// Register adds the operations to api; s may be nil when only their
// description is wanted. The root has the routes of /v2.
func Register(api huma.API, s *Service) {
	if s == nil {
		s = &Service{}
	}
	for _, v := range []version{{path: "/v3", name: "v3", soft: true}, {path: "/v2", name: "v2"}, {path: "", name: "root"}} {
		registerImages(api, s, v)
		registerRecipes(api, s, v)
		registerPublicKeys(api, s, v)
		registerJobs(api, s, v)
	}
	for _, v := range []version{{path: "/v3", name: "v3"}, {path: "", name: "root"}} {
		registerBuildNodes(api, s, v)
	}
	registerService(api, s)
}

// version is one of the places at which the records can be reached.
type version struct {
	path, name string
	// soft has deletions be undoable.
	soft bool
}

// resource names one kind of records in routes and texts.
type resource struct {
	path          string // segment, such as public-keys
	id, deletedID string // names of the IDs in the routes
	one, all      string // such as "public key", "public keys"
}

type (
	// byID takes the ID from the route's one parameter, whatever its name.
	byID           struct{ id string }
	bodyIn[B any]  struct{ Body B }
	bodyOut[B any] struct{ Body B }

	byIDBodyIn[B any] struct {
		byID
		Body B
	}
	cascading struct {
		Cascade bool `query:"cascade" default:"true" doc:"Whether to delete the objects in S3 too"`
	}
	byIDCascading struct {
		byID
		Cascade bool `query:"cascade" default:"true" doc:"Whether to delete the objects in S3 too"`
	}
	undelete struct {
		Operation string `json:"operation" enum:"undelete" doc:"What to do"`
	}
)

// Resolve implements huma.Resolver.
func (b *byID) Resolve(ctx huma.Context) []error {
	b.id = ctx.Param(parameter(ctx.Operation().Path))
	return nil
}

// parameter is the name of the route's parameter, empty if it has none.
func parameter(route string) string {
	_, rest, _ := strings.Cut(route, "{")
	name, _, _ := strings.Cut(rest, "}")
	return name
}

func op(v version, id, method, path, summary string, tags []string) huma.Operation {
	o := huma.Operation{OperationID: id + "-" + v.name, Method: method, Path: v.path + path, Summary: summary,
		Tags: append([]string{v.name}, tags...)}
	if name := parameter(path); name != "" {
		o.Parameters = []*huma.Param{{Name: name, In: "path", Required: true, Description: "ID of the record",
			Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	switch method {
	case http.MethodPost:
		o.DefaultStatus = http.StatusCreated
	case http.MethodDelete:
		o.DefaultStatus = http.StatusNoContent
	default:
		o.DefaultStatus = http.StatusOK
	}
	return o
}

// registerShelf adds the operations that are the same for each kind of record:
// list, describe, delete, and in v3 those of the deleted ones.
func registerShelf[T, D any](api huma.API, s *shelf[T, D], v version, r resource) {
	tags := []string{r.all}
	one := "/" + r.path + "/{" + r.id + "}"
	httpapi.Handle(api, op(v, "list-"+r.path, http.MethodGet, "/"+r.path, "List all "+r.all, tags),
		func(ctx context.Context, _ *struct{}) (*bodyOut[[]T], error) {
			all, err := s.list(ctx)
			return &bodyOut[[]T]{all}, err
		})
	httpapi.Handle(api, op(v, "get-"+r.path, http.MethodGet, one, "Describe a "+r.one, tags),
		func(ctx context.Context, in *byID) (*bodyOut[T], error) {
			record, err := s.get(ctx, in.id)
			return &bodyOut[T]{record}, err
		})
	if v.soft {
		registerSoftDelete(api, s, v, r)
		registerDeleted(api, s, v, r)
		return
	}
	httpapi.Handle(api, op(v, "delete-"+r.path, http.MethodDelete, one, "Delete a "+r.one+" for good", tags),
		func(ctx context.Context, in *byIDCascading) (*struct{}, error) {
			return nil, s.hardDelete(ctx, in.id, in.Cascade)
		})
	httpapi.Handle(api, op(v, "delete-all-"+r.path, http.MethodDelete, "/"+r.path, "Delete all "+r.all+" for good", tags),
		func(ctx context.Context, in *cascading) (*struct{}, error) {
			return nil, s.forAll(ctx, func(ctx context.Context, id string) error { return s.hardDelete(ctx, id, in.Cascade) })
		})
}

func registerSoftDelete[T, D any](api huma.API, s *shelf[T, D], v version, r resource) {
	tags := []string{r.all}
	httpapi.Handle(api, op(v, "delete-"+r.path, http.MethodDelete, "/"+r.path+"/{"+r.id+"}", "Delete a "+r.one, tags),
		func(ctx context.Context, in *byID) (*struct{}, error) {
			if s.may != nil {
				record, err := s.get(ctx, in.id)
				if err == nil {
					err = s.may(ctx, &record)
				}
				if err != nil {
					return nil, err
				}
			}
			return nil, s.softDelete(ctx, in.id)
		})
	httpapi.Handle(api, op(v, "delete-all-"+r.path, http.MethodDelete, "/"+r.path, "Delete all "+r.all, tags),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			return nil, s.forAll(ctx, s.softDelete)
		})
}

func registerDeleted[T, D any](api huma.API, s *shelf[T, D], v version, r resource) {
	tags := []string{r.all}
	all := "/deleted/" + r.path
	one := all + "/{" + r.deletedID + "}"
	httpapi.Handle(api, op(v, "list-deleted-"+r.path, http.MethodGet, all, "List all deleted "+r.all, tags),
		func(ctx context.Context, _ *struct{}) (*bodyOut[[]D], error) {
			list, err := s.listDeleted(ctx)
			return &bodyOut[[]D]{list}, err
		})
	httpapi.Handle(api, op(v, "get-deleted-"+r.path, http.MethodGet, one, "Describe a deleted "+r.one, tags),
		func(ctx context.Context, in *byID) (*bodyOut[D], error) {
			record, err := s.getDeleted(ctx, in.id)
			return &bodyOut[D]{record}, err
		})
	restore := op(v, "undelete-"+r.path, http.MethodPatch, one, "Undo the deletion of a "+r.one, tags)
	restore.DefaultStatus = http.StatusNoContent
	httpapi.Handle(api, restore,
		func(ctx context.Context, in *byIDBodyIn[undelete]) (*struct{}, error) {
			return nil, s.undelete(ctx, in.id)
		})
	restoreAll := op(v, "undelete-all-"+r.path, http.MethodPatch, all, "Undo the deletion of all "+r.all, tags)
	restoreAll.DefaultStatus = http.StatusNoContent
	httpapi.Handle(api, restoreAll,
		func(ctx context.Context, _ *bodyIn[undelete]) (*struct{}, error) {
			return nil, s.forAllDeleted(ctx, s.undelete)
		})
	httpapi.Handle(api, op(v, "purge-"+r.path, http.MethodDelete, one, "Delete a deleted "+r.one+" for good", tags),
		func(ctx context.Context, in *byID) (*struct{}, error) {
			return nil, s.purge(ctx, in.id)
		})
	httpapi.Handle(api, op(v, "purge-all-"+r.path, http.MethodDelete, all, "Delete all deleted "+r.all+" for good", tags),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			return nil, s.forAllDeleted(ctx, s.purge)
		})
}
