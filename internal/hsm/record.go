package hsm

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// noteDiscovery is the kind of the journal's lines about discovery.
const noteDiscovery = "discovery"

// record writes what walks found, in one transaction. Walks that were
// overtaken by another request, or whose endpoint is gone, count for nothing.
func (s *Service) record(ctx context.Context, batch []result) error {
	var told map[string]outcome
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		mountains, err := s.mountains(ctx, batch)
		if err != nil {
			return err
		}
		found := make(map[string]finding, len(batch))
		results := make(map[string]*result, len(batch))
		ids := make([]string, len(batch))
		for i := range batch {
			e := &batch[i].walk.endpoint.RedfishEndpoint
			ids[i], results[e.ID] = e.ID, &batch[i]
			if batch[i].err == nil {
				found[e.ID] = mapInventory(e, batch[i].inventory, mountains[chassisBMC(e.ID)])
			}
		}
		if told, err = s.conclude(ctx, ids, results, found); err != nil {
			return err
		}
		return s.adopt(ctx, merge(found, told))
	})
	s.notifier.wake()
	if err == nil {
		for i := range batch {
			e := &batch[i].walk.endpoint.RedfishEndpoint
			if o, ok := told[e.ID]; ok {
				o.log(e)
			}
		}
	}
	return err
}

// conclude writes into the endpoints how their walks went, and returns that of
// those that count.
func (s *Service) conclude(ctx context.Context, ids []string, results map[string]*result, found map[string]finding) (map[string]outcome, error) {
	var failed []journal.Entry
	told := map[string]outcome{}
	_, _, err := s.endpoints.Update(ctx, ids, func(e *endpoint) error {
		r, f := results[e.ID], found[e.ID]
		if e.Walk != r.walk.endpoint.Walk || e.DiscoveryInfo.LastStatus != DiscoveryStarted {
			return store.ErrUnchanged
		}
		o := outcomeOf(r, &f)
		info := &e.DiscoveryInfo
		info.LastStatus, info.LastError, info.Problems = o.status, o.words, o.gaps
		if o.status != DiscoverOK {
			failed = append(failed, journal.Entry{Node: e.ID, Source: "hsm", Kind: noteDiscovery, Failed: true,
				Text: "discovery failed: " + o.words})
		}
		if r.err == nil {
			info.RedfishVersion, e.UUID = r.inventory.RedfishVersion, r.inventory.UUID
		}
		told[e.ID] = o
		return nil
	})
	if err != nil {
		return nil, err
	}
	return told, s.journal.Append(ctx, failed...)
}

// merge puts together what was found at the endpoints whose walks count.
func merge(found map[string]finding, told map[string]outcome) finding {
	all := finding{unread: map[string][]string{}}
	for id, f := range found {
		if _, counts := told[id]; counts {
			all.components = append(all.components, f.components...)
			all.endpoints = append(all.endpoints, f.endpoints...)
			all.interfaces = append(all.interfaces, f.interfaces...)
			all.hardware = append(all.hardware, f.hardware...)
			all.services = append(all.services, f.services...)
			all.walked = append(all.walked, id)
			maps.Copy(all.unread, f.unread)
		}
	}
	return all
}

// chassisBMC is the controller of the chassis that the name lies in.
func chassisBMC(id string) string {
	for ; id != ""; id = xname.Parent(id) {
		if xname.TypeOf(id) == xname.Chassis {
			return id + "b0"
		}
	}
	return ""
}

// mountains are the chassis controllers, among those of the batch, that are
// known endpoints.
func (s *Service) mountains(ctx context.Context, batch []result) (map[string]bool, error) {
	bmcs := make([]string, 0, len(batch))
	for i := range batch {
		bmcs = append(bmcs, chassisBMC(batch[i].walk.endpoint.ID))
	}
	slices.Sort(bmcs)
	rows, err := s.endpoints.List(ctx, store.Query{Keys: slices.Compact(bmcs)})
	known := make(map[string]bool, len(rows))
	for i := range rows {
		known[rows[i].ID] = true
	}
	return known, err
}

