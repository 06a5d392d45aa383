package operators

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
)

// inventory is HSM as the sessions of one pass see it, each part asked for
// once and only if needed.
type inventory struct {
	from bos.Inventory

	mu                        sync.Mutex
	groups, partitions, roles map[string][]string
	locked                    map[string]bool
}

func (i *inventory) load(ctx context.Context, to *map[string][]string, ask func(context.Context) (map[string][]string, error)) (map[string][]string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if *to != nil {
		return *to, nil
	}
	found, err := ask(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask HSM: %w", err)
	}
	for name, members := range found {
		found[name] = bootset.Canonical(members)
	}
	*to = found
	return found, nil
}

func (i *inventory) Groups(ctx context.Context) (map[string][]string, error) {
	return i.load(ctx, &i.groups, i.from.Groups)
}

func (i *inventory) Partitions(ctx context.Context) (map[string][]string, error) {
	return i.load(ctx, &i.partitions, i.from.Partitions)
}

// Roles are the nodes by Role and by Role_SubRole.
func (i *inventory) Roles(ctx context.Context) (map[string][]string, error) {
	return i.load(ctx, &i.roles, func(ctx context.Context) (map[string][]string, error) {
		nodes, err := i.from.Nodes(ctx, nil)
		out := map[string][]string{}
		for _, n := range nodes {
			if n.Role != "" {
				out[n.Role] = append(out[n.Role], n.ID)
			}
			if n.SubRole != "" {
				out[n.Role+"_"+n.SubRole] = append(out[n.Role+"_"+n.SubRole], n.ID)
			}
		}
		return out, err
	})
}

func (i *inventory) Locked(ctx context.Context) (map[string]bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.locked == nil {
		found, err := i.from.Locked(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask HSM for locked nodes: %w", err)
		}
		i.locked = map[string]bool{}
		for _, n := range found {
			i.locked[n] = true
		}
	}
	return i.locked, nil
}

// planner works out what a session wants of which nodes.
type planner struct {
	*setup
	options bos.Options
	session *bos.Session
	hsm     *inventory
	owned   map[string]bool   // the tenant's nodes; nil: all
	left    map[string]string // why, by node or by name of the limit
}

func (p *planner) plan(ctx context.Context) (map[string]bos.Target, error) {
	t, err := p.sessions.Template(ctx, p.session.TemplateName, p.session.Tenant)
	if err != nil {
		return nil, err
	}
	if p.owned, err = p.sessions.OwnedNodes(ctx, p.session.Tenant); err != nil {
		return nil, err
	}
	targets := map[string]bos.Target{}
	for i := range t.BootSets {
		b := &t.BootSets[i]
		nodes, err := p.nodes(ctx, &b.BootSet)
		if err != nil {
			return nil, fmt.Errorf("boot set '%s': %w", b.Name, err)
		}
		if len(nodes) == 0 {
			p.log.Info("boot set selects no node", "session", p.session.Name, "boot set", b.Name)
			continue
		}
		target, err := p.target(ctx, &t, &b.BootSet)
		if err != nil {
			return nil, fmt.Errorf("boot set '%s': %w", b.Name, err)
		}
		for n := range nodes {
			targets[n] = target
		}
	}
	for n := range targets { // another boot set has it
		delete(p.left, n)
	}
	return targets, nil
}

// leftOut lists them by name.
func (p *planner) leftOut() (out []bos.LeftOut) {
	for _, n := range slices.Sorted(maps.Keys(p.left)) {
		out = append(out, bos.LeftOut{Name: n, Reason: p.left[n]})
	}
	return out
}

func (p *planner) target(ctx context.Context, t *bos.Template, b *bootset.BootSet) (bos.Target, error) {
	if p.session.Operation == bos.OperationShutdown {
		return bos.Target{}, nil
	}
	img, err := bootset.LoadImage(ctx, b, p.objects)
	if err != nil {
		return bos.Target{}, err
	}
	if b.RootfsProvider == bootset.ProviderCPS {
		return bos.Target{}, fault.New(fault.Invalid, "rootfs_provider '%s' is for sessions of BOS v1: expected none or sbps", b.RootfsProvider)
	}
	a, err := bootset.Compose(ctx, b, img, "bos_update_frequency="+p.options.ComponentActualStateTTL, p.objects)
	return bos.Target{Artifacts: a, Configuration: t.Configuration(b)}, err
}

