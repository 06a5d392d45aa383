package operators

import (
	"context"
	"fmt"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/fault"
)

// guard knows which nodes must be let be although their session was set up for
// them: they were disabled in HSM since, or are no longer their tenant's. (Of
// locks and reservations PCS takes care.)
type guard struct {
	inventory bos.Inventory
	sessions  sessions
}

// spared are those of the nodes that must not be driven now, and why.
func (g *guard) spared(ctx context.Context, nodes []bos.Component) (map[string]string, error) {
	why := map[string]string{}
	if err := g.disabled(ctx, nodes, why); err != nil {
		return nil, err
	}
	return why, g.foreign(ctx, nodes, why)
}

// disabled adds the nodes that HSM has disabled, unless their session is meant
// for such.
func (g *guard) disabled(ctx context.Context, nodes []bos.Component, why map[string]string) error {
	ids := make([]string, len(nodes))
	owner := make(map[string]sessionName, len(nodes))
	for i := range nodes {
		ids[i] = nodes[i].ID
		owner[ids[i]] = sessionName{nodes[i].Engine.Tenant, nodes[i].Session}
	}
	found, err := g.inventory.Nodes(ctx, ids)
	if err != nil {
		return fmt.Errorf("ask HSM for nodes: %w", err)
	}
	meant := map[sessionName]bool{}
	for _, n := range found {
		if n.Enabled {
			continue
		}
		of := owner[n.ID]
		if _, asked := meant[of]; !asked {
			if meant[of], err = g.meansDisabled(ctx, of); err != nil {
				return err
			}
		}
		if !meant[of] {
			why[n.ID] = "it is disabled in HSM; enable it there, or use a session with include_disabled"
		}
	}
	return nil
}

type sessionName struct{ tenant, name string }

func (g *guard) meansDisabled(ctx context.Context, of sessionName) (bool, error) {
	if of.name == "" {
		return false, nil
	}
	s, err := g.sessions.Session(ctx, of.name, of.tenant)
	if fault.Is(err, fault.NotFound) { // deleted while its nodes were on their way
		return false, nil
	}
	return s.IncludeDisabled, err
}

// foreign adds the nodes of tenants that do not own them any more.
func (g *guard) foreign(ctx context.Context, nodes []bos.Component, why map[string]string) error {
	owned := map[string]map[string]bool{}
	for i := range nodes {
		tenant := nodes[i].Engine.Tenant
		if tenant == "" {
			continue
		}
		if _, asked := owned[tenant]; !asked {
			of, err := g.sessions.OwnedNodes(ctx, tenant)
			if err != nil && !fault.Is(err, fault.Invalid) { // else there is no such tenant any more
				return fmt.Errorf("ask TAPMS for tenant %s: %w", tenant, err)
			}
			owned[tenant] = of
		}
		if !owned[tenant][nodes[i].ID] {
			why[nodes[i].ID] = fmt.Sprintf("it no longer belongs to the tenant '%s' of its session", tenant)
		}
	}
	return nil
}
