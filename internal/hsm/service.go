package hsm

import (
	"context"
	"strconv"
	"time"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
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
	HardwareTable           = "hsm_hardware"
)

// Walker reads what a BMC says of itself; *redfish.Driver is one.
type Walker interface {
	Walk(ctx context.Context, address string, login redfish.Login) (redfish.Inventory, error)
}

// Service is the embedded Hardware State Manager.
type Service struct {
	db      *store.DB
	journal *journal.Journal
	now     func() time.Time
	words   Values // the built-in ones and the site's

	components   *store.Table[Component]
	reservations *store.Table[reservation]
	groups       *store.Table[Group]     // without their members
	partitions   *store.Table[Partition] // without their members
	members      *store.Table[member]
	endpoints    *store.Table[endpoint]
	credentials  *store.Table[credential]
	found        *store.Table[ComponentEndpoint]
	interfaces   *store.Table[EthernetInterface]
	hardware     *store.Table[place]
	loose        *store.Table[FRU] // parts that are in no place
	history      *store.Table[HardwareEvent]
	services     *store.Table[endpointServices]
	nodeMaps     *store.Table[NodeMap]
	powerMaps    *store.Table[PowerMap]

	subscriptions *store.Table[Subscription]
	notifications *store.Table[kept]

	discovery *discovery
	notifier  *notifier
	reaper    *events.Loop
}

// NewService returns the service on db. Start makes it discover.
func NewService(db *store.DB, j *journal.Journal, walker Walker, now func() time.Time) *Service {
	s := &Service{db: db, journal: j, now: now, words: values,
		components: store.NewTable(db, store.Spec[Component]{Name: ComponentsTable, Kind: "Component", Held: true, Logged: true,
			Key: func(c *Component) string { return c.ID },
			Indexes: []store.Index[Component]{
				{Column: "type", Of: func(c *Component) string { return c.Type }},
				{Column: "nid", Of: nidColumn}}}),
		reservations: store.NewTable(db, store.Spec[reservation]{Name: "hsm_reservations", Kind: "Reservation", Held: true, Logged: true,
			Key: func(r *reservation) string { return r.ID }}),
		groups: store.NewTable(db, store.Spec[Group]{Name: GroupsTable, Kind: "Group", Held: true,
			Key: func(g *Group) string { return g.Label }}),
		partitions: store.NewTable(db, store.Spec[Partition]{Name: PartitionsTable, Kind: "Partition", Held: true,
			Key: func(p *Partition) string { return p.Name }}),
		members: store.NewTable(db, store.Spec[member]{Name: "hsm_members", Kind: "Member", Held: true,
			Key:     func(m *member) string { return m.key() },
			Indexes: []store.Index[member]{{Column: "component", Of: func(m *member) string { return m.ID }}}}),
		endpoints: store.NewTable(db, store.Spec[endpoint]{Name: RedfishEndpointsTable, Kind: "RedfishEndpoint",
			Key:     func(e *endpoint) string { return e.ID },
			Indexes: []store.Index[endpoint]{{Column: "status", Of: func(e *endpoint) string { return e.DiscoveryInfo.LastStatus }}}}),
		credentials: store.NewTable(db, store.Spec[credential]{Name: "hsm_credentials", Kind: "Credential",
			Key: func(c *credential) string { return c.Xname }}),
		found: store.NewTable(db, store.Spec[ComponentEndpoint]{Name: ComponentEndpointsTable, Kind: "ComponentEndpoint",
			Key: func(e *ComponentEndpoint) string { return e.ID },
			Indexes: []store.Index[ComponentEndpoint]{
				{Column: "type", Of: func(e *ComponentEndpoint) string { return e.Type }},
				{Column: "redfish_endpoint", Of: func(e *ComponentEndpoint) string { return e.RedfishEndpointID }}}}),
		interfaces: store.NewTable(db, store.Spec[EthernetInterface]{Name: EthernetInterfacesTable, Kind: "EthernetInterface", Held: true,
			Key: func(e *EthernetInterface) string { return e.ID },
			Indexes: []store.Index[EthernetInterface]{
				{Column: "component", Of: func(e *EthernetInterface) string { return e.ComponentID }}}}),
	}
	s.inventoryTables(db)
	s.discovery = newDiscovery(s, walker)
	s.notifier = newNotifier(s)
	s.reaper = &events.Loop{Name: "hsm expired reservations", Resync: func() time.Duration { return reapEvery },
		Run: func(ctx context.Context, _ events.Wake) error { return s.reap(ctx) }}
	return s
}

