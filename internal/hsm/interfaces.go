package hsm

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// settle spells the interface as it is kept and checks it.
func (e *EthernetInterface) settle() error {
	if e.MACAddress == "" {
		return fault.New(fault.Invalid, "Missing MACAddress")
	}
	mac, ok := colons(e.MACAddress)
	if !ok {
		return fault.New(fault.Invalid, "MACAddress '%s' is no MAC address", e.MACAddress)
	}
	e.MACAddress, e.ID = mac, MACID(mac)
	if err := e.assign(e.ComponentID); err != nil {
		return err
	}
	return e.address(e.IPAddresses)
}

// assign makes the interface that of a component, or of none.
func (e *EthernetInterface) assign(component string) error {
	e.ComponentID, e.Type = "", ""
	if component == "" {
		return nil
	}
	ids, err := xnames([]string{component})
	if err != nil {
		return fault.New(fault.Invalid, "ComponentID: %w", err)
	}
	e.ComponentID, e.Type = ids[0], string(xname.TypeOf(ids[0]))
	return nil
}

// address replaces the addresses.
func (e *EthernetInterface) address(addresses []IPAddress) error {
	e.IPAddresses = append([]IPAddress{}, addresses...)
	for i, a := range e.IPAddresses {
		ip := net.ParseIP(a.IPAddress)
		if ip == nil {
			return fault.New(fault.Invalid, "IPAddress '%s' is no IP address", a.IPAddress)
		}
		e.IPAddresses[i].IPAddress = ip.String()
		if e.place(a.IPAddress) != i {
			return fault.New(fault.Invalid, "IPAddress '%s' is given twice", a.IPAddress)
		}
	}
	return nil
}

// place is the index of the address in any spelling, -1 if the interface does
// not have it.
func (e *EthernetInterface) place(ip string) int {
	if parsed := net.ParseIP(ip); parsed != nil {
		ip = parsed.String()
	}
	return slices.IndexFunc(e.IPAddresses, func(a IPAddress) bool { return a.IPAddress == ip })
}

// EthernetInterfaces returns the interfaces that the parameters select:
// macaddress, ipaddress, network, componentid, type, olderthan, newerthan.
func (s *Service) EthernetInterfaces(ctx context.Context, p Parameters) ([]EthernetInterface, error) {
	wished, err := newInterfaceWishes(p)
	if err != nil {
		return nil, err
	}
	q := store.Query{Keys: wished.macs}
	if len(wished.components) > 0 {
		q.Where = []store.Match{{Column: "component", In: wished.components}}
	}
	older, err := instant("OlderThan", p["olderthan"])
	if err != nil {
		return nil, err
	}
	newer, err := instant("NewerThan", p["newerthan"])
	if err != nil {
		return nil, err
	}
	rows, err := s.interfaces.List(ctx, q)
	out := []EthernetInterface{}
	for i := range rows {
		e := &rows[i]
		if wished.match(e) && (older.IsZero() || e.LastUpdate.Before(older)) && (newer.IsZero() || e.LastUpdate.After(newer)) {
			out = append(out, *e)
		}
	}
	return out, err
}

func instant(name string, given []string) (time.Time, error) {
	if len(given) == 0 {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, given[0])
	if err != nil {
		return t, badQuery(name + " is '" + given[0] + "', expected a time as in RFC 3339")
	}
	return t, nil
}

// EthernetInterface returns one interface; id is a MAC in any spelling.
func (s *Service) EthernetInterface(ctx context.Context, id string) (EthernetInterface, error) {
	e, err := s.interfaces.Get(ctx, MACID(id))
	if fault.Is(err, fault.NotFound) {
		err = noSuchInterface(id)
	}
	return e, err
}

func noSuchInterface(id string) error {
	return fault.New(fault.NotFound, "no such component ethernet interface: %s", id)
}

// AddEthernetInterface adds an interface and returns its ID.
func (s *Service) AddEthernetInterface(ctx context.Context, e EthernetInterface) (string, error) {
	if err := e.settle(); err != nil {
		return "", err
	}
	e.LastUpdate = s.now().UTC()
	return e.ID, s.interfaces.Insert(ctx, e)
}

// ChangeEthernetInterface alters an interface. One that stays as it was, such as
// by a node that tells the same address at each boot, is not written.
func (s *Service) ChangeEthernetInterface(ctx context.Context, id string, change func(*EthernetInterface) error) error {
	_, missing, err := s.interfaces.Update(ctx, []string{MACID(id)}, func(e *EthernetInterface) error {
		before := *e
		before.IPAddresses = slices.Clone(e.IPAddresses)
		if err := change(e); err != nil {
			return err
		}
		if e.same(&before) {
			return store.ErrUnchanged
		}
		e.LastUpdate = s.now().UTC()
		return nil
	})
	if err == nil && len(missing) > 0 {
		err = noSuchInterface(id)
	}
	return err
}

// DeleteEthernetInterfaces removes the interfaces, nil for all, and returns
// how many there were.
func (s *Service) DeleteEthernetInterfaces(ctx context.Context, ids []string) (int, error) {
	return deleteRows(ctx, s.db, s.interfaces, ids, func(e *EthernetInterface) string { return e.ID })
}

// ComponentEndpoints returns the endpoints that the parameters select: id,
// redfish_ep, type, redfish_type.
func (s *Service) ComponentEndpoints(ctx context.Context, p Parameters) ([]ComponentEndpoint, error) {
	ids, err := wantedXnames("id", p["id"])
	if err != nil {
		return nil, err
	}
	controllers, err := wantedXnames("redfish_ep", p["redfish_ep"])
	if err != nil {
		return nil, err
	}
	types, err := wantedTypes(p["type"])
	if err != nil {
		return nil, err
	}
	q := store.Query{Keys: ids}
	if len(controllers) > 0 {
		q.Where = append(q.Where, store.Match{Column: "redfish_endpoint", In: controllers})
	}
	if len(types) > 0 {
		q.Where = append(q.Where, store.Match{Column: "type", In: types})
	}
	rows, err := s.found.List(ctx, q)
	out := []ComponentEndpoint{}
	for i := range rows {
		if oneOf(p["redfish_type"], rows[i].RedfishType) {
			out = append(out, rows[i])
		}
	}
	return out, err
}

// ComponentEndpoint returns one endpoint.
func (s *Service) ComponentEndpoint(ctx context.Context, id string) (ComponentEndpoint, error) {
	ids, err := xnames([]string{id})
	if err != nil {
		return ComponentEndpoint{}, err
	}
	e, err := s.found.Get(ctx, ids[0])
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "no such xname.")
	}
	return e, err
}

// DeleteComponentEndpoints removes the endpoints, nil for all, and returns how
// many there were.
func (s *Service) DeleteComponentEndpoints(ctx context.Context, ids []string) (int, error) {
	return deleteRows(ctx, s.db, s.found, ids, func(e *ComponentEndpoint) string { return e.ID })
}

// deleteRows deletes the rows with the keys, nil for all.
func deleteRows[T any](ctx context.Context, db *store.DB, t *store.Table[T], keys []string, key func(*T) string) (n int, err error) {
	err = db.InTx(ctx, func(ctx context.Context) error {
		if keys == nil {
			all, err := t.List(ctx, store.Query{})
			if err != nil {
				return err
			}
			for i := range all {
				keys = append(keys, key(&all[i]))
			}
		}
		gone, err := t.Delete(ctx, keys...)
		n = len(gone)
		return err
	})
	return n, err
}
