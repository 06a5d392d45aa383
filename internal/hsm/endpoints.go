package hsm

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// RedfishEndpoints returns the endpoints that the parameters select: id, fqdn,
// type, uuid, macaddr, ipaddress, laststatus.
func (s *Service) RedfishEndpoints(ctx context.Context, p Parameters) ([]RedfishEndpoint, error) {
	wished, err := newEndpointWishes(p)
	if err != nil {
		return nil, err
	}
	q := store.Query{Keys: wished.ids}
	if len(wished.statuses) > 0 {
		q.Where = []store.Match{{Column: "status", In: wished.statuses}}
	}
	rows, err := s.endpoints.List(ctx, q)
	out := []RedfishEndpoint{}
	for i := range rows {
		if e := &rows[i].RedfishEndpoint; wished.match(e) {
			out = append(out, *e)
		}
	}
	return out, err
}

// normalized spells xnames as keys; nil, which stands for all, stays nil.
func normalized(ids []string) []string {
	var out []string
	for _, id := range ids {
		out = append(out, xname.Normalize(id))
	}
	return out
}

// oneOf tells whether the value is wanted, in any letter case; no wish takes
// all.
func oneOf(wanted []string, value string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(w, value) })
}

// RedfishEndpoint returns one endpoint.
func (s *Service) RedfishEndpoint(ctx context.Context, id string) (RedfishEndpoint, error) {
	e, err := s.endpoints.Get(ctx, xname.Normalize(id))
	if fault.Is(err, fault.NotFound) {
		err = noSuchEndpoint(id)
	}
	return e.RedfishEndpoint, err
}

func noSuchEndpoint(id string) error {
	return fault.New(fault.NotFound, "no such xname: '%s' is no Redfish endpoint", id)
}

// AddRedfishEndpoints adds endpoints with what was found there, all or none,
// discovers those that ask for it, and returns their IDs as kept.
func (s *Service) AddRedfishEndpoints(ctx context.Context, given []PostedEndpoint) ([]string, error) {
	if len(given) == 0 {
		return nil, fault.New(fault.Invalid, "Missing RedfishEndpoints")
	}
	ids := make([]string, len(given))
	for i := range given {
		if err := given[i].settle(); err != nil {
			return nil, err
		}
		if err := given[i].check(); err != nil {
			return nil, err
		}
		ids[i] = given[i].ID
	}
	if twice := firstTwice(ids); twice != "" {
		return nil, fault.New(fault.Invalid, "endpoint '%s' is given twice", twice)
	}
	err := s.db.InTx(ctx, func(ctx context.Context) error { return s.insertEndpoints(ctx, given) })
	s.notifier.wake()
	if err == nil {
		s.discovery.wake()
	}
	return ids, err
}

// insertEndpoints records endpoints that were checked.
func (s *Service) insertEndpoints(ctx context.Context, given []PostedEndpoint) error {
	rows := make([]endpoint, len(given))
	logins := make([]credential, 0, len(given))
	for i := range given {
		e := given[i].RedfishEndpoint
		if e.User != "" || e.Password != "" {
			logins = append(logins, credential{e.ID, e.User, e.Password})
		}
		e.Password, e.DiscoveryInfo = "", DiscoveryInfo{LastStatus: NotYetQueried}
		rows[i] = endpoint{RedfishEndpoint: e}
		if e.RediscoverOnUpdate {
			rows[i].ask(s.now(), false)
		}
	}
	if err := s.endpoints.Insert(ctx, rows...); err != nil {
		return err
	}
	if err := s.credentials.Put(ctx, logins...); err != nil {
		return err
	}
	return s.adoptPosted(ctx, given)
}

func firstTwice(ids []string) string {
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if seen[id] {
			return id
		}
		seen[id] = true
	}
	return ""
}

