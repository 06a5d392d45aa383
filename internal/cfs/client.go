package cfs

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// maxIDs bounds the ids of one filter: a request line has its limits.
const maxIDs = 1000

// Client calls the v3 interface of the service, embedded or real.
type Client struct{ http *httpapi.Client }

// NewClient returns a client of the service that c reaches.
func NewClient(c *httpapi.Client) *Client { return &Client{http: c} }

// Components returns the components with the ids, or all for nil, with their
// statuses and without their states. Unknown ids are left out.
func (c *Client) Components(ctx context.Context, ids []string) ([]Component, error) {
	if ids == nil {
		return c.components(ctx, url.Values{})
	}
	var out []Component
	for chunk := range slices.Chunk(ids, 200) {
		found, err := c.components(ctx, url.Values{"ids": {strings.Join(chunk, ",")}})
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// components reads all pages of a query.
func (c *Client) components(ctx context.Context, q url.Values) ([]Component, error) {
	var out []Component
	for {
		var page struct {
			Components []Component
			Next       *struct {
				AfterID string `json:"after_id"`
			}
		}
		if _, err := c.http.Do(ctx, http.MethodGet, "/v3/components", q, nil, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Components...)
		if page.Next == nil {
			return out, nil
		}
		q.Set("after_id", page.Next.AfterID)
	}
}

// Component returns one component with its state and the layers it should have.
func (c *Client) Component(ctx context.Context, id string) (Component, error) {
	var out Component
	_, err := c.http.Do(ctx, http.MethodGet, "/v3/components/"+httpapi.Segment(id),
		url.Values{"state_details": {"true"}, "config_details": {"true"}}, nil, &out)
	return out, err
}

// PatchComponents applies one patch, a component in JSON, to those of the ids
// that exist.
func (c *Client) PatchComponents(ctx context.Context, ids []string, patch json.RawMessage) error {
	for chunk := range slices.Chunk(ids, maxIDs) {
		body := map[string]any{"patch": patch, "filters": map[string]string{"ids": strings.Join(chunk, ",")}}
		if _, err := c.http.Do(ctx, http.MethodPatch, "/v3/components", nil, body, nil); err != nil {
			return err
		}
	}
	return nil
}

// PutComponents writes whole components; computed fields are left out.
func (c *Client) PutComponents(ctx context.Context, components []Component) error {
	body := make([]ComponentPatch, len(components))
	for i, comp := range components {
		body[i] = comp.asInput()
	}
	_, err := c.http.Do(ctx, http.MethodPut, "/v3/components", nil, body, nil)
	return err
}

// ReportComponents records how layers ended, all or none, and has the server
// keep the error counts.
func (c *Client) ReportComponents(ctx context.Context, reports []Report) error {
	_, err := c.http.Do(ctx, http.MethodPatch, "/v3/components", url.Values{"count_errors": {"true"}}, reports, nil)
	return err
}

// Session returns the session with the name.
func (c *Client) Session(ctx context.Context, name string) (Session, error) {
	var out Session
	_, err := c.http.Do(ctx, http.MethodGet, "/v3/sessions/"+httpapi.Segment(name), nil, nil, &out)
	return out, err
}

// Configuration returns the configuration with the name.
func (c *Client) Configuration(ctx context.Context, name string) (Configuration, error) {
	var out Configuration
	_, err := c.http.Do(ctx, http.MethodGet, "/v3/configurations/"+httpapi.Segment(name), nil, nil, &out)
	return out, err
}

// SetImageJob notes the session's job in IMS; of several the last one stands.
func (c *Client) SetImageJob(ctx context.Context, session, id string) error {
	return c.patchSession(ctx, session, map[string]any{"session": map[string]string{"ims_job": id}})
}

// AddArtifact notes an image that the session made.
func (c *Client) AddArtifact(ctx context.Context, session string, a Artifact) error {
	return c.patchSession(ctx, session, map[string]any{"artifacts": []Artifact{a}})
}

func (c *Client) patchSession(ctx context.Context, name string, status map[string]any) error {
	_, err := c.http.Do(ctx, http.MethodPatch, "/v3/sessions/"+httpapi.Segment(name), nil, map[string]any{"status": status}, nil)
	return err
}
