package bos

import (
	"context"
	"net/http"
	"net/url"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// Client calls BOS v2.
type Client struct{ http *httpapi.Client }

// NewClient returns a client of the service that c reaches.
func NewClient(c *httpapi.Client) *Client { return &Client{http: c} }

// PutTemplate creates or replaces the template t.Name.
func (c *Client) PutTemplate(ctx context.Context, t Template) error {
	body := templateInput{Description: t.Description, EnableCFS: t.EnableCFS, CFS: t.CFS, BootSets: t.BootSets}
	_, err := c.http.Do(ctx, http.MethodPut, "/v2/sessiontemplates/"+httpapi.Segment(t.Name), nil, body, nil)
	return err
}

// CreateSession starts a session and returns it.
func (c *Client) CreateSession(ctx context.Context, n SessionCreate) (SessionRecord, error) {
	var out SessionRecord
	_, err := c.http.Do(ctx, http.MethodPost, "/v2/sessions", nil, n, &out)
	return out, err
}

// Session describes a session.
func (c *Client) Session(ctx context.Context, name string) (SessionRecord, error) {
	var out SessionRecord
	_, err := c.http.Do(ctx, http.MethodGet, "/v2/sessions/"+httpapi.Segment(name), nil, nil, &out)
	return out, err
}

// SessionStatus tells how far a session is.
func (c *Client) SessionStatus(ctx context.Context, name string) (ExtendedStatus, error) {
	var out ExtendedStatus
	_, err := c.http.Do(ctx, http.MethodGet, "/v2/sessions/"+httpapi.Segment(name)+"/status", nil, nil, &out)
	return out, err
}

// Components lists the components that the query selects: session, status,
// enabled, phase, start_after_id, page_size and so on.
func (c *Client) Components(ctx context.Context, query url.Values) ([]ComponentRecord, error) {
	var out []ComponentRecord
	_, err := c.http.Do(ctx, http.MethodGet, "/v2/components", query, nil, &out)
	return out, err
}

// Component describes a component.
func (c *Client) Component(ctx context.Context, id string) (ComponentRecord, error) {
	var out ComponentRecord
	_, err := c.http.Do(ctx, http.MethodGet, "/v2/components/"+httpapi.Segment(id), nil, nil, &out)
	return out, err
}

// PatchComponent changes a component.
func (c *Client) PatchComponent(ctx context.Context, id string, p ComponentPatch) error {
	_, err := c.http.Do(ctx, http.MethodPatch, "/v2/components/"+httpapi.Segment(id), nil, p, nil)
	return err
}

// Report tells what the node booted. While BOS is about to change what it
// runs the answer is a 409; the node asks again later.
func (c *Client) Report(ctx context.Context, node, token string) error {
	return c.PatchComponent(ctx, node, Report(node, token))
}

// Options returns the settings.
func (c *Client) Options(ctx context.Context) (Options, error) {
	var out Options
	_, err := c.http.Do(ctx, http.MethodGet, "/v2/options", nil, nil, &out)
	return out, err
}

// SetOptions changes the settings named in patch.
func (c *Client) SetOptions(ctx context.Context, patch map[string]any) error {
	_, err := c.http.Do(ctx, http.MethodPatch, "/v2/options", nil, patch, nil)
	return err
}
