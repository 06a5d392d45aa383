package hsm

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/redfish"
)

// Client asks the service, embedded or real.
type Client struct{ http *httpapi.Client }

// NewClient returns a client of the service that c reaches.
func NewClient(c *httpapi.Client) *Client { return &Client{http: c} }

// Ready returns an error if the service cannot work.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.http.Do(ctx, http.MethodGet, "/service/ready", nil, nil, nil)
	return err
}

// Components returns the components that the query parameters of
// GET /State/Components select; nil selects all.
func (c *Client) Components(ctx context.Context, query url.Values) ([]Component, error) {
	var out componentArray
	_, err := c.http.Do(ctx, http.MethodGet, "/State/Components", query, nil, &out)
	return out.Components, err
}

// Query returns the components that q selects. Unknown IDs are left out.
func (c *Client) Query(ctx context.Context, q ComponentQuery) ([]Component, error) {
	var out componentArray
	_, err := c.http.Do(ctx, http.MethodPost, "/State/Components/Query", nil, q, &out)
	return out.Components, err
}

// SetState sets state and flag of the components, as the state machine allows:
// those that it does not, and unknown ones, stay as they are. An empty flag is
// OK.
func (c *Client) SetState(ctx context.Context, ids []string, state, flag string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := c.http.Do(ctx, http.MethodPatch, "/State/Components/BulkStateData", nil,
		manyStates{Many{ids}, StatePatch{State: state, Flag: flag}}, nil)
	return err
}

// Groups returns all groups with their members.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	var out []Group
	_, err := c.http.Do(ctx, http.MethodGet, "/groups", nil, nil, &out)
	return out, err
}

// CreateGroup adds a group; a 409 answer means that it exists.
func (c *Client) CreateGroup(ctx context.Context, g Group) error {
	_, err := c.http.Do(ctx, http.MethodPost, "/groups", nil, g, nil)
	return err
}

// Partitions returns all partitions with their members.
func (c *Client) Partitions(ctx context.Context) ([]Partition, error) {
	var out []Partition
	_, err := c.http.Do(ctx, http.MethodGet, "/partitions", nil, nil, &out)
	return out, err
}

// LockedNodes returns the xnames of the nodes that are locked. Releases of the
// published service before 2.45 call none of them a component not found.
func (c *Client) LockedNodes(ctx context.Context) ([]string, error) {
	var out lockStatuses
	_, err := c.http.Do(ctx, http.MethodGet, "/locks/status", url.Values{"type": {"Node"}, "locked": {"True"}}, nil, &out)
	var refused *httpapi.StatusError
	if errors.As(err, &refused) && refused.Status == http.StatusBadRequest && strings.Contains(refused.Detail, "Component not found") {
		return nil, nil
	}
	ids := make([]string, len(out.Components))
	for i, s := range out.Components {
		ids[i] = s.ID
	}
	return ids, err
}

// idsPerURL bounds how long a URL gets.
const idsPerURL = 200

// ComponentEndpoints returns the endpoints of the components; nil asks for
// all. Unknown IDs are left out.
func (c *Client) ComponentEndpoints(ctx context.Context, ids []string) ([]ComponentEndpoint, error) {
	const path = "/Inventory/ComponentEndpoints"
	var out []ComponentEndpoint
	ask := func(query url.Values) error {
		var page componentEndpointArray
		_, err := c.http.Do(ctx, http.MethodGet, path, query, nil, &page)
		out = append(out, page.ComponentEndpoints...)
		return err
	}
	if ids == nil {
		return out, ask(nil)
	}
	for len(ids) > 0 {
		n := min(len(ids), idsPerURL)
		if err := ask(url.Values{"id": ids[:n]}); err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return out, nil
}

// EthernetInterfaces returns the interfaces that the query parameters of
// GET /Inventory/EthernetInterfaces select, such as ComponentID; nil selects all.
func (c *Client) EthernetInterfaces(ctx context.Context, query url.Values) ([]EthernetInterface, error) {
	var out []EthernetInterface
	_, err := c.http.Do(ctx, http.MethodGet, "/Inventory/EthernetInterfaces", query, nil, &out)
	return out, err
}

// SetIPAddress makes ip the one address of the interface with the MAC, which
// is added, belonging to no component, if HSM does not know it.
func (c *Client) SetIPAddress(ctx context.Context, mac, ip string) error {
	const path = "/Inventory/EthernetInterfaces"
	addresses := []IPAddress{{IPAddress: ip}}
	_, err := c.http.Do(ctx, http.MethodPatch, path+"/"+MACID(mac), nil, map[string]any{"IPAddresses": addresses}, nil)
	if httpapi.IsStatus(err, http.StatusNotFound) {
		_, err = c.http.Do(ctx, http.MethodPost, path, nil, map[string]any{"MACAddress": mac, "IPAddresses": addresses}, nil)
	}
	return err
}

// AddRedfishEndpoints adds endpoints, all or none.
func (c *Client) AddRedfishEndpoints(ctx context.Context, endpoints []RedfishEndpoint) error {
	_, err := c.http.Do(ctx, http.MethodPost, "/Inventory/RedfishEndpoints", nil,
		redfishEndpointArray{RedfishEndpoints: endpoints}, nil)
	return err
}

// RedfishEndpoint returns the endpoint of the controller, without its
// password; fault.NotFound if there is none.
func (c *Client) RedfishEndpoint(ctx context.Context, xname string) (RedfishEndpoint, error) {
	var out RedfishEndpoint
	_, err := c.http.Do(ctx, http.MethodGet, "/Inventory/RedfishEndpoints/"+url.PathEscape(xname), nil, nil, &out)
	if httpapi.IsStatus(err, http.StatusNotFound) {
		err = fault.New(fault.NotFound, "HSM has no Redfish endpoint '%s': %w", xname, err)
	}
	return out, err
}

// RedfishEndpoints returns all endpoints, without their passwords.
func (c *Client) RedfishEndpoints(ctx context.Context) ([]RedfishEndpoint, error) {
	var out redfishEndpointArray
	_, err := c.http.Do(ctx, http.MethodGet, "/Inventory/RedfishEndpoints", nil, nil, &out)
	return out.RedfishEndpoints, err
}

// MoveRedfishEndpoint tells the controller's new address, and the login there:
// that of before counts no more.
func (c *Client) MoveRedfishEndpoint(ctx context.Context, xname, fqdn string, login redfish.Login) error {
	_, err := c.http.Do(ctx, http.MethodPatch, "/Inventory/RedfishEndpoints/"+url.PathEscape(xname), nil,
		map[string]string{"FQDN": fqdn, "User": login.Username, "Password": login.Password}, nil)
	return err
}

// Discover asks for the discovery of the endpoints, nil for all; it does not
// wait.
func (c *Client) Discover(ctx context.Context, xnames []string) error {
	_, err := c.http.Do(ctx, http.MethodPost, "/Inventory/Discover", nil, map[string]any{"xnames": xnames}, nil)
	return err
}

// MACID is the ID of the interface with the MAC: lower case, no separators.
func MACID(mac string) string { return strings.ToLower(separators.Replace(mac)) }

var separators = strings.NewReplacer(":", "", "-", "", ".", "", "_", "")
