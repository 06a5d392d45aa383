package ims

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

func registerBuildNodes(api huma.API, s *Service, v version) {
	tags := []string{"remote build node"}
	const all, one = "/remote-build-nodes", "/remote-build-nodes/{remote_build_node_xname}"
	httpapi.Handle(api, op(v, "list-remote-build-nodes", http.MethodGet, all, "List remote build nodes", tags),
		func(ctx context.Context, _ *struct{}) (*bodyOut[[]BuildNode], error) {
			list, err := s.BuildNodes(ctx)
			return &bodyOut[[]BuildNode]{list}, err
		})
	httpapi.Handle(api, op(v, "create-remote-build-nodes", http.MethodPost, all, "Register a remote build node", tags),
		func(ctx context.Context, in *bodyIn[BuildNode]) (*bodyOut[BuildNode], error) {
			n, err := s.AddBuildNode(ctx, in.Body)
			return &bodyOut[BuildNode]{n}, err
		})
	httpapi.Handle(api, op(v, "delete-all-remote-build-nodes", http.MethodDelete, all, "Delete all remote build nodes", tags),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			return nil, s.DeleteBuildNodes(ctx)
		})
	httpapi.Handle(api, op(v, "get-remote-build-nodes", http.MethodGet, one, "Describe a remote build node", tags),
		func(ctx context.Context, in *byID) (*bodyOut[BuildNode], error) {
			n, err := s.BuildNode(ctx, in.id)
			return &bodyOut[BuildNode]{n}, err
		})
	httpapi.Handle(api, op(v, "delete-remote-build-nodes", http.MethodDelete, one, "Delete a remote build node", tags),
		func(ctx context.Context, in *byID) (*struct{}, error) {
			return nil, s.DeleteBuildNode(ctx, in.id)
		})
	if v.path != "" {
		registerBuildNodeStatus(api, s, v)
	}
}

func registerBuildNodeStatus(api huma.API, s *Service, v version) {
	tags := []string{"remote build node status"}
	const all = "/remote-build-nodes/status"
	httpapi.Handle(api, op(v, "list-remote-build-nodes-status", http.MethodGet, all, "Tell what is known of remote build nodes", tags),
		func(ctx context.Context, _ *struct{}) (*bodyOut[[]BuildNodeStatus], error) {
			list, err := s.BuildNodes(ctx)
			out := make([]BuildNodeStatus, len(list))
			for i, n := range list {
				out[i] = n.status()
			}
			return &bodyOut[[]BuildNodeStatus]{out}, err
		})
	httpapi.Handle(api, op(v, "get-remote-build-nodes-status", http.MethodGet, all+"/{remote_build_node_xname}",
		"Tell what is known of a remote build node", tags),
		func(ctx context.Context, in *byID) (*bodyOut[[]BuildNodeStatus], error) {
			n, err := s.BuildNode(ctx, in.id)
			return &bodyOut[[]BuildNodeStatus]{[]BuildNodeStatus{n.status()}}, err
		})
}
