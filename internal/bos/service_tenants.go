package bos

import (
	"context"

	"github.com/drover-hpc/drover/internal/fault"
)

// ownership is the set of nodes that a tenant owns; nil is all nodes.
type ownership map[string]bool

// owned asks whom the nodes belong to. An unknown tenant is a fault.Invalid.
func (s *Service) owned(ctx context.Context, tenant string) (ownership, error) {
	if tenant == "" {
		return nil, nil
	}
	var nodes []string
	err := error(fault.New(fault.NotFound, "there are no tenants"))
	if s.Tenants != nil {
		nodes, err = s.Tenants.Nodes(ctx, tenant)
	}
	if fault.Is(err, fault.NotFound) {
		return nil, fault.Titled(fault.Invalid, "Invalid tenant", "Data not found for tenant %s", tenant)
	}
	if err != nil {
		return nil, err
	}
	out := make(ownership, len(nodes))
	for _, n := range nodes {
		out[n] = true
	}
	return out, nil
}

// restrict keeps those of ids that are owned; ids == nil stands for all.
func (o ownership) restrict(ids []string) []string {
	if o == nil {
		return ids
	}
	out := []string{}
	if ids == nil {
		for id := range o {
			out = append(out, id)
		}
		return out
	}
	for _, id := range ids {
		if o[id] {
			out = append(out, id)
		}
	}
	return out
}

// mustOwn answers for nodes of others as if they did not exist.
func (s *Service) mustOwn(ctx context.Context, tenant string, ids ...string) error {
	owned, err := s.owned(ctx, tenant)
	if err != nil {
		return err
	}
	if mine := owned.restrict(ids); len(mine) < len(ids) {
		return notFound("Component", tenant, firstMissing(ids, mine))
	}
	return nil
}

// mustExist refuses a tenant that TAPMS does not know.
func (s *Service) mustExist(ctx context.Context, tenant string) error {
	_, err := s.owned(ctx, tenant)
	if fault.Is(err, fault.Invalid) {
		return fault.Titled(fault.Invalid, "Invalid tenant", "The provided tenant does not exist")
	}
	return err
}

// OwnedNodes returns the nodes of the tenant; nil for no tenant.
func (s *Service) OwnedNodes(ctx context.Context, tenant string) (map[string]bool, error) {
	return s.owned(ctx, tenant)
}
