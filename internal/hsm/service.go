package hsm

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/store"
)

// The tables, which are also the names of their hints. Keys are xnames, labels
// and names, and for interfaces the MACs without separators.
const (
	ComponentsTable         = "hsm_components"
	GroupsTable             = "hsm_groups"     // also hinted when members change
	PartitionsTable         = "hsm_partitions" // also hinted when members change
	RedfishEndpointsTable   = "hsm_redfish_endpoints"
	ComponentEndpointsTable = "hsm_component_endpoints"
	EthernetInterfacesTable = "hsm_ethernet_interfaces"
)

// Walker reads what a BMC says of itself; *redfish.Driver is one.
type Walker interface {
	Walk(ctx context.Context, address string, login redfish.Login) (redfish.Inventory, error)
}

// Service is the embedded Hardware State Manager.
type Service struct {
	db      *store.DB
	journal *journal.Journal
	walker  Walker
	now     func() time.Time
}

// NewService returns the service on db. Start makes it discover.
func NewService(db *store.DB, j *journal.Journal, walker Walker, now func() time.Time) *Service {
	return &Service{db: db, journal: j, walker: walker, now: now}
}

// Start begins to discover endpoints, those first that an earlier process left
// unfinished, and to end expired reservations. It returns at once.
func (s *Service) Start(ctx context.Context) {}

// Stop ends what Start began and waits for it.
func (s *Service) Stop() {}

// Credentials is the login of the controller; fault.NotFound if there is none.
func (s *Service) Credentials(ctx context.Context, bmc string) (redfish.Login, error) {
	return redfish.Login{}, nil
}
