package hsm

import (
	"context"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// Partitions returns the partitions with the names and tags, none for all.
func (s *Service) Partitions(ctx context.Context, names, tags []string) ([]Partition, error) {
	names, err := wantedPartitions(names, false)
	if err != nil {
		return nil, err
	}
	if tags, err = wantedLabels("tag", tags, false); err != nil {
		return nil, err
	}
	all, err := s.partitions.List(ctx, store.Query{Keys: names})
	if err != nil {
		return nil, err
	}
	rosters, err := s.rosters(ctx, inPartition)
	out := []Partition{}
	for _, p := range all {
		if taggedAs(p.Tags, tags) {
			p.Members.IDs = append([]string{}, rosters[p.Name]...)
			out = append(out, p)
		}
	}
	return out, err
}

// Partition returns one partition.
func (s *Service) Partition(ctx context.Context, name string) (Partition, error) {
	key, err := partitionKey(name)
	if err != nil {
		return Partition{}, err
	}
	found, err := s.Partitions(ctx, []string{key}, nil)
	if err == nil && len(found) == 0 {
		err = noSuchPartition(name)
	}
	if err != nil {
		return Partition{}, err
	}
	return found[0], nil
}

// CreatePartition adds a partition with its members and returns its name as
// kept.
func (s *Service) CreatePartition(ctx context.Context, p Partition) (string, error) {
	if err := p.settle(); err != nil {
		return "", err
	}
	ids := p.Members.IDs
	p.Members.IDs = nil
	return p.Name, s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.partitions.Insert(ctx, p); err != nil {
			return err
		}
		return s.joinPartition(ctx, p.Name, ids)
	})
}

func (s *Service) joinPartition(ctx context.Context, name string, ids []string) error {
	return s.join(ctx, inPartition, name, ids, func(string) bool { return true })
}

// AddPartitionMember adds a member and returns its path.
func (s *Service) AddPartitionMember(ctx context.Context, name, id string) (path string, err error) {
	ids, err := xnames([]string{id})
	if err != nil {
		return "", err
	}
	err = s.changePartition(ctx, name, func(ctx context.Context, p *Partition) error {
		path = "/partitions/" + p.Name + "/members/" + ids[0]
		return s.joinPartition(ctx, p.Name, ids)
	})
	return path, err
}

// RemovePartitionMember removes a member.
func (s *Service) RemovePartitionMember(ctx context.Context, name, id string) error {
	ids, err := xnames([]string{id})
	if err != nil {
		return err
	}
	return s.changePartition(ctx, name, func(ctx context.Context, p *Partition) error {
		was, err := s.leave(ctx, inPartition, p.Name, ids[0])
		if err == nil && !was {
			err = fault.New(fault.NotFound, "partition '%s' has no such member: %s", p.Name, id)
		}
		return err
	})
}

// PatchPartition replaces description and tags, each if not nil.
func (s *Service) PatchPartition(ctx context.Context, name string, description *string, tags *[]string) error {
	return s.changePartition(ctx, name, func(_ context.Context, p *Partition) error {
		return patchText(&p.Description, &p.Tags, description, tags)
	})
}

func (s *Service) changePartition(ctx context.Context, name string, change func(context.Context, *Partition) error) error {
	key, err := partitionKey(name)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		_, missing, err := s.partitions.Update(ctx, []string{key}, func(p *Partition) error { return change(ctx, p) })
		if err == nil && len(missing) > 0 {
			err = noSuchPartition(name)
		}
		return err
	})
}

// DeletePartition removes the partition.
func (s *Service) DeletePartition(ctx context.Context, name string) error {
	key, err := partitionKey(name)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		gone, err := s.partitions.Delete(ctx, key)
		if err != nil {
			return err
		}
		if len(gone) == 0 {
			return noSuchPartition(name)
		}
		return s.disband(ctx, inPartition, gone[0].Name)
	})
}
