package ims

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

func registerImages(api huma.API, s *Service, v version) {
	tags := []string{"images"}
	registerShelf(api, &s.images, v, resource{path: "images", id: "image_id", deletedID: "deleted_image_id",
		one: "image", all: "images"})
	httpapi.Handle(api, op(v, "create-images", http.MethodPost, "/images", "Register an image", tags),
		func(ctx context.Context, in *bodyIn[NewImage]) (*bodyOut[Image], error) {
			i, err := s.CreateImage(ctx, in.Body)
			return &bodyOut[Image]{i}, err
		})
	httpapi.Handle(api, op(v, "update-images", http.MethodPatch, "/images/{image_id}", "Change an image", tags),
		func(ctx context.Context, in *byIDBodyIn[ImagePatch]) (*bodyOut[Image], error) {
			i, err := s.PatchImage(ctx, in.id, in.Body)
			return &bodyOut[Image]{i}, err
		})
}

func registerRecipes(api huma.API, s *Service, v version) {
	tags := []string{"recipes"}
	registerShelf(api, &s.recipes, v, resource{path: "recipes", id: "recipe_id", deletedID: "recipe_id",
		one: "recipe", all: "recipes"})
	httpapi.Handle(api, op(v, "create-recipes", http.MethodPost, "/recipes", "Register a recipe", tags),
		func(ctx context.Context, in *bodyIn[NewRecipe]) (*bodyOut[Recipe], error) {
			r, err := s.CreateRecipe(ctx, in.Body)
			return &bodyOut[Recipe]{r}, err
		})
	httpapi.Handle(api, op(v, "update-recipes", http.MethodPatch, "/recipes/{recipe_id}", "Change a recipe", tags),
		func(ctx context.Context, in *byIDBodyIn[RecipePatch]) (*bodyOut[Recipe], error) {
			r, err := s.PatchRecipe(ctx, in.id, in.Body)
			return &bodyOut[Recipe]{r}, err
		})
}

func registerPublicKeys(api huma.API, s *Service, v version) {
	registerShelf(api, &s.keys, v, resource{path: "public-keys", id: "public_key_id", deletedID: "deleted_public_key_id",
		one: "public key", all: "public keys"})
	httpapi.Handle(api, op(v, "create-public-keys", http.MethodPost, "/public-keys", "Register a public key", []string{"public keys"}),
		func(ctx context.Context, in *bodyIn[NewPublicKey]) (*bodyOut[PublicKey], error) {
			if err := onlyOwnKey(ctx, in.Body.Name); err != nil {
				return nil, err
			}
			k, err := s.CreatePublicKey(ctx, in.Body)
			return &bodyOut[PublicKey]{k}, err
		})
}

type versionOut struct {
	Body struct {
		Version string `json:"version" doc:"Version of the service"`
	}
}

type healthOut struct {
	Body struct {
		Status string `json:"status" enum:"ok" doc:"That it is; a service that is not answers with a problem"`
	}
}

// Version is the version of the published interface that this service follows.
const Version = "3.33.0"

func registerService(api huma.API, s *Service) {
	tags := []string{"service", "cli_ignore"}
	httpapi.Handle(api, huma.Operation{OperationID: "version", Method: http.MethodGet, Path: "/version",
		Summary: "Tell the version of the service", Tags: []string{"version", "cli_hidden"}},
		func(context.Context, *struct{}) (*versionOut, error) {
			out := &versionOut{}
			out.Body.Version = Version
			return out, nil
		})
	for _, state := range []string{"live", "ready"} {
		httpapi.Handle(api, huma.Operation{OperationID: "healthz-" + state, Method: http.MethodGet, Path: "/healthz/" + state,
			Summary: "Tell whether the service is " + state, Tags: tags, DefaultStatus: http.StatusOK},
			func(ctx context.Context, _ *struct{}) (*healthOut, error) {
				out := &healthOut{}
				out.Body.Status = "ok"
				return out, s.cfg.DB.Ping(ctx)
			})
	}
}

// TransformSchema implements huma.SchemaTransformer: an image without a manifest
// has none.
func (Link) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema { return httpapi.Nullable(s) }
