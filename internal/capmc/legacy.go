package capmc

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/hsm"
)

// NodeMap is a node in the answer to get_nid_map.
type NodeMap struct {
	NID   int    `json:"nid"`
	Role  string `json:"role" doc:"What the node is for"`
	Cname string `json:"cname" doc:"Its xname"`
}

// NodeMaps is the answer to get_nid_map.
type NodeMaps struct {
	Result
	NIDs []NodeMap `json:"nids" nullable:"false" doc:"The nodes"`
}

// NodeStates is the answer to get_node_status: lists of NIDs by state.
type NodeStates struct {
	Result
	On        []int `json:"on,omitempty"`
	Off       []int `json:"off,omitempty"`
	Ready     []int `json:"ready,omitempty"`
	Standby   []int `json:"standby,omitempty"`
	Halt      []int `json:"halt,omitempty"`
	Empty     []int `json:"empty,omitempty"`
	Populated []int `json:"populated,omitempty"`
	Unknown   []int `json:"unknown,omitempty"`
	Undefined []int `json:"undefined,omitempty"`
	Disabled  []int `json:"disabled,omitempty"`
}

// known are the nodes of the NIDs, which must all be there.
func (s *Service) known(ctx context.Context, nids []int) (names []string, byName map[string]int, components []hsm.Component, err error) {
	nodes, err := s.nodes(ctx, nids)
	if err != nil {
		return nil, nil, nil, err
	}
	byName = make(map[string]int, len(nodes))
	var wrong []NIDError
	for _, n := range nodes {
		if n.component == nil {
			wrong = append(wrong, NIDError{n.nid, invalid, "Undefined NID"})
			continue
		}
		names = append(names, n.component.ID)
		byName[n.component.ID] = n.nid
		components = append(components, *n.component)
	}
	if len(wrong) > 0 {
		return nil, nil, nil, refuseNIDs(wrong)
	}
	return names, byName, components, nil
}

// DoNodes is Do for nodes by NID.
func (s *Service) DoNodes(ctx context.Context, c Command, nids []int, reason string, force bool) (NIDOutcome, error) {
	if len(nids) == 0 {
		return NIDOutcome{}, refuse(http.StatusBadRequest, "Bad Request: Required nids list is empty")
	}
	names, byName, _, err := s.known(ctx, nids)
	if err != nil {
		return NIDOutcome{}, err
	}
	done, err := s.Do(ctx, c, Wish{Xnames: names, Reason: reason, Force: force})
	if err != nil {
		return NIDOutcome{}, err
	}
	out := NIDOutcome{Result: done.Result, NIDs: []NIDError{}}
	for _, e := range done.Xnames {
		if nid, isNode := byName[e.Xname]; isNode {
			out.NIDs = append(out.NIDs, NIDError{nid, e.E, e.ErrMsg})
		}
	}
	return out, nil
}

// NodeStatus is Status for nodes by NID.
func (s *Service) NodeStatus(ctx context.Context, nids []int, words string, from any) (NodeStates, error) {
	f, err := parseFilter(words)
	if err != nil {
		return NodeStates{}, err
	}
	asked, err := parseSource(from)
	if err != nil {
		return NodeStates{}, err
	}
	_, byName, components, err := s.known(ctx, nids)
	if err != nil {
		return NodeStates{}, err
	}
	found, err := s.statesOf(ctx, components, f, asked)
	numbers := func(names []string) (out []int) {
		for _, n := range names {
			out = append(out, byName[n])
		}
		slices.Sort(out)
		return out
	}
	return NodeStates{found.Result, numbers(found.On), numbers(found.Off), numbers(found.Ready), numbers(found.Standby), numbers(found.Halt),
		numbers(found.Empty), numbers(found.Populated), numbers(found.Unknown), numbers(found.Undefined), numbers(found.Disabled)}, err
}

// NodeMap tells which node has which NID.
func (s *Service) NodeMap(ctx context.Context, nids []int) (NodeMaps, error) {
	_, byName, components, err := s.known(ctx, nids)
	out := NodeMaps{NIDs: make([]NodeMap, len(components))}
	for i, c := range components {
		out.NIDs[i] = NodeMap{byName[c.ID], strings.ToLower(c.Role), c.ID}
	}
	slices.SortFunc(out.NIDs, func(a, b NodeMap) int { return a.NID - b.NID })
	return out, err
}