// nodes are those that the boot set names, less those that the session's
// limit, locks, the tenant, the architecture and disabling take away.
func (p *planner) nodes(ctx context.Context, b *bootset.BootSet) (map[string]bool, error) {
	nodes, err := p.named(ctx, b)
	if err != nil {
		return nil, err
	}
	if nodes, err = p.limit(ctx, nodes); err != nil {
		return nil, err
	}
	locked, err := p.hsm.Locked(ctx)
	if err != nil {
		return nil, err
	}
	for n := range nodes {
		if locked[n] {
			p.leaveOut(nodes, n, "it is locked in HSM")
		} else if p.owned != nil && !p.owned[n] {
			delete(nodes, n)
		}
	}
	return nodes, p.dropUnfit(ctx, b, nodes)
}

func (p *planner) named(ctx context.Context, b *bootset.BootSet) (map[string]bool, error) {
	nodes := map[string]bool{}
	var foreign []string
	for _, n := range b.NodeList {
		nodes[n] = true
		if p.owned != nil && !p.owned[n] {
			foreign = append(foreign, n)
		}
	}
	if len(foreign) > 0 {
		return nil, fault.New(fault.Invalid, "The session template includes nodes which do not exist or are not available to this tenant: %s",
			strings.Join(foreign, ","))
	}
	for _, kind := range []struct {
		what  string
		names []string
		ask   func(context.Context) (map[string][]string, error)
	}{{"group", b.NodeGroups, p.hsm.Groups}, {"role", b.NodeRolesGroups, p.hsm.Roles}} {
		if len(kind.names) == 0 {
			continue
		}
		all, err := kind.ask(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range kind.names {
			members, known := all[name]
			if !known {
				p.log.Warn("HSM does not know the "+kind.what, "session", p.session.Name, kind.what, name)
			}
			for _, n := range members {
				nodes[n] = true
			}
		}
	}
	return nodes, nil
}

func (p *planner) limit(ctx context.Context, nodes map[string]bool) (map[string]bool, error) {
	expr := p.session.Limit
	if expr == "" || expr == "*" || expr == "all" {
		return nodes, nil
	}
	var failed error
	selected, err := bootset.Limit(expr, nodes, func(name string) ([]string, bool) {
		for _, ask := range []func(context.Context) (map[string][]string, error){
			p.hsm.Roles, p.hsm.Partitions, p.hsm.Groups} {
			all, err := ask(ctx)
			if err != nil {
				failed = err
				return nil, true
			}
			if members, known := all[name]; known {
				return members, true
			}
		}
		p.notAsked(name, nodes)
		return nil, false
	})
	if failed != nil {
		return nil, failed
	}
	return selected, err
}

// dropUnfit takes away nodes of another architecture, nodes that are disabled,
// and names that HSM does not know.
func (p *planner) dropUnfit(ctx context.Context, b *bootset.BootSet, nodes map[string]bool) error {
	if len(nodes) == 0 {
		return nil
	}
	found, err := p.inventory.Nodes(ctx, slices.Sorted(maps.Keys(nodes)))
	if err != nil {
		return fmt.Errorf("ask HSM for nodes: %w", err)
	}
	known := make(map[string]bool, len(found))
	for _, n := range found {
		known[n.ID] = true
		switch {
		case !fits(b.Arch, n.Arch):
			p.leaveOut(nodes, n.ID, fmt.Sprintf("its architecture is %s, the boot set's is %s", n.Arch, b.Arch))
		case !n.Enabled && !p.session.IncludeDisabled:
			p.leaveOut(nodes, n.ID, "it is disabled in HSM")
		}
	}
	for n := range nodes {
		if !known[n] {
			p.leaveOut(nodes, n, "HSM does not know it")
		}
	}
	return nil
}

// fits compares architectures; a node of which it is not known counts as X86.
func fits(want, have string) bool {
	if have == "" || strings.EqualFold(have, "unknown") {
		return want == "X86" || want == "Unknown"
	}
	return want == have
}

// notAsked notes a name of the limit that is no node of the boot set, nor
// anything else that HSM knows.
func (p *planner) notAsked(name string, nodes map[string]bool) {
	if id := bootset.Canonical([]string{name})[0]; !nodes[id] {
		p.left[id] = "the limit names it, and it is no node of the boot sets and no group, role or partition"
	}
}

func (p *planner) leaveOut(nodes map[string]bool, id, why string) {
	delete(nodes, id)
	p.left[id] = why
	p.journal.Note(journal.Entry{Node: id, Source: "bos", Kind: "session", Session: p.session.Name,
		Text: "left out of the session: " + why})
}
