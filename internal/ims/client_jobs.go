package ims

import (
	"context"
	"net/http"
	"net/url"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// CreatePublicKey adds a key.
func (c *Client) CreatePublicKey(ctx context.Context, n NewPublicKey) (out PublicKey, err error) {
	_, err = c.http.Do(ctx, http.MethodPost, "/v3/public-keys", nil, n, &out)
	return out, err
}

// DeletePublicKey removes a key; one that is not there is fine.
func (c *Client) DeletePublicKey(ctx context.Context, id string) error {
	_, err := c.http.Do(ctx, http.MethodDelete, "/v3/public-keys/"+url.PathEscape(id), nil, nil, nil)
	return unlessGone(err)
}

// CreateJob starts a job. It is not tried again when no answer came: there
// could be two.
func (c *Client) CreateJob(ctx context.Context, n NewJob) (out Job, err error) {
	_, err = c.http.Do(ctx, http.MethodPost, "/v3/jobs", nil, n, &out)
	return out, err
}

// Job returns the job with the ID; fault.NotFound if there is none.
func (c *Client) Job(ctx context.Context, id string) (out Job, err error) {
	_, err = c.http.Do(ctx, http.MethodGet, "/v3/jobs/"+url.PathEscape(id), nil, nil, &out)
	if httpapi.IsStatus(err, http.StatusNotFound) {
		err = fault.New(fault.NotFound, "job '%s' of IMS does not exist: %w", id, err)
	}
	return out, err
}

// Jobs returns all jobs.
func (c *Client) Jobs(ctx context.Context) (out []Job, err error) {
	_, err = c.http.Do(ctx, http.MethodGet, "/v3/jobs", nil, nil, &out)
	return out, err
}

// DeleteJob removes a job and kills it if it runs; one that is not there is
// fine.
func (c *Client) DeleteJob(ctx context.Context, id string) error {
	_, err := c.http.Do(ctx, http.MethodDelete, "/v3/jobs/"+url.PathEscape(id), nil, nil, nil)
	return unlessGone(err)
}

func unlessGone(err error) error {
	if httpapi.IsStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}
