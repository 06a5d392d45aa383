package tapms

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// Table is the name under which changes of tenants are hinted.
const Table = "tapms_tenants"

// Service keeps the tenants.
type Service struct {
	tenants *store.Table[Tenant]
	db      *store.DB
	now     func() time.Time
}

// NewService returns the service on db.
func NewService(db *store.DB, now func() time.Time) *Service {
	return &Service{db: db, now: now, tenants: store.NewTable(db, store.Spec[Tenant]{
		Name: Table, Kind: "Tenant",
		Key:     func(t *Tenant) string { return t.Metadata.Name },
		Indexes: []store.Index[Tenant]{{Column: "uuid", Of: func(t *Tenant) string { return t.Status.UUID }}},
	})}
}

// List returns all tenants in the order of their names.
func (s *Service) List(ctx context.Context) ([]Tenant, error) {
	return s.tenants.List(ctx, store.Query{})
}

// Get returns the tenant with the name or, failing that, the UUID.
func (s *Service) Get(ctx context.Context, id string) (Tenant, error) {
	t, err := s.tenants.Get(ctx, id)
	if !fault.Is(err, fault.NotFound) {
		return t, err
	}
	found, byUUID := s.tenants.List(ctx, store.Query{Where: []store.Match{store.Is("uuid", id)}})
	if byUUID != nil {
		return t, byUUID
	}
	if len(found) == 0 {
		return t, err
	}
	return found[0], nil
}

// Owners returns the tenants that own any of the nodes.
func (s *Service) Owners(ctx context.Context, xnames []string) ([]Tenant, error) {
	nodes := make(map[string]bool, len(xnames))
	for _, x := range xnames {
		nodes[xname.Normalize(x)] = true
	}
	all, err := s.List(ctx)
	out := []Tenant{}
	for _, t := range all {
		if t.owns(nodes) {
			out = append(out, t)
		}
	}
	return out, err
}

// Put creates the tenant or replaces what it asks for; its UUID stays.
func (s *Service) Put(ctx context.Context, name string, t Tenant) (Tenant, error) {
	switch {
	case t.Metadata.Name != "" && t.Metadata.Name != name:
		return t, fault.New(fault.Invalid, "metadata.name is '%s', the path says '%s'", t.Metadata.Name, name)
	case t.Spec.TenantName != name:
		return t, fault.New(fault.Invalid, "spec.tenantname is '%s', the path says '%s'", t.Spec.TenantName, name)
	}
	if err := fault.CheckName("metadata.name", name); err != nil {
		return t, err
	}
	t.Metadata.Name = name
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		_, missing, err := s.tenants.Update(ctx, []string{name}, func(old *Tenant) error {
			t.settle(old.Status.UUID, old.Metadata.CreationTimestamp)
			*old = t
			return nil
		})
		if err != nil || len(missing) == 0 {
			return err
		}
		t.settle(uuid.NewString(), s.now().UTC().Truncate(time.Second))
		return s.tenants.Insert(ctx, t)
	})
	return t, err
}

// Delete removes the tenant with the name.
func (s *Service) Delete(ctx context.Context, name string) error {
	gone, err := s.tenants.Delete(ctx, name)
	if err == nil && len(gone) == 0 {
		err = fault.New(fault.NotFound, "Tenant '%s' does not exist", name)
	}
	return err
}