// inventoryTables are those of what discovery finds besides components, and of
// what it asks for.
func (s *Service) inventoryTables(db *store.DB) {
	s.hardware = store.NewTable(db, store.Spec[place]{Name: HardwareTable, Kind: "Hardware",
		Key: func(p *place) string { return p.Hardware.ID },
		Indexes: []store.Index[place]{
			{Column: "type", Of: func(p *place) string { return p.Hardware.Type }},
			{Column: "fruid", Of: (*place).fruID},
			{Column: "redfish_endpoint", Of: func(p *place) string { return p.Endpoint }}}})
	s.loose = store.NewTable(db, store.Spec[FRU]{Name: "hsm_loose_frus", Kind: "FRU", Key: func(f *FRU) string { return f.ID }})
	s.history = store.NewTable(db, store.Spec[HardwareEvent]{Name: "hsm_hardware_history", Kind: "HardwareEvent", Key: (*HardwareEvent).key,
		Indexes: []store.Index[HardwareEvent]{{Column: "fruid", Of: func(e *HardwareEvent) string { return e.FRUID }}}})
	s.services = store.NewTable(db, store.Spec[endpointServices]{Name: "hsm_service_endpoints", Kind: "ServiceEndpoints",
		Key: func(e *endpointServices) string { return e.ID }})
	s.nodeMaps = store.NewTable(db, store.Spec[NodeMap]{Name: "hsm_node_maps", Kind: "NodeMap", Key: func(m *NodeMap) string { return m.ID },
		Indexes: []store.Index[NodeMap]{{Column: "nid", Of: func(m *NodeMap) string { return strconv.Itoa(*m.NID) }}}})
	s.powerMaps = store.NewTable(db, store.Spec[PowerMap]{Name: "hsm_power_maps", Kind: "PowerMap", Key: func(m *PowerMap) string { return m.ID }})
	s.subscriptions = store.NewTable(db, store.Spec[Subscription]{Name: "hsm_subscriptions", Kind: "Subscription", Key: func(sub *Subscription) string { return sub.ID }})
	s.notifications = store.NewTable(db, store.Spec[kept]{Name: "hsm_notifications", Kind: "Notification", Key: func(k *kept) string { return k.Key }})
}

func nidColumn(c *Component) string {
	if c.NID == nil {
		return ""
	}
	return strconv.Itoa(*c.NID)
}

// Start begins to discover endpoints, those first that an earlier process left
// unfinished, to deliver notifications, and to end expired reservations. It
// returns at once.
func (s *Service) Start(ctx context.Context) {
	s.notifier.start(ctx)
	s.discovery.start(ctx)
	s.reaper.Start(ctx)
}

// Stop ends what Start began and waits for it.
func (s *Service) Stop() {
	s.reaper.Stop()
	s.discovery.stop()
	s.notifier.stop()
}

// Ready tells whether the database answers.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.db.Ping(ctx); err != nil {
		return fault.New(fault.Unavailable, "HSM's database is not healthy: %w", err)
	}
	return nil
}

// Credentials is the login of the controller; fault.NotFound if there is none.
func (s *Service) Credentials(ctx context.Context, bmc string) (redfish.Login, error) {
	c, err := s.credentials.Get(ctx, xname.Normalize(bmc))
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "no login of '%s' is known: give User and Password of its Redfish endpoint", bmc)
	}
	return c.login(), err
}
