package hsm

import (
	"context"
	"slices"
	"strconv"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// NodeMap is what a node is given when it becomes known for the first time.
type NodeMap struct {
	ID      string `json:"ID" doc:"xname of the node"`
	NID     *int   `json:"NID" doc:"NID; no two nodes have the same"`
	Role    string `json:"Role,omitempty" doc:"Role; default Compute"`
	SubRole string `json:"SubRole,omitempty" doc:"Subrole"`
}

func (m *NodeMap) settle(known *Values) error {
	id := xname.Normalize(m.ID)
	if xname.TypeOf(id) != xname.Node {
		return fault.New(fault.Invalid, "xname ID '%s' is not of a node", m.ID)
	}
	m.ID = id
	if m.NID == nil || *m.NID < 0 {
		return fault.New(fault.Invalid, "%s: Missing NID, or it is negative", m.ID)
	}
	if err := spell("Role", known.Role, &m.Role); err != nil {
		return err
	}
	return spell("SubRole", known.SubRole, &m.SubRole)
}

// NodeMaps returns all defaults of nodes.
func (s *Service) NodeMaps(ctx context.Context) ([]NodeMap, error) {
	all, err := s.nodeMaps.List(ctx, store.Query{})
	return append([]NodeMap{}, all...), err
}

// NodeMap returns the defaults of one node.
func (s *Service) NodeMap(ctx context.Context, id string) (NodeMap, error) {
	if _, err := xnames([]string{id}); err != nil {
		return NodeMap{}, err
	}
	m, err := s.nodeMaps.Get(ctx, xname.Normalize(id))
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "no such xname: there is no node map of '%s'", id)
	}
	return m, err
}

// SetNodeMaps adds defaults and replaces those that there are, all or none. Nodes
// that are known already stay as they are.
func (s *Service) SetNodeMaps(ctx context.Context, maps []NodeMap) error {
	if len(maps) == 0 {
		return fault.New(fault.Invalid, "Missing NodeMaps")
	}
	owners := make(map[string]string, len(maps)) // by NID
	given := make(map[string]bool, len(maps))
	nids := make([]string, len(maps))
	for i := range maps {
		m := &maps[i]
		if err := m.settle(&s.words); err != nil {
			return err
		}
		nids[i] = strconv.Itoa(*m.NID)
		if given[m.ID] {
			return fault.New(fault.Invalid, "'%s' is given twice", m.ID)
		}
		if other := owners[nids[i]]; other != "" {
			return fault.New(fault.Conflict, "NID %s is given to '%s' and to '%s'", nids[i], other, m.ID)
		}
		owners[nids[i]], given[m.ID] = m.ID, true
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		same, err := s.nodeMaps.List(ctx, store.Query{Where: []store.Match{{Column: "nid", In: nids}}})
		if err != nil {
			return err
		}
		for _, m := range same {
			if !given[m.ID] {
				return fault.New(fault.Conflict, "NID %d is already that of '%s'", *m.NID, m.ID)
			}
		}
		// Removed first: two nodes may have changed places.
		var ids []string
		for id := range given {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		if _, err := s.nodeMaps.Delete(ctx, ids...); err != nil {
			return err
		}
		return s.nodeMaps.Insert(ctx, maps...)
	})
}

// DeleteNodeMaps removes defaults, nil for all, and returns how many there were.
func (s *Service) DeleteNodeMaps(ctx context.Context, ids []string) (int, error) {
	return deleteFrom(ctx, s.db, s.nodeMaps, ids, func(m *NodeMap) string { return m.ID })
}

// deleteFrom removes documents of a small table, nil for all of them.
func deleteFrom[T any](ctx context.Context, db *store.DB, t *store.Table[T], ids []string, key func(*T) string) (n int, err error) {
	err = db.InTx(ctx, func(ctx context.Context) error {
		if ids == nil {
			all, err := t.List(ctx, store.Query{})
			if err != nil {
				return err
			}
			for i := range all {
				ids = append(ids, key(&all[i]))
			}
		}
		gone, err := t.Delete(ctx, ids...)
		n = len(gone)
		return err
	})
	return n, err
}

// applyDefaults gives new components what their node maps say, and what follows
// from their names where they do not.
func (s *Service) applyDefaults(ctx context.Context, added []Component) error {
	var ids []string
	for i := range added {
		if added[i].Type == string(xname.Node) && (added[i].Role == "" || added[i].NID == nil) {
			ids = append(ids, added[i].ID)
		}
	}
	if len(ids) > 0 {
		maps, err := s.nodeMaps.List(ctx, store.Query{Keys: ids})
		if err != nil {
			return err
		}
		byID := make(map[string]*NodeMap, len(maps))
		for i := range maps {
			byID[maps[i].ID] = &maps[i]
		}
		for i := range added {
			if m := byID[added[i].ID]; m != nil {
				m.apply(&added[i])
			}
		}
	}
	for i := range added {
		added[i].defaults()
	}
	return nil
}

// apply gives a new node what nobody chose.
func (m *NodeMap) apply(c *Component) {
	if c.NID == nil {
		nid := *m.NID
		c.NID = &nid
	}
	if c.Role == "" {
		c.Role = m.Role
		if c.SubRole == "" {
			c.SubRole = m.SubRole
		}
	}
}
