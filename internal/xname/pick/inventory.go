package pick

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/xname"
)

// Node is what HSM says of a node, as far as names go.
type Node struct {
	ID      string
	NID     *int
	Role    string
	SubRole string
}

// Inventory is what a name may stand for. The nil Inventory is that of nobody
// who was asked: it takes each name for a node of that name.
type Inventory struct {
	ids   []string            // in order
	known map[string]bool     // ids
	below map[string][]string // nodes by what they are in, in order
	nids  map[int]string      // by number
	words map[string][]string // roles, partitions and groups, as a limit of BOS has them
}

// New is the inventory of HSM's nodes, groups and partitions. On equal names
// a role goes before a partition, a partition before a group, as in BOS.
func New(nodes []Node, groups, partitions map[string][]string) *Inventory {
	i := &Inventory{known: map[string]bool{}, below: map[string][]string{}, nids: map[int]string{}, words: map[string][]string{}}
	maps.Copy(i.words, groups)
	maps.Copy(i.words, partitions)
	roles := map[string][]string{}
	for _, n := range nodes {
		i.ids = append(i.ids, n.ID)
		i.known[n.ID] = true
		if n.NID != nil {
			i.nids[*n.NID] = n.ID
		}
		if n.Role != "" {
			roles[n.Role] = append(roles[n.Role], n.ID)
		}
		if n.Role != "" && n.SubRole != "" {
			roles[n.Role+"_"+n.SubRole] = append(roles[n.Role+"_"+n.SubRole], n.ID)
		}
	}
	maps.Copy(i.words, roles)
	slices.Sort(i.ids)
	for _, id := range i.ids {
		for in := xname.Parent(id); in != ""; in = xname.Parent(in) {
			i.below[in] = append(i.below[in], id)
		}
	}
	return i
}

// Picked is what an expression means.
type Picked struct {
	// Names are the nodes, in the order in which they were named, each once.
	// What is unknown is among them, as it was written.
	Names []string
	// Unknown are the names that stand for nothing.
	Unknown []string
}

// List reads a comma list of names, ranges, enclosures (all nodes below),
// wildcards, NIDs, roles, partitions and groups; all and * are all nodes.
func (i *Inventory) List(expr string) (Picked, error) {
	items, err := xname.Expand(expr)
	if err != nil {
		return Picked{}, err
	}
	var p Picked
	seen, done := map[string]bool{}, map[string]bool{}
	for _, item := range items {
		if done[item] {
			continue
		}
		done[item] = true
		names, known := i.find(item)
		if !known {
			names = []string{item}
			p.Unknown = append(p.Unknown, item)
		}
		for _, n := range names {
			if !seen[n] {
				seen[n] = true
				p.Names = append(p.Names, n)
			}
		}
	}
	return p, nil
}

var nid = regexp.MustCompile(`^nid([0-9]{1,9})$`)

func isWildcard(item string) bool { return strings.ContainsAny(item, "*?") }

// find is what an item without brackets stands for.
func (i *Inventory) find(item string) (names []string, known bool) {
	name := xname.Normalize(item)
	if i == nil {
		return []string{spelled(item)}, !needsInventory(item)
	}
	if members, ok := i.words[item]; ok {
		return members, true
	}
	if item == "all" {
		return i.ids, true
	}
	if i.known[name] {
		return []string{name}, true
	}
	if m := nid.FindStringSubmatch(strings.ToLower(item)); m != nil {
		number, _ := strconv.Atoi(m[1]) // nine digits always fit
		id, ok := i.nids[number]
		return []string{id}, ok
	}
	if !isWildcard(item) {
		names = i.below[name]
		return names, len(names) > 0
	}
	pattern := strings.ToLower(item)
	for _, id := range i.ids {
		if matches, err := path.Match(pattern, id); err == nil && matches {
			names = append(names, id)
		}
	}
	return names, len(names) > 0
}

// needsInventory tells whether only HSM knows which nodes an item stands for.
func needsInventory(item string) bool {
	name := xname.Normalize(item)
	switch xname.TypeOf(name) {
	case xname.System, xname.Cabinet, xname.Chassis, xname.ComputeModule, xname.NodeBMC, xname.NodeEnclosure:
		return true
	}
	return isWildcard(item) && item != "*" || nid.MatchString(name)
}

// spelled writes a node's name as services have it, any other as it is.
func spelled(item string) string {
	if name := xname.Normalize(item); xname.IsNode(name) {
		return name
	}
	return item
}
