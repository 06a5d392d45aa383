package selection

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
)

// Templates are those of BOS, with what belongs to tenants.
type Templates interface {
	Template(ctx context.Context, name, tenant string) (bos.Template, error)
	// OwnedNodes are the nodes of the tenant; nil for no tenant.
	OwnedNodes(ctx context.Context, tenant string) (map[string]bool, error)
}

// Selector works out what sessions want of which nodes.
type Selector struct {
	Templates Templates
	Inventory *Inventory
	Objects   bos.Objects
	Options   bos.Options
	// Note is told why a node is left out; nil is nobody.
	Note func(s *bos.Session, node, why string)
	Log  *slog.Logger
}

// Selection is what a session wants of which nodes, and who is left out.
type Selection struct {
	Targets map[string]bos.Target
	LeftOut []bos.LeftOut // by name
}

// Select works it out for one session. With an error, which is of a template, an image or a
// service, those that are left out are told as far as that came.
func (s *Selector) Select(ctx context.Context, session *bos.Session) (Selection, error) {
	p := &selecting{Selector: s, session: session, left: map[string]string{}}
	targets, err := p.all(ctx)
	return Selection{Targets: targets, LeftOut: p.leftOut()}, err
}

// selecting is the work on one session.
type selecting struct {
	*Selector
	session *bos.Session
	owned   map[string]bool     // the tenant's nodes; nil: all
	only    []string            // nodes that the limit names one by one; nil: it says it otherwise
	some    map[string][]string // those by role; nil: HSM was not asked yet
	left    map[string]string   // why, by node or by name of the limit
}

func (p *selecting) all(ctx context.Context) (map[string]bos.Target, error) {
	t, err := p.Templates.Template(ctx, p.session.TemplateName, p.session.Tenant)
	if err != nil {
		return nil, err
	}
	if p.owned, err = p.Templates.OwnedNodes(ctx, p.session.Tenant); err != nil {
		return nil, err
	}
	p.only, _ = bootset.LimitNodes(p.session.Limit)
	targets := map[string]bos.Target{}
	for i := range t.BootSets {
		b := &t.BootSets[i]
		nodes, err := p.nodes(ctx, &b.BootSet)
		if err != nil {
			return nil, fmt.Errorf("boot set '%s': %w", b.Name, err)
		}
		if len(nodes) == 0 {
			p.Log.Info("boot set selects no node", "session", p.session.Name, "boot set", b.Name)
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
func (p *selecting) leftOut() (out []bos.LeftOut) {
	for _, n := range slices.Sorted(maps.Keys(p.left)) {
		out = append(out, bos.LeftOut{Name: n, Reason: p.left[n]})
	}
	return out
}

func (p *selecting) target(ctx context.Context, t *bos.Template, b *bootset.BootSet) (bos.Target, error) {
	if p.session.Operation == bos.OperationShutdown {
		return bos.Target{}, nil
	}
	img, err := bootset.LoadImage(ctx, b, p.Objects)
	if err != nil {
		return bos.Target{}, err
	}
	if b.RootfsProvider == bootset.ProviderCPS {
		return bos.Target{}, fault.New(fault.Invalid, "rootfs_provider '%s' is for sessions of BOS v1: expected none or sbps", b.RootfsProvider)
	}
	a, err := bootset.Compose(ctx, b, img, "bos_update_frequency="+p.Options.ComponentActualStateTTL, p.Objects)
	return bos.Target{Artifacts: a, Configuration: t.Configuration(b)}, err
}

// nodes are those that the boot set names, less those that the session's
// limit, locks, the tenant, the architecture and disabling take away.
func (p *selecting) nodes(ctx context.Context, b *bootset.BootSet) (map[string]bool, error) {
	nodes, err := p.named(ctx, b)
	if err != nil {
		return nil, err
	}
	if nodes, err = p.limit(ctx, nodes); err != nil {
		return nil, err
	}
	locked, err := p.Inventory.Locked(ctx)
	if err != nil {
		return nil, err
	}
	for n := range nodes {
		switch {
		case p.owned != nil && !p.owned[n]: // of which the tenant learns nothing
			delete(nodes, n)
		case locked[n]:
			p.leaveOut(nodes, n, "it is locked in HSM")
		}
	}
	return nodes, p.dropUnfit(ctx, b, nodes)
}

func (p *selecting) named(ctx context.Context, b *bootset.BootSet) (map[string]bool, error) {
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
	}{{"group", b.NodeGroups, p.Inventory.Groups}, {"role", b.NodeRolesGroups, p.roles}} {
		if len(kind.names) == 0 {
			continue
		}
		all, err := kind.ask(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range kind.names {
			members, known := all[name]
			if !known && (kind.what != "role" || p.only == nil) { // of some nodes only some roles are known
				p.Log.Warn("HSM does not know the "+kind.what, "session", p.session.Name, kind.what, name)
			}
			for _, n := range members {
				nodes[n] = true
			}
		}
	}
	return nodes, nil
}

// roles are the nodes by role; where the limit names nodes, those of them alone, for which HSM is not
// asked for all.
func (p *selecting) roles(ctx context.Context) (map[string][]string, error) {
	if p.only == nil {
		return p.Inventory.Roles(ctx)
	}
	return p.Inventory.load(ctx, &p.some, p.Inventory.rolesOf(p.only))
}

func (p *selecting) limit(ctx context.Context, nodes map[string]bool) (map[string]bool, error) {
	expr := p.session.Limit
	if expr == "" || expr == "*" || expr == "all" {
		return nodes, nil
	}
	var failed error
	selected, err := bootset.Limit(expr, nodes, func(name string) ([]string, bool) {
		for _, ask := range []func(context.Context) (map[string][]string, error){
			p.roles, p.Inventory.Partitions, p.Inventory.Groups} {
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
func (p *selecting) dropUnfit(ctx context.Context, b *bootset.BootSet, nodes map[string]bool) error {
	if len(nodes) == 0 {
		return nil
	}
	found, err := p.Inventory.from.Nodes(ctx, slices.Sorted(maps.Keys(nodes)))
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
func (p *selecting) notAsked(name string, nodes map[string]bool) {
	if id := bootset.Canonical([]string{name})[0]; !nodes[id] {
		p.left[id] = "the limit names it, and it is no node of the boot sets and no group, role or partition"
	}
}

func (p *selecting) leaveOut(nodes map[string]bool, id, why string) {
	delete(nodes, id)
	p.left[id] = why
	if p.Note != nil {
		p.Note(p.session, id, why)
	}
}
