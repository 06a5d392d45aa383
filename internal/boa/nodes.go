package boa

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/bos/bootset"
)

// chosen are the nodes of a boot set; left are those that it names too, by the
// reason why they are let be.
type chosen struct {
	nodes []string
	left  map[string][]string
	none  string // why there are neither, empty if there are
}

// choose returns the nodes that the boot set names and the limit leaves. HSM
// says which of them are there.
func (a *Agent) choose(ctx context.Context, b *bootset.BootSet) (chosen, error) {
	all, err := a.Inventory.Nodes(ctx, nil)
	if err != nil {
		return chosen{}, fmt.Errorf("ask HSM for nodes: %w", err)
	}
	known := make(map[string]Node, len(all))
	roles := map[string][]string{}
	for _, n := range all {
		known[n.ID] = n
		roles[n.Role] = append(roles[n.Role], n.ID)
	}
	groups, err := a.Inventory.Groups(ctx)
	if err != nil {
		return chosen{}, fmt.Errorf("ask HSM for groups: %w", err)
	}
	named := map[string]bool{}
	var unknown []string
	for _, n := range b.NodeList {
		named[n] = true
	}
	for _, list := range []struct {
		what  string
		names []string
		of    map[string][]string
	}{{"group", b.NodeGroups, groups}, {"role", b.NodeRolesGroups, roles}} {
		for _, name := range list.names {
			members, is := list.of[name]
			if !is {
				unknown = append(unknown, list.what+" "+name)
				a.say("HSM has no node of %s %s", list.what, name)
			}
			for _, n := range bootset.Canonical(members) {
				named[n] = true
			}
		}
	}
	limited, err := a.limited(ctx, named, roles, groups)
	if err != nil {
		return chosen{}, err
	}
	c := sorted(limited, known)
	if len(limited) == 0 {
		c.none = noNode(len(named), a.Order.Limit, unknown)
	}
	return c, nil
}

// noNode says why a boot set has no node: it names so many, the limit leaves
// none of them, and of these groups and roles HSM has none.
func noNode(named int, limit string, unknown []string) string {
	switch {
	case named > 0:
		return fmt.Sprintf("no node is in the boot set: the limit '%s' leaves none of the %d that it names", limit, named)
	case len(unknown) > 0:
		return "no node is in the boot set: HSM has none of " + strings.Join(unknown, ", ")
	}
	return "no node is in the boot set: the groups and roles that it names are empty"
}

func (a *Agent) limited(ctx context.Context, nodes map[string]bool, roles, groups map[string][]string) (map[string]bool, error) {
	if a.Order.Limit == "" {
		return nodes, nil
	}
	partitions, err := a.Inventory.Partitions(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask HSM for partitions: %w", err)
	}
	return bootset.Limit(a.Order.Limit, nodes, func(name string) ([]string, bool) {
		for _, of := range []map[string][]string{roles, partitions, groups} {
			if members, is := of[name]; is {
				return bootset.Canonical(members), true
			}
		}
		return nil, false
	})
}

// sorted takes out the nodes that cannot be worked on.
func sorted(named map[string]bool, known map[string]Node) chosen {
	c := chosen{left: map[string][]string{}}
	for id := range named {
		n, is := known[id]
		switch {
		case !is:
			c.left["HSM does not know the node"] = append(c.left["HSM does not know the node"], id)
		case !n.Enabled:
			c.left["the node is disabled in HSM"] = append(c.left["the node is disabled in HSM"], id)
		case n.State == stateEmpty:
			c.left["HSM says that the node's place is empty"] = append(c.left["HSM says that the node's place is empty"], id)
		default:
			c.nodes = append(c.nodes, id)
		}
	}
	slices.Sort(c.nodes)
	return c
}
