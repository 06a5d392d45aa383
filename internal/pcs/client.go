package pcs

import (
	"context"
	"net/http"
	"net/url"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Client calls a Power Control Service, the embedded one or the real one.
type Client struct{ http *httpapi.Client }

// NewClient returns a client; c's base ends in /apis/power-control or is the
// service's own root.
func NewClient(c *httpapi.Client) *Client { return &Client{http: c} }

// PowerStatus returns what is known of the components' power, in no promised
// order; nil asks for all. A component that PCS does not know has an Error.
func (c *Client) PowerStatus(ctx context.Context, xnames []string) ([]PowerStatus, error) {
	body := map[string]any{}
	if len(xnames) > 0 {
		body["xname"] = xnames
	}
	var out struct{ Status []PowerStatus }
	_, err := c.http.Do(ctx, http.MethodPost, "/v1/power-status", nil, body, &out)
	return out.Status, err
}

// Transition asks for the operation on the components and returns the
// transition's id at once. deadlineMinutes bounds each tier; 0 does not
// confirm, negative waits for ever.
func (c *Client) Transition(ctx context.Context, op string, xnames []string, deadlineMinutes int) (string, error) {
	locations := make([]Location, len(xnames))
	for i, x := range xnames {
		locations[i].Xname = x
	}
	return c.Begin(ctx, Operation(op), locations, deadlineMinutes)
}

// Begin is Transition for components of which the caller holds reservations.
func (c *Client) Begin(ctx context.Context, op Operation, locations []Location, deadlineMinutes int) (string, error) {
	in := make([]reservedLocation, len(locations))
	for i, l := range locations {
		in[i] = reservedLocation{Xname: l.Xname, DeputyKey: l.DeputyKey}
	}
	body := map[string]any{"operation": op, "taskDeadlineMinutes": deadlineMinutes, "location": in}
	var out struct{ TransitionID string }
	_, err := c.http.Do(ctx, http.MethodPost, "/v1/transitions", nil, body, &out)
	return out.TransitionID, err
}

// Ready returns an error if the service cannot work.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.http.Do(ctx, http.MethodGet, "/v1/readiness", nil, nil, nil)
	return err
}

// Describe returns a transition with its tasks; fault.NotFound if there is
// none (any more).
func (c *Client) Describe(ctx context.Context, id string) (Transition, error) {
	var out Transition
	_, err := c.http.Do(ctx, http.MethodGet, "/v1/transitions/"+url.PathEscape(id), nil, nil, &out)
	if httpapi.IsStatus(err, http.StatusNotFound) {
		err = fault.New(fault.NotFound, "transition %s does not exist: %w", id, err)
	}
	return out, err
}

// Abort has a transition send nothing more and end soon.
func (c *Client) Abort(ctx context.Context, id string) error {
	_, err := c.http.Do(ctx, http.MethodDelete, "/v1/transitions/"+url.PathEscape(id), nil, nil, nil)
	return err
}

// Transitions returns all transitions without their tasks.
func (c *Client) Transitions(ctx context.Context) ([]Transition, error) {
	var out struct{ Transitions []Transition }
	_, err := c.http.Do(ctx, http.MethodGet, "/v1/transitions", nil, nil, &out)
	return out.Transitions, err
}
