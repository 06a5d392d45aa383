package ims

import (
	"context"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// BuildNode is a node outside that jobs of its architecture could run on.
type BuildNode struct {
	Xname string `json:"xname" minLength:"1" example:"x3000c1s10b1n0" doc:"Name of the node"`
}

// BuildNodeStatus is what is known of such a node.
type BuildNodeStatus struct {
	Xname  string `json:"xname" minLength:"1" example:"x3000c1s10b1n0" doc:"Name of the node"`
	Arch   string `json:"nodeArch" doc:"Architecture of the node"`
	Jobs   int    `json:"numCurrentJobs" doc:"Jobs that run on the node"`
	Podman string `json:"podmanStatus" doc:"What is known of its container engine"`
	SSH    string `json:"sshStatus" doc:"What is known of SSH to the node"`
	Able   bool   `json:"ableToRunJobs" doc:"Whether the node can run jobs"`
}

func (s *Service) buildNodeTable() *store.Table[BuildNode] {
	return store.NewTable(s.cfg.DB, store.Spec[BuildNode]{Name: "ims_remote_build_nodes", Kind: "Remote build node",
		Key: func(n *BuildNode) string { return n.Xname }})
}

// status of a node: jobs run where the server runs, those of another
// architecture by emulation, and never on a node.
func (n BuildNode) status() BuildNodeStatus {
	return BuildNodeStatus{Xname: n.Xname, Arch: "unknown", Podman: "not asked", SSH: "not asked: jobs run where the server runs"}
}

// AddBuildNode adds a node; one that is there already is a conflict.
func (s *Service) AddBuildNode(ctx context.Context, n BuildNode) (BuildNode, error) {
	name := xname.Normalize(n.Xname)
	if !xname.IsNode(name) {
		return n, fault.New(fault.Invalid, "'%s' is no node: expected such as x3000c1s10b1n0 - 'xname'", n.Xname)
	}
	n.Xname = name
	return n, s.buildNodes.Insert(ctx, n)
}

// BuildNode returns the node of the name.
func (s *Service) BuildNode(ctx context.Context, name string) (BuildNode, error) {
	return s.buildNodes.Get(ctx, xname.Normalize(name))
}

// BuildNodes returns all nodes.
func (s *Service) BuildNodes(ctx context.Context) ([]BuildNode, error) {
	all, err := s.buildNodes.List(ctx, store.Query{})
	return append([]BuildNode{}, all...), err
}

// DeleteBuildNode removes the node.
func (s *Service) DeleteBuildNode(ctx context.Context, name string) error {
	gone, err := s.buildNodes.Delete(ctx, xname.Normalize(name))
	if err == nil && len(gone) == 0 {
		err = fault.New(fault.NotFound, "Remote build node '%s' does not exist", name)
	}
	return err
}

// DeleteBuildNodes removes all nodes.
func (s *Service) DeleteBuildNodes(ctx context.Context) error {
	all, err := s.BuildNodes(ctx)
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Xname
	}
	if err == nil && len(names) > 0 {
		_, err = s.buildNodes.Delete(ctx, names...)
	}
	return err
}
