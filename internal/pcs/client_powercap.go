package pcs

import (
	"context"
	"net/http"
	"net/url"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// SnapshotCaps begins to read the power caps of the nodes and returns the
// task's id at once.
func (c *Client) SnapshotCaps(ctx context.Context, xnames []string) (string, error) {
	var out struct{ TaskID string }
	_, err := c.http.Do(ctx, http.MethodPost, "/v1/power-cap/snapshot", nil, map[string]any{"xnames": xnames}, &out)
	return out.TaskID, err
}

// SetCaps begins to set power caps and returns the task's id at once.
func (c *Client) SetCaps(ctx context.Context, orders []CapOrder) (string, error) {
	var out struct{ TaskID string }
	_, err := c.http.Do(ctx, http.MethodPatch, "/v1/power-cap", nil, map[string]any{"components": orders}, &out)
	return out.TaskID, err
}

// CapTask returns a power cap task with its components; fault.NotFound if there
// is none (any more).
func (c *Client) CapTask(ctx context.Context, id string) (CapTask, error) {
	var out CapTask
	_, err := c.http.Do(ctx, http.MethodGet, "/v1/power-cap/"+url.PathEscape(id), nil, nil, &out)
	if httpapi.IsStatus(err, http.StatusNotFound) {
		err = fault.New(fault.NotFound, "power cap task %s does not exist: %w", id, err)
	}
	return out, err
}
