package hsm

import (
	"context"
	"regexp"
	"slices"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

var (
	labels         = regexp.MustCompile(`^[a-z0-9\-:._]{1,253}$`)
	partitionNames = regexp.MustCompile(`^p\d{1,9}(\.\d{1,9})?$`)
)

// labelKey spells a label as it is kept.
func labelKey(label string) (string, error) {
	key := lowered(label)
	switch {
	case key == "":
		return "", fault.New(fault.Invalid, "Missing label")
	case !labels.MatchString(key):
		return "", noLabel("label", label)
	}
	return key, nil
}

func noLabel(what, text string) error {
	return fault.New(fault.Invalid, "%s '%.260s' is not valid, expected at most 253 letters, digits and - : . _", what, text)
}

// partitionKey spells a partition's name as it is kept.
func partitionKey(name string) (string, error) {
	key := xname.Normalize(name)
	switch {
	case key == "":
		return "", fault.New(fault.Invalid, "Missing name")
	case !partitionNames.MatchString(key):
		return "", fault.New(fault.Invalid, "partition name '%.60s' is not valid, expected pN or pN.N", name)
	}
	return key, nil
}

// settle spells label, tags and members as they are kept and checks them.
func (g *Group) settle() (err error) {
	if g.Label, err = labelKey(g.Label); err != nil {
		return err
	}
	g.ExclusiveGroup = lowered(g.ExclusiveGroup)
	if g.ExclusiveGroup != "" && !labels.MatchString(g.ExclusiveGroup) {
		return noLabel("exclusiveGroup", g.ExclusiveGroup)
	}
	if g.Tags, err = settleTags(g.Tags); err != nil {
		return err
	}
	g.Members.IDs, err = xnames(g.Members.IDs)
	return err
}

func settleTags(tags []string) ([]string, error) {
	out := slices.Clone(tags)
	for i, t := range tags {
		if out[i] = lowered(t); !labels.MatchString(out[i]) {
			return nil, noLabel("tag", t)
		}
	}
	return out, nil
}

func (p *Partition) settle() (err error) {
	if p.Name, err = partitionKey(p.Name); err != nil {
		return err
	}
	if p.Tags, err = settleTags(p.Tags); err != nil {
		return err
	}
	p.Members.IDs, err = xnames(p.Members.IDs)
	return err
}

// taggedAs tells whether any of the tags is wanted; no wish takes all.
func taggedAs(tags, wanted []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(tags, w) })
}

// Groups returns the groups with the labels and tags, none for all. partition
// limits the members shown to those of the partitions.
func (s *Service) Groups(ctx context.Context, labels, tags, partition []string) ([]Group, error) {
	labels, err := wantedLabels("group", labels, false)
	if err != nil {
		return nil, err
	}
	if tags, err = wantedLabels("tag", tags, false); err != nil {
		return nil, err
	}
	if partition, err = wantedPartitions(partition, true); err != nil {
		return nil, err
	}
	all, err := s.groups.List(ctx, store.Query{Keys: labels})
	if err != nil {
		return nil, err
	}
	rosters, err := s.rosters(ctx, inGroup)
	if err != nil {
		return nil, err
	}
	shown, err := s.insiders(ctx, inPartition, partition)
	out := []Group{}
	for _, g := range all {
		if !taggedAs(g.Tags, tags) {
			continue
		}
		g.Members.IDs = []string{}
		for _, id := range rosters[g.Label] {
			if shown(id) {
				g.Members.IDs = append(g.Members.IDs, id)
			}
		}
		out = append(out, g)
	}
	return out, err
}

// Group returns one group; see Groups.
func (s *Service) Group(ctx context.Context, label string, partition []string) (Group, error) {
	key, err := labelKey(label)
	if err != nil {
		return Group{}, err
	}
	found, err := s.Groups(ctx, []string{key}, nil, partition)
	if err == nil && len(found) == 0 {
		err = noSuchGroup(label)
	}
	if err != nil {
		return Group{}, err
	}
	return found[0], nil
}