// ChangeRedfishEndpoint merges what was sent into the endpoint, or, when whole
// is set, replaces the endpoint by it, which creates one that there is not, and
// discovers it if it asks for that.
func (s *Service) ChangeRedfishEndpoint(ctx context.Context, id string, sent []byte, whole bool) (RedfishEndpoint, error) {
	key := xname.Normalize(id)
	var after endpoint
	moved := false
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		var posted PostedEndpoint
		after, err = s.endpoints.UpdateOne(ctx, key, func(e *endpoint) error {
			posted = PostedEndpoint{}
			if !whole {
				posted.RedfishEndpoint = e.RedfishEndpoint
				posted.forgetAddress(sent)
			}
			if err := posted.take(sent, key, id); err != nil {
				return err
			}
			info := e.DiscoveryInfo
			if moved = e.isElsewhere(&posted.RedfishEndpoint); moved && posted.Password == "" {
				info.LastError = errMoved
			}
			e.RedfishEndpoint = posted.RedfishEndpoint
			e.Password, e.DiscoveryInfo = "", info
			if e.RediscoverOnUpdate {
				e.ask(s.now(), true)
			}
			return nil
		})
		switch {
		case fault.Is(err, fault.NotFound) && whole:
			after, err = s.createAt(ctx, key, id, sent)
			return err
		case fault.Is(err, fault.NotFound):
			return noSuchEndpoint(id)
		case err != nil:
			return err
		}
		if moved && posted.Password == "" {
			_, err = s.credentials.Delete(ctx, key)
		} else {
			err = s.keepLogin(ctx, key, after.User, posted.Password)
		}
		if err != nil {
			return err
		}
		return s.adoptPosted(ctx, []PostedEndpoint{posted})
	})
	s.notifier.wake()
	if err == nil {
		s.discovery.wake()
	}
	return after.RedfishEndpoint, err
}

// createAt adds the endpoint that was sent to the path of id.
func (s *Service) createAt(ctx context.Context, key, id string, sent []byte) (endpoint, error) {
	var posted PostedEndpoint
	if err := posted.take(sent, key, id); err != nil {
		return endpoint{}, err
	}
	if err := s.insertEndpoints(ctx, []PostedEndpoint{posted}); err != nil {
		return endpoint{}, err
	}
	return s.endpoints.Get(ctx, key)
}

// take merges what was sent to the path of id, which is key, and checks it.
func (p *PostedEndpoint) take(sent []byte, key, id string) error {
	if err := json.Unmarshal(sent, p); err != nil {
		return fault.New(fault.Invalid, "error decoding JSON: %w", err)
	}
	if p.ID == "" {
		p.ID = key
	}
	if err := p.settle(); err != nil {
		return err
	}
	if p.ID != key {
		return fault.New(fault.Invalid, "ID is '%s', the path says '%s'", p.ID, id)
	}
	return p.check()
}

// forgetAddress has a changed host name or address take effect where the full
// name was derived from the old one, and a changed full name where they were not.
func (e *RedfishEndpoint) forgetAddress(sent []byte) {
	var names struct{ Hostname, Domain, IPAddress, FQDN *string }
	if json.Unmarshal(sent, &names) == nil && names.FQDN == nil &&
		(names.Hostname != nil || names.Domain != nil || names.IPAddress != nil) {
		e.FQDN = ""
	} else if names.FQDN != nil && names.Hostname == nil && names.Domain == nil {
		e.Hostname, e.Domain = "", ""
	}
}

// errMoved is what an endpoint says that lost its password.
const errMoved = "its address is another one than that for which its password was given: give User and Password again"

// isElsewhere tells whether the other is reached at another address, or less
// safely: who changes that must not have the password of before sent there.
func (e *RedfishEndpoint) isElsewhere(other *RedfishEndpoint) bool {
	return !strings.EqualFold(strings.TrimPrefix(e.FQDN, "https://"), strings.TrimPrefix(other.FQDN, "https://")) ||
		e.IPAddress != "" && other.IPAddress != "" && e.IPAddress != other.IPAddress
}

