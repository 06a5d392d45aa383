package overview

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/xname"
)

// Filter tells whether a node is wanted.
type Filter func(*roster.Node) bool

// ParseFilter reads FIELD=VALUE or FIELD!=VALUE. Several values stand between commas, of
// which one has to fit; * and ? are wildcards, no value is that there is none. Letters
// may be large or small.
func ParseFilter(text string) (Filter, error) {
	name, value, found := strings.Cut(text, "=")
	if !found {
		return nil, fmt.Errorf("'%s': expected FIELD=VALUE or FIELD!=VALUE", text)
	}
	name, not := strings.CutSuffix(name, "!")
	f, err := fieldNamed(name)
	if err != nil {
		return nil, err
	}
	values := strings.Split(strings.ToLower(value), ",")
	for i, v := range values {
		values[i] = strings.ReplaceAll(v, "/", "\x00") // for path.Match a slash is no character like others
		if _, err := path.Match(values[i], ""); err != nil {
			return nil, fmt.Errorf("'%s': '%s' is no pattern", text, v)
		}
	}
	return func(n *roster.Node) bool {
		is := strings.ReplaceAll(strings.ToLower(f.of(n)), "/", "\x00")
		fits := slices.ContainsFunc(values, func(v string) bool {
			matches, _ := path.Match(v, is) //nolint:errcheck // it was tried above
			return matches
		})
		return fits != not
	}, nil
}

// Keep are the nodes that all filters want.
func Keep(nodes []roster.Node, filters []Filter) []roster.Node {
	if len(filters) == 0 {
		return nodes
	}
	out := []roster.Node{}
	for i := range nodes {
		if !slices.ContainsFunc(filters, func(f Filter) bool { return !f(&nodes[i]) }) {
			out = append(out, nodes[i])
		}
	}
	return out
}

// Order compares nodes.
type Order func(a, b *roster.Node) int

// ParseOrder reads the name of a field, with - before it for the other way round. No name
// is the order of xnames, which also decides between equal ones.
func ParseOrder(text string) (Order, error) {
	name, down := strings.CutPrefix(text, "-")
	f, err := fieldNamed(cmp.Or(name, "xname"))
	if err != nil {
		return nil, err
	}
	return func(a, b *roster.Node) int {
		c := xname.Compare(f.of(a), f.of(b))
		if down {
			c = -c
		}
		return cmp.Or(c, xname.Compare(a.Xname, b.Xname))
	}, nil
}

// Sort puts the nodes in the order.
func Sort(nodes []roster.Node, by Order) {
	slices.SortFunc(nodes, func(a, b roster.Node) int { return by(&a, &b) })
}
