package bss

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Client asks the service, embedded or real.
type Client struct{ http *httpapi.Client }

// NewClient returns a client of the service that c reaches.
func NewClient(c *httpapi.Client) *Client { return &Client{http: c} }

// tokenHeader carries the referral token of POST and PUT.
const tokenHeader = "BSS-Referral-Token"

// PutBootParameters replaces the entries and returns their new referral token.
// An answer without a token is an error if p names hosts.
func (c *Client) PutBootParameters(ctx context.Context, p BootParameters) (token string, err error) {
	header, err := c.http.Do(ctx, http.MethodPut, "/boot/v1/bootparameters", nil, p, nil)
	if err != nil {
		return "", err
	}
	token = header.Get(tokenHeader)
	if token == "" && len(p.Hosts)+len(p.MACs)+len(p.NIDs) > 0 {
		return "", fmt.Errorf("answer of %s to PUT bootparameters has no header %s", c.http.Service, tokenHeader)
	}
	return token, nil
}

// PatchBootParameters changes entries that exist; fault.NotFound if one does
// not.
func (c *Client) PatchBootParameters(ctx context.Context, p BootParameters) error {
	_, err := c.http.Do(ctx, http.MethodPatch, "/boot/v1/bootparameters", nil, p, nil)
	return notFound(err)
}

// BootParameters returns the entries of the names, nil for all; fault.NotFound
// if there is none.
func (c *Client) BootParameters(ctx context.Context, names []string) (out []BootParameters, err error) {
	query := url.Values{}
	if len(names) > 0 {
		query.Set("name", strings.Join(names, ","))
	}
	_, err = c.http.Do(ctx, http.MethodGet, "/boot/v1/bootparameters", query, nil, &out)
	return out, notFound(err)
}

// MetaData returns the element of the caller's cloud-init meta-data that the
// key names, such as Global.cfs_public_key; fault.NotFound if there is none.
func (c *Client) MetaData(ctx context.Context, key string) (out json.RawMessage, err error) {
	_, err = c.http.Do(ctx, http.MethodGet, "/meta-data", url.Values{"key": {key}}, nil, &out)
	return out, notFound(err)
}

func notFound(err error) error {
	if httpapi.IsStatus(err, http.StatusNotFound) {
		return fault.New(fault.NotFound, "%w", err)
	}
	return err
}
