package capmc

import (
	"context"
	"net/url"
	"strconv"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/xname"
)

// node is a node of a request by NID.
type node struct {
	nid       int
	component *hsm.Component // nil: there is none of this NID
}

// checkNIDs refuses NIDs that are none, and repetitions.
func checkNIDs(nids []int) error {
	var wrong []NIDError
	seen := make(map[int]bool, len(nids))
	for _, n := range nids {
		switch {
		case n < 0:
			wrong = append(wrong, NIDError{n, invalid, "Invalid NID"})
		case seen[n]:
			wrong = append(wrong, NIDError{n, invalid, "Duplicate NID"})
		}
		seen[n] = true
	}
	if len(wrong) > 0 {
		return refuseNIDs(wrong)
	}
	return nil
}

// nodes are those of the NIDs, in their order; all that have one if none are
// given.
func (s *Service) nodes(ctx context.Context, nids []int) ([]node, error) {
	if err := checkNIDs(nids); err != nil {
		return nil, err
	}
	var found []hsm.Component
	var err error
	if len(nids) == 0 {
		found, err = s.components(ctx, url.Values{"type": {string(xname.Node)}})
	} else {
		words := make([]string, len(nids))
		for i, n := range nids {
			words[i] = strconv.Itoa(n)
		}
		found, err = s.query(ctx, hsm.ComponentQuery{ComponentIDs: []string{"s0"}, Type: []string{string(xname.Node)}, NID: words})
	}
	if err != nil {
		return nil, err
	}
	by := make(map[int]*hsm.Component, len(found))
	var all []node
	for i := range found {
		if nid := found[i].NID; nid != nil {
			by[*nid] = &found[i]
			all = append(all, node{*nid, &found[i]})
		}
	}
	if len(nids) == 0 {
		return all, nil
	}
	out := make([]node, len(nids))
	for i, n := range nids {
		out[i] = node{n, by[n]}
	}
	return out, nil
}
