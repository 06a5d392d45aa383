package tapms

import (
	"context"
	"net/http"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Client asks the service, embedded or real.
type Client struct{ http *httpapi.Client }

// NewClient returns a client of the service that c reaches.
func NewClient(c *httpapi.Client) *Client { return &Client{http: c} }

// List returns all tenants.
func (c *Client) List(ctx context.Context) ([]Tenant, error) {
	var all struct{ Items []Tenant }
	_, err := c.http.Do(ctx, http.MethodGet, "/v1alpha3/tenants", nil, nil, &all)
	return all.Items, err
}

// Tenant returns the tenant with the name or UUID; fault.NotFound if there is
// none.
func (c *Client) Tenant(ctx context.Context, name string) (Tenant, error) {
	var t Tenant
	_, err := c.http.Do(ctx, http.MethodGet, "/v1alpha3/tenants/"+httpapi.Segment(name), nil, nil, &t)
	if httpapi.IsStatus(err, http.StatusNotFound) {
		err = fault.New(fault.NotFound, "tenant '%s' does not exist: %w", name, err)
	}
	return t, err
}
