package bootset

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/drover-hpc/drover/internal/xname"
)

var nidItem = regexp.MustCompile(`^[&!]*nid`)

// LimitHasNIDs reports whether an item of the limit looks like a node number.
func LimitHasNIDs(limit string) bool {
	for _, item := range strings.Split(limit, ",") {
		if nidItem.MatchString(item) {
			return true
		}
	}
	return false
}

// LimitNodes are the nodes, in their canonical form, of a limit that does nothing but add nodes by their
// xnames; ok is false for any other limit.
func LimitNodes(limit string) (ids []string, ok bool) {
	for item := range strings.SplitSeq(limit, ",") {
		if !xname.IsNode(item) {
			return nil, false
		}
		ids = append(ids, item)
	}
	return Canonical(ids), true
}

// Limit returns those of nodes that the expression selects. Its items are read
// from the left: a name adds, "&name" intersects, "!name" removes, starting
// from nothing. A name is "all" or "*", something that members knows (a role,
// partition or group), or a node. Empty items count for nothing; an empty
// expression is no limit.
func Limit(expr string, nodes map[string]bool, members func(name string) ([]string, bool)) (map[string]bool, error) {
	if expr == "" {
		return nodes, nil
	}
	selected := map[string]bool{}
	for _, item := range strings.Split(expr, ",") {
		name := strings.TrimLeft(item, "&!")
		if item == "" {
			continue
		}
		if name == "" || len(item)-len(name) > 1 {
			return nil, fmt.Errorf("limit %q: %q is no name with at most one of & and ! before it", expr, item)
		}
		of := resolve(name, nodes, members)
		switch item[0] {
		case '&':
			for n := range selected {
				if !of[n] {
					delete(selected, n)
				}
			}
		case '!':
			for n := range of {
				delete(selected, n)
			}
		default:
			for n := range of {
				selected[n] = true
			}
		}
	}
	for n := range selected {
		if !nodes[n] {
			delete(selected, n)
		}
	}
	return selected, nil
}

func resolve(name string, nodes map[string]bool, members func(string) ([]string, bool)) map[string]bool {
	if name == "all" || name == "*" {
		return nodes
	}
	list, known := members(name)
	if !known {
		list = Canonical([]string{name})
	}
	out := make(map[string]bool, len(list))
	for _, n := range list {
		out[n] = true
	}
	return out
}
