package bss

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// An image is there from when a host or its own parameters first name it until
// it is deleted itself. It has an entry when it has parameters of its own.

// keepImages remembers images, so that they stay when their last host goes.
func (s *Service) keepImages(ctx context.Context, images []image) error {
	names := make([]string, len(images)) // never nil, which would be all
	for i := range images {
		names[i] = images[i].key()
	}
	known, err := s.kept.Count(ctx, store.Query{Keys: names})
	if err != nil || known == len(images) {
		return err
	}
	return s.kept.Put(ctx, images...)
}

// patchImage sets the image's parameters, unless they are empty.
func (s *Service) patchImage(ctx context.Context, own image) error {
	return s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		if own.Params != "" { // else nothing is changed
			if err := s.usersFit(ctx, own); err != nil {
				return err
			}
		}
		_, missing, err := s.images.Update(ctx, []string{own.key()}, func(i *image) error {
			take(&i.Params, own.Params)
			return nil
		})
		if err != nil || len(missing) == 0 {
			return err
		}
		there, err := s.isThere(ctx, own)
		if err == nil && !there {
			err = fault.New(fault.NotFound, "image '%s' has no boot parameters", own.Path)
		}
		if err != nil {
			return err
		}
		return s.images.Insert(ctx, own)
	})
}

// isThere tells whether the image is known though it has no entry.
func (s *Service) isThere(ctx context.Context, i image) (bool, error) {
	kept, err := s.kept.Count(ctx, store.Query{Keys: []string{i.key()}})
	if err != nil || kept > 0 {
		return kept > 0, err
	}
	users, err := s.users(ctx, i) // of a database from before images were kept
	return len(users) > 0, err
}

// deleteImage removes the image's entry and the references to it.
func (s *Service) deleteImage(ctx context.Context, i image) error {
	gone, err := s.images.Delete(ctx, i.key())
	if err != nil {
		return err
	}
	kept, err := s.kept.Delete(ctx, i.key())
	if err != nil {
		return err
	}
	users, err := s.users(ctx, i)
	if err != nil {
		return err
	}
	if len(gone)+len(kept)+len(users) == 0 {
		return fault.New(fault.Invalid, "image '%s' has no boot parameters", i.Path)
	}
	for j := range users {
		*users[j].path(i.Kind) = ""
	}
	return s.hosts.Put(ctx, users...)
}

// users are the hosts that boot the image.
func (s *Service) users(ctx context.Context, i image) ([]host, error) {
	users, err := s.hosts.List(ctx, store.Query{Where: []store.Match{store.Is(i.Kind.column(), i.Path)}})
	if err != nil {
		return nil, fmt.Errorf("find hosts that use %s: %w", i.Path, err)
	}
	return users, nil
}

// List returns the entries that p names, images first, or all when it names
// nothing. What has no entry is left out; nothing found of what was asked for
// is a fault.NotFound.
func (s *Service) List(ctx context.Context, p BootParameters) ([]BootParameters, error) {
	names, err := s.names(ctx, p)
	if err != nil {
		return nil, err
	}
	var hosts []host
	var images map[string]image
	if all := len(names) == 0 && len(p.images()) == 0; all {
		hosts, images, err = s.everything(ctx)
	} else {
		hosts, images, err = s.named(ctx, names, p.images())
	}
	if err != nil {
		return nil, err
	}
	out := make([]BootParameters, 0, len(images)+len(hosts))
	for _, key := range slices.Sorted(maps.Keys(images)) {
		out = append(out, images[key].published())
	}
	for i := range hosts {
		out = append(out, hosts[i].published())
	}
	return out, nil
}

func (s *Service) everything(ctx context.Context) ([]host, map[string]image, error) {
	hosts, err := s.hosts.List(ctx, store.Query{})
	if err != nil {
		return nil, nil, err
	}
	images := map[string]image{}
	for i := range hosts {
		for _, img := range hosts[i].published().images() {
			images[img.key()] = img
		}
	}
	for _, table := range []*store.Table[image]{s.kept, s.images} { // those with parameters last
		found, err := table.List(ctx, store.Query{})
		if err != nil {
			return nil, nil, err
		}
		for _, img := range found {
			images[img.key()] = img
		}
	}
	return hosts, images, nil
}

func (s *Service) named(ctx context.Context, names []string, wanted []image) ([]host, map[string]image, error) {
	images := map[string]image{}
	for _, img := range wanted {
		found, err := s.images.List(ctx, store.Query{Keys: []string{img.key()}})
		if err != nil {
			return nil, nil, err
		}
		there, err := s.isThere(ctx, img)
		if err != nil {
			return nil, nil, err
		}
		if len(found) > 0 {
			images[img.key()] = found[0]
		} else if there {
			images[img.key()] = img
		}
	}
	hosts, err := s.hosts.List(ctx, store.Query{Keys: append([]string{}, names...)})
	if err == nil && len(hosts)+len(images) == 0 {
		err = fault.New(fault.NotFound, "Cannot find boot parameters for requested Hosts: %v", names)
	}
	return hosts, images, err
}