// adopt records findings. What people set (role, NID, enabled, addresses)
// stays; what is no longer there loses its component endpoint and is Empty.
func (s *Service) adopt(ctx context.Context, f finding) error {
	if len(f.components) == 0 {
		return nil
	}
	if err := s.dropVanished(ctx, f.endpoints, f.unread); err != nil {
		return err
	}
	if err := s.adoptComponents(ctx, f.components); err != nil {
		return err
	}
	if err := s.found.Put(ctx, f.endpoints...); err != nil {
		return err
	}
	if err := s.adoptInterfaces(ctx, f.interfaces); err != nil {
		return err
	}
	if err := s.adoptHardware(ctx, &f); err != nil {
		return err
	}
	if err := s.adoptServices(ctx, f.services, f.unread); err != nil {
		return err
	}
	var entries []journal.Entry
	for i := range f.components {
		if c := &f.components[i]; c.Type == string(xname.Node) {
			entries = append(entries, journal.Entry{Node: c.ID, Source: "hsm", Kind: noteDiscovery,
				Text: fmt.Sprintf("discovered at %s: power %s, processor %s", xname.Parent(c.ID), c.State, c.Arch)})
		}
	}
	return s.journal.Append(ctx, entries...)
}

// dropVanished forgets what the endpoints showed before and do not show now,
// unless it could not be read.
func (s *Service) dropVanished(ctx context.Context, now []ComponentEndpoint, unread map[string][]string) error {
	shown := make(map[string]bool, len(now))
	controllers := make([]string, len(now))
	for i := range now {
		shown[now[i].ID], controllers[i] = true, now[i].RedfishEndpointID
	}
	slices.Sort(controllers)
	controllers = slices.Compact(controllers)
	before, err := s.found.List(ctx, store.Query{Where: []store.Match{{Column: "redfish_endpoint", In: controllers}}})
	if err != nil {
		return err
	}
	var gone []string
	for i := range before {
		if !shown[before[i].ID] && !isUnread(before[i].OdataID, unread[before[i].RedfishEndpointID]) {
			gone = append(gone, before[i].ID)
		}
	}
	if _, err := s.found.Delete(ctx, gone...); err != nil {
		return err
	}
	return s.empty(ctx, gone)
}

// isUnread tells whether the path is one of those, or below one.
func isUnread(path string, unread []string) bool {
	return slices.ContainsFunc(unread, func(u string) bool { return path == u || strings.HasPrefix(path, u+"/") })
}

// empty puts components that are no longer there into state Empty.
func (s *Service) empty(ctx context.Context, ids []string) error {
	_, err := s.updateComponents(ctx, ids, func(c *Component) bool { return set(&c.State, stateEmpty) })
	return err
}

func (s *Service) adoptComponents(ctx context.Context, found []Component) error {
	byID := make(map[string]*Component, len(found))
	ids := make([]string, len(found))
	for i := range found {
		ids[i], byID[found[i].ID] = found[i].ID, &found[i]
	}
	missing, err := s.updateComponents(ctx, ids, func(c *Component) bool { return c.rediscover(*byID[c.ID]) })
	if err != nil {
		return err
	}
	enabled := true
	added := make([]Component, len(missing))
	for i, id := range missing {
		added[i] = *byID[id]
		added[i].Enabled = &enabled
	}
	return s.addComponents(ctx, added)
}

// adoptInterfaces records whose interfaces are; of known ones the description
// stays, and the addresses unless the finding tells some.
func (s *Service) adoptInterfaces(ctx context.Context, found []EthernetInterface) error {
	byID := make(map[string]*EthernetInterface, len(found))
	ids := make([]string, len(found))
	for i := range found {
		ids[i], byID[found[i].ID] = found[i].ID, &found[i]
	}
	now := s.now().UTC()
	_, missing, err := s.interfaces.Update(ctx, ids, func(e *EthernetInterface) error {
		f := byID[e.ID]
		told := len(f.IPAddresses) > 0 && !slices.Equal(e.IPAddresses, f.IPAddresses)
		if e.ComponentID == f.ComponentID && e.Type == f.Type && !told {
			return store.ErrUnchanged
		}
		e.ComponentID, e.Type, e.LastUpdate = f.ComponentID, f.Type, now
		if told {
			e.IPAddresses = f.IPAddresses
		}
		return nil
	})
	if err != nil {
		return err
	}
	added := make([]EthernetInterface, len(missing))
	for i, id := range missing {
		added[i] = *byID[id]
		added[i].LastUpdate = now
	}
	return s.interfaces.Put(ctx, added...)
}
