package clients

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type configurations struct{ http *httpapi.Client }

// Configurations asks CFS v3. It has a small client of its own because BOS and
// CFS live on the same floor.
func Configurations(c *httpapi.Client) bos.Configurations { return configurations{c} }

const (
	componentsPath = "/v3/components"
	// idsPerGet and idsPerPatch bound an answer and a transaction. (A URL has no
	// limit: CFS is in this process.)
	idsPerGet   = 1000
	idsPerPatch = 1000
)

func (c configurations) Components(ctx context.Context, ids []string) ([]bos.Configuration, error) {
	var out []bos.Configuration
	for chunk := range slices.Chunk(ids, idsPerGet) {
		found, err := c.query(ctx, url.Values{"ids": {strings.Join(chunk, ",")}, "limit": {strconv.Itoa(len(chunk))}})
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// query reads all pages.
func (c configurations) query(ctx context.Context, q url.Values) ([]bos.Configuration, error) {
	var out []bos.Configuration
	for {
		var page struct {
			Components []struct {
				ID      string `json:"id"`
				Desired string `json:"desired_config"`
				Status  string `json:"configuration_status"`
				Enabled bool   `json:"enabled"`
			} `json:"components"`
			Next *struct {
				AfterID string `json:"after_id"`
			} `json:"next"`
		}
		if _, err := c.http.Do(ctx, http.MethodGet, componentsPath, q, nil, &page); err != nil {
			return nil, err
		}
		for _, p := range page.Components {
			out = append(out, bos.Configuration{Node: p.ID, Desired: p.Desired, Status: p.Status, Enabled: p.Enabled})
		}
		if page.Next == nil || page.Next.AfterID == "" {
			return out, nil
		}
		q.Set("after_id", page.Next.AfterID)
	}
}

func (c configurations) Patch(ctx context.Context, ids []string, patch json.RawMessage) error {
	for chunk := range slices.Chunk(ids, idsPerPatch) {
		body := map[string]any{"patch": patch, "filters": map[string]string{"ids": strings.Join(chunk, ",")}}
		if _, err := c.http.Do(ctx, http.MethodPatch, componentsPath, nil, body, nil); err != nil {
			return err
		}
	}
	return nil
}