// keepLogin changes the user and, if one is given, the password.
func (s *Service) keepLogin(ctx context.Context, bmc, user, password string) error {
	old, err := s.credentials.Get(ctx, bmc)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if password == "" {
		password = old.Password
	}
	if user == old.Username && password == old.Password {
		return nil
	}
	return s.credentials.Put(ctx, credential{bmc, user, password})
}

// DeleteRedfishEndpoints removes the endpoints, nil for all, with their logins
// and with what was found there; the components stay, in state Empty. It
// returns how many there were.
func (s *Service) DeleteRedfishEndpoints(ctx context.Context, ids []string) (n int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if ids == nil {
			all, err := s.endpoints.List(ctx, store.Query{})
			if err != nil {
				return err
			}
			for i := range all {
				ids = append(ids, all[i].ID)
			}
		}
		ids = normalized(ids)
		gone, err := s.endpoints.Delete(ctx, ids...)
		if err != nil || len(gone) == 0 {
			return err
		}
		n = len(gone)
		if _, err := s.credentials.Delete(ctx, ids...); err != nil {
			return err
		}
		if _, err := s.services.Delete(ctx, ids...); err != nil {
			return err
		}
		return s.vacate(ctx, ids)
	})
	s.notifier.wake()
	return n, err
}

// vacate empties what was found at the endpoints.
func (s *Service) vacate(ctx context.Context, endpoints []string) error {
	found, err := s.found.List(ctx, store.Query{Where: []store.Match{{Column: "redfish_endpoint", In: endpoints}}})
	if err != nil {
		return err
	}
	ids := make([]string, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	if _, err := s.found.Delete(ctx, ids...); err != nil {
		return err
	}
	return s.empty(ctx, ids)
}

// Discover asks for the discovery of the endpoints, none for all; it does not
// wait. One that is under way goes on, unless force starts it again.
func (s *Service) Discover(ctx context.Context, ids []string, force bool) error {
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		keys := normalized(ids)
		if len(keys) == 0 {
			all, err := s.endpoints.List(ctx, store.Query{})
			if err != nil {
				return err
			}
			for i := range all {
				keys = append(keys, all[i].ID)
			}
		}
		asked, _, err := s.endpoints.Update(ctx, keys, func(e *endpoint) error {
			if !e.ask(s.now(), force) {
				return store.ErrUnchanged
			}
			return nil
		})
		if err == nil && len(asked) == 0 {
			err = fault.New(fault.NotFound, "No matching RedfishEndpoints found")
		}
		return err
	})
	if err == nil {
		s.discovery.wake()
	}
	return err
}

// DiscoveryStatus is how far discovery as a whole is.
type DiscoveryStatus struct {
	ID             int            `json:"ID" doc:"Always 0: there is one"`
	Status         string         `json:"Status" enum:"NotStarted,Pending,InProgress,Complete" doc:"Whether endpoints are being discovered"`
	LastUpdateTime time.Time      `json:"LastUpdateTime" doc:"When a discovery was last asked for"`
	Details        map[string]int `json:"Details,omitempty" doc:"How many endpoints are in which status"`
}

// DiscoveryStatus tells how far discovery is.
func (s *Service) DiscoveryStatus(ctx context.Context) (DiscoveryStatus, error) {
	all, err := s.endpoints.List(ctx, store.Query{})
	d := DiscoveryStatus{Status: "NotStarted", Details: map[string]int{}}
	for i := range all {
		info := &all[i].DiscoveryInfo
		d.Details[info.LastStatus]++
		if at := info.LastAttempt; at != nil && at.After(d.LastUpdateTime) {
			d.LastUpdateTime, d.Status = *at, "Complete"
		}
	}
	if d.Details[DiscoveryStarted] > 0 {
		d.Status = "InProgress"
	}
	return d, err
}
