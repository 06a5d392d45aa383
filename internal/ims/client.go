package ims

import (
	"context"
	"net/http"
	"net/url"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Client asks the service, embedded or real.
type Client struct{ http *httpapi.Client }

// NewClient returns a client of the service that c reaches.
func NewClient(c *httpapi.Client) *Client { return &Client{http: c} }

// Image returns the image with the ID; fault.NotFound if there is none or it
// is deleted.
func (c *Client) Image(ctx context.Context, id string) (out Image, err error) {
	_, err = c.http.Do(ctx, http.MethodGet, imagePath(id), nil, nil, &out)
	return out, notFound(err, id)
}

// Images returns all images.
func (c *Client) Images(ctx context.Context) (out []Image, err error) {
	_, err = c.http.Do(ctx, http.MethodGet, "/v3/images", nil, nil, &out)
	return out, err
}

// SetImageMetadata sets one annotation of the image; fault.NotFound if there is
// no such image.
func (c *Client) SetImageMetadata(ctx context.Context, id, key, value string) error {
	patch := ImagePatch{Metadata: &MetadataPatch{Operation: "set", Key: key, Value: value}}
	_, err := c.http.Do(ctx, http.MethodPatch, imagePath(id), nil, patch, nil)
	return notFound(err, id)
}

// CreateImage adds an image.
func (c *Client) CreateImage(ctx context.Context, n NewImage) (out Image, err error) {
	_, err = c.http.Do(ctx, http.MethodPost, "/v3/images", nil, n, &out)
	return out, err
}

func imagePath(id string) string { return "/v3/images/" + url.PathEscape(id) }

func notFound(err error, id string) error {
	if httpapi.IsStatus(err, http.StatusNotFound) {
		return fault.New(fault.NotFound, "image '%s' does not exist: %w", id, err)
	}
	return err
}
