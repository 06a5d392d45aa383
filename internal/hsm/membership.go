package hsm

import (
	"context"
	"slices"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// A member is a component's place in a group or a partition. Each is a record
// of its own, so that to add one to a large group is a small write.
type member struct {
	Kind  kind   `json:"kind"`
	Owner string `json:"owner"` // the group's label or the partition's name
	ID    string `json:"id"`
}

type kind string

const (
	inGroup     kind = "group"
	inPartition kind = "partition"
)

// nobody, as the name of a group or partition, stands for being in none.
const nobody = "NULL"

func (m *member) key() string { return string(m.Kind) + "/" + m.Owner + "/" + m.ID }

// rosters are the members of all groups or of all partitions, by name. Each
// list is in order.
func (s *Service) rosters(ctx context.Context, k kind) (map[string][]string, error) {
	return s.rostersBelow(ctx, string(k)+"/")
}

// roster is the members of one group or partition.
func (s *Service) roster(ctx context.Context, k kind, owner string) ([]string, error) {
	all, err := s.rostersBelow(ctx, string(k)+"/"+owner+"/")
	return append([]string{}, all[owner]...), err
}

func (s *Service) rostersBelow(ctx context.Context, prefix string) (map[string][]string, error) {
	all, err := s.members.List(ctx, store.Query{Prefix: prefix})
	out := map[string][]string{}
	for _, m := range all {
		out[m.Owner] = append(out[m.Owner], m.ID)
	}
	return out, err
}

// belonging returns the test that the filter's groups and partitions ask for.
func (s *Service) belonging(ctx context.Context, f *filter) (func(id string) bool, error) {
	groups, err := s.insiders(ctx, inGroup, f.groups)
	if err != nil {
		return nil, err
	}
	parts, err := s.insiders(ctx, inPartition, f.parts)
	return func(id string) bool { return groups(id) && parts(id) }, err
}

func (s *Service) insiders(ctx context.Context, k kind, names []string) (func(id string) bool, error) {
	if len(names) == 0 {
		return func(string) bool { return true }, nil
	}
	rosters, err := s.rosters(ctx, k)
	if err != nil {
		return nil, err
	}
	inside, anywhere := map[string]bool{}, map[string]bool{}
	for owner, ids := range rosters {
		for _, id := range ids {
			anywhere[id] = true
			if slices.Contains(names, owner) {
				inside[id] = true
			}
		}
	}
	outsiders := slices.Contains(names, nobody)
	return func(id string) bool { return inside[id] || outsiders && !anywhere[id] }, nil
}

// absent is the first of the sorted IDs that is no component's, empty if all are.
func (s *Service) absent(ctx context.Context, ids []string) (string, error) {
	known, err := s.components.Count(ctx, store.Query{Keys: ids})
	if err != nil || known == len(ids) {
		return "", err
	}
	present, err := s.components.List(ctx, store.Query{Keys: ids})
	there := make(map[string]bool, len(present))
	for i := range present {
		there[present[i].ID] = true
	}
	for _, id := range ids {
		if err == nil && !there[id] {
			return id, nil
		}
	}
	return "", err
}

// join adds members; each must be a component and in no rival group or
// partition. rival tells which those are.
func (s *Service) join(ctx context.Context, k kind, owner string, ids []string, rival func(owner string) bool) error {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return nil
	}
	missing, err := s.absent(ctx, ids)
	if err != nil {
		return err
	}
	if missing != "" {
		return fault.New(fault.Invalid, "linked component does not exist: %s", missing)
	}
	present, err := s.members.List(ctx, store.Query{Where: []store.Match{{Column: "component", In: ids}}})
	if err != nil {
		return err
	}
	for _, m := range present {
		if m.Kind == k && m.Owner != owner && rival(m.Owner) {
			return fault.New(fault.Conflict, "%s is already a member of %s '%s', which excludes '%s'", m.ID, k, m.Owner, owner)
		}
	}
	rows := make([]member, len(ids))
	for i, id := range ids {
		rows[i] = member{k, owner, id}
	}
	return s.members.Insert(ctx, rows...)
}

// leave removes a member and tells whether it was one.
func (s *Service) leave(ctx context.Context, k kind, owner, id string) (bool, error) {
	gone, err := s.members.Delete(ctx, (&member{k, owner, id}).key())
	return len(gone) > 0, err
}

// disband removes all members.
func (s *Service) disband(ctx context.Context, k kind, owner string) error {
	ids, err := s.roster(ctx, k, owner)
	if err != nil {
		return err
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = (&member{k, owner, id}).key()
	}
	_, err = s.members.Delete(ctx, keys...)
	return err
}

// leaveAll removes the components from every group and partition.
func (s *Service) leaveAll(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := s.members.List(ctx, store.Query{Where: []store.Match{{Column: "component", In: ids}}})
	if err != nil {
		return err
	}
	keys := make([]string, len(rows))
	owners := map[kind][]string{}
	for i := range rows {
		keys[i] = rows[i].key()
		owners[rows[i].Kind] = append(owners[rows[i].Kind], rows[i].Owner)
	}
	if _, err := s.members.Delete(ctx, keys...); err != nil {
		return err
	}
	return s.touch(ctx, owners[inGroup], owners[inPartition])
}

// touch posts hints for groups and partitions whose members changed.
func (s *Service) touch(ctx context.Context, groups, partitions []string) error {
	if _, _, err := s.groups.Update(ctx, groups, func(*Group) error { return nil }); err != nil {
		return err
	}
	_, _, err := s.partitions.Update(ctx, partitions, func(*Partition) error { return nil })
	return err
}

// Memberships tells for each selected component where it belongs.
func (s *Service) Memberships(ctx context.Context, p Parameters) ([]Membership, error) {
	selected, err := s.Components(ctx, p, false, nil)
	if err != nil {
		return nil, err
	}
	rows, err := s.members.List(ctx, store.Query{})
	if err != nil {
		return nil, err
	}
	out := make([]Membership, len(selected))
	at := make(map[string]*Membership, len(selected))
	for i := range selected {
		out[i] = Membership{ID: selected[i].ID, GroupLabels: []string{}}
		at[out[i].ID] = &out[i]
	}
	for _, m := range rows {
		switch place := at[m.ID]; {
		case place == nil:
		case m.Kind == inGroup:
			place.GroupLabels = append(place.GroupLabels, m.Owner)
		default:
			place.PartitionName = m.Owner
		}
	}
	return out, nil
}

// Membership tells where one component belongs.
func (s *Service) Membership(ctx context.Context, id string) (Membership, error) {
	ids, err := xnames([]string{id})
	if err != nil {
		return Membership{}, err
	}
	found, err := s.Memberships(ctx, Parameters{"id": ids})
	if err == nil && len(found) == 0 {
		err = fault.New(fault.NotFound, "no such xname.")
	}
	if err != nil {
		return Membership{}, err
	}
	return found[0], nil
}
