package ims

import (
	"context"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// shelf keeps the records of one kind: those in use, of type T, and those
// whose deletion can be undone, of type D.
type shelf[T, D any] struct {
	kind    string
	db      *store.DB
	live    *store.Table[T]
	deleted *store.Table[D]
	objects holding
	id      func(*T) string
	link    func(*T) *Link // nil if the record has none
	// bury makes a deleted record, revive a live one, with the link given.
	bury   func(record T, link *Link) D
	revive func(record D, link *Link) T
	buried func(*D) *T
	may    func(ctx context.Context, record *T) error // whether the caller may delete it; nil: who comes here may
}

func (s *shelf[T, D]) get(ctx context.Context, id string) (T, error) { return s.live.Get(ctx, id) }

func (s *shelf[T, D]) list(ctx context.Context) ([]T, error) {
	all, err := s.live.List(ctx, store.Query{})
	return append([]T{}, all...), err
}

func (s *shelf[T, D]) getDeleted(ctx context.Context, id string) (D, error) {
	return s.deleted.Get(ctx, id)
}

func (s *shelf[T, D]) listDeleted(ctx context.Context) ([]D, error) {
	all, err := s.deleted.List(ctx, store.Query{})
	return append([]D{}, all...), err
}

// softDelete puts the record and its objects aside.
func (s *shelf[T, D]) softDelete(ctx context.Context, id string) error {
	record, err := s.live.Get(ctx, id)
	if err != nil {
		return err
	}
	aside, originals, err := s.objects.putAside(ctx, id, s.link(&record))
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		gone, err := s.live.Delete(ctx, id)
		if err == nil && len(gone) == 0 {
			err = s.notFound(id)
		}
		if err != nil {
			return err
		}
		if was, is := s.link(&record), s.link(&gone[0]); (was == nil) != (is == nil) {
			return fault.New(fault.Conflict, "%s '%s' got its link while it was being deleted; delete it again", s.kind, id)
		}
		return s.deleted.Put(ctx, s.bury(gone[0], aside))
	})
	if err == nil {
		s.objects.remove(ctx, originals)
	}
	return err
}

// undelete brings the record and its objects back.
func (s *shelf[T, D]) undelete(ctx context.Context, id string) error {
	record, err := s.deleted.Get(ctx, id)
	if err != nil {
		return err
	}
	link, copies, err := s.objects.putBack(ctx, s.link(s.buried(&record)))
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		gone, err := s.deleted.Delete(ctx, id)
		if err == nil && len(gone) == 0 {
			err = s.notFound(id)
		}
		if err != nil {
			return err
		}
		return s.live.Insert(ctx, s.revive(gone[0], link))
	})
	if err == nil {
		s.objects.remove(ctx, copies)
	}
	return err
}

// hardDelete removes the record for good, and with cascade its objects.
func (s *shelf[T, D]) hardDelete(ctx context.Context, id string, cascade bool) error {
	gone, err := s.live.Delete(ctx, id)
	if err != nil {
		return err
	}
	if len(gone) == 0 {
		return s.notFound(id)
	}
	if !cascade {
		return nil
	}
	return s.removeObjects(ctx, &gone[0])
}

// purge removes a deleted record and its objects for good.
func (s *shelf[T, D]) purge(ctx context.Context, id string) error {
	gone, err := s.deleted.Delete(ctx, id)
	if err != nil {
		return err
	}
	if len(gone) == 0 {
		return s.notFound(id)
	}
	return s.removeObjects(ctx, s.buried(&gone[0]))
}

func (s *shelf[T, D]) removeObjects(ctx context.Context, record *T) error {
	paths, err := s.objects.paths(ctx, s.link(record))
	if err == nil {
		s.objects.remove(ctx, paths)
	}
	return err
}

// forAll does something with each live record.
func (s *shelf[T, D]) forAll(ctx context.Context, do func(ctx context.Context, id string) error) error {
	all, err := s.live.List(ctx, store.Query{})
	for i := range all {
		if err == nil {
			err = ignoreMissing(do(ctx, s.id(&all[i])))
		}
	}
	return err
}

// forAllDeleted does something with each deleted record.
func (s *shelf[T, D]) forAllDeleted(ctx context.Context, do func(ctx context.Context, id string) error) error {
	all, err := s.deleted.List(ctx, store.Query{})
	for i := range all {
		if err == nil {
			err = ignoreMissing(do(ctx, s.id(s.buried(&all[i]))))
		}
	}
	return err
}

// ignoreMissing forgives that someone else was faster.
func ignoreMissing(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func (s *shelf[T, D]) notFound(id string) error {
	return fault.New(fault.NotFound, "%s '%s' does not exist", s.kind, id)
}