func noSuchGroup(label string) error {
	return fault.New(fault.NotFound, "No such group: %s", label)
}

func noSuchPartition(name string) error {
	return fault.New(fault.NotFound, "No such partition: %s", name)
}

// CreateGroup adds a group with its members and returns its label as kept.
func (s *Service) CreateGroup(ctx context.Context, g Group) (string, error) {
	if err := g.settle(); err != nil {
		return "", err
	}
	ids := g.Members.IDs
	g.Members.IDs = nil
	return g.Label, s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.groups.Insert(ctx, g); err != nil {
			return err
		}
		return s.joinGroup(ctx, g, ids)
	})
}

func (s *Service) joinGroup(ctx context.Context, g Group, ids []string) error {
	rivals := map[string]bool{}
	if g.ExclusiveGroup != "" {
		all, err := s.groups.List(ctx, store.Query{})
		if err != nil {
			return err
		}
		for _, other := range all {
			rivals[other.Label] = other.ExclusiveGroup == g.ExclusiveGroup
		}
	}
	return s.join(ctx, inGroup, g.Label, ids, func(label string) bool { return rivals[label] })
}

// AddGroupMember adds a member and returns its path.
func (s *Service) AddGroupMember(ctx context.Context, label, id string) (path string, err error) {
	ids, err := xnames([]string{id})
	if err != nil {
		return "", err
	}
	err = s.changeGroup(ctx, label, func(ctx context.Context, g *Group) error {
		path = "/groups/" + g.Label + "/members/" + ids[0]
		return s.joinGroup(ctx, *g, ids)
	})
	return path, err
}

// SetGroupMembers has the group have these members and no others.
func (s *Service) SetGroupMembers(ctx context.Context, label string, members []string) error {
	ids, err := xnames(members)
	if err != nil {
		return err
	}
	return s.changeGroup(ctx, label, func(ctx context.Context, g *Group) error {
		if err := s.disband(ctx, inGroup, g.Label); err != nil {
			return err
		}
		return s.joinGroup(ctx, *g, ids)
	})
}

// RemoveGroupMember removes a member.
func (s *Service) RemoveGroupMember(ctx context.Context, label, id string) error {
	ids, err := xnames([]string{id})
	if err != nil {
		return err
	}
	return s.changeGroup(ctx, label, func(ctx context.Context, g *Group) error {
		was, err := s.leave(ctx, inGroup, g.Label, ids[0])
		if err == nil && !was {
			err = fault.New(fault.NotFound, "group '%s' has no such member: %s", g.Label, id)
		}
		return err
	})
}

// PatchGroup replaces description and tags, each if not nil.
func (s *Service) PatchGroup(ctx context.Context, label string, description *string, tags *[]string) error {
	return s.changeGroup(ctx, label, func(_ context.Context, g *Group) (err error) {
		return patchText(&g.Description, &g.Tags, description, tags)
	})
}

func patchText(description *string, tags *[]string, newDescription *string, newTags *[]string) (err error) {
	if newDescription != nil {
		*description = *newDescription
	}
	if newTags != nil {
		*tags, err = settleTags(*newTags)
	}
	return err
}

// changeGroup alters the group's record or its members, or both; the write
// posts the hint for either.
func (s *Service) changeGroup(ctx context.Context, label string, change func(context.Context, *Group) error) error {
	key, err := labelKey(label)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		_, missing, err := s.groups.Update(ctx, []string{key}, func(g *Group) error { return change(ctx, g) })
		if err == nil && len(missing) > 0 {
			err = noSuchGroup(label)
		}
		return err
	})
}

// DeleteGroup removes the group.
func (s *Service) DeleteGroup(ctx context.Context, label string) error {
	key, err := labelKey(label)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		gone, err := s.groups.Delete(ctx, key)
		if err != nil {
			return err
		}
		if len(gone) == 0 {
			return noSuchGroup(label)
		}
		return s.disband(ctx, inGroup, gone[0].Label)
	})
}
