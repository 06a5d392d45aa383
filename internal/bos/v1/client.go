package v1

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// Client makes the calls by which an agent reports.
type Client struct{ http *httpapi.Client }

// NewClient returns a client of the service that c reaches.
func NewClient(c *httpapi.Client) *Client { return &Client{http: c} }

// Session describes a session.
func (c *Client) Session(ctx context.Context, id string) (out SessionDetails, err error) {
	_, err = c.http.Do(ctx, http.MethodGet, sessionPath(id), nil, nil, &out)
	return out, err
}

// TellTimes tells when the session began or ended.
func (c *Client) TellTimes(ctx context.Context, id string, t Times) error {
	_, err := c.http.Do(ctx, http.MethodPatch, sessionPath(id)+"/status", nil, metadata(Progress{}, t), nil)
	return err
}

// CreateBootSet begins the status of a boot set and returns it as it was kept:
// nodes that somebody else moves are excluded. One that there is already is
// returned as it stands.
func (c *Client) CreateBootSet(ctx context.Context, b BootSetStatus) (BootSetStatus, error) {
	path := sessionPath(b.Session) + "/status/" + url.PathEscape(b.Name)
	var out BootSetRecord
	_, err := c.http.Do(ctx, http.MethodPost, path, nil, bootSetRecord(&b), &out)
	if httpapi.IsStatus(err, http.StatusConflict) {
		_, err = c.http.Do(ctx, http.MethodGet, path, nil, nil, &out)
	}
	if err != nil {
		return BootSetStatus{}, err
	}
	return out.status(b.Session, b.Name)
}

// UpdateBootSet makes changes of a boot set's status, all or none.
func (c *Client) UpdateBootSet(ctx context.Context, session, name string, updates []Update) error {
	var requests []UpdateRequest
	add := func(kind, phase string, data any) error {
		raw, err := json.Marshal(data)
		requests = append(requests, UpdateRequest{UpdateType: kind, Phase: phase, Data: raw})
		return err
	}
	for _, u := range updates {
		if u.Destination != "" {
			if err := add("NodeChangeList", u.Phase, NodeChange{Phase: u.Phase, Source: u.Source, Destination: u.Destination, NodeList: u.Nodes}); err != nil {
				return err
			}
		}
		if len(u.Errors) > 0 {
			if err := add("NodeErrorsList", u.Phase, u.Errors); err != nil {
				return err
			}
		}
		if u.Times != (Times{}) {
			if err := add("GenericMetadata", u.Phase, metadata(Progress{}, u.Times)); err != nil {
				return err
			}
		}
	}
	_, err := c.http.Do(ctx, http.MethodPatch, sessionPath(session)+"/status/"+url.PathEscape(name), nil, requests, nil)
	return err
}
