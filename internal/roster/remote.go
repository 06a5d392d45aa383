package roster

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// pageSize is how many components are asked for at a time, idsAtATime how many are named
// in a URL.
const (
	pageSize   = 5000
	idsAtATime = 200
)

// once has a client try once.
func once(c *httpapi.Client) *httpapi.Client {
	one := *c
	one.Retries = 0
	return &one
}

// HSMAt asks the Hardware State Manager over its interface, as PCSAt, BOSAt, CFSAt and IMSAt
// ask the others.
func HSMAt(c *httpapi.Client) Ask[Hardware] {
	c = once(c)
	return func(ctx context.Context, sel Selection) ([]Hardware, error) {
		var out struct{ Components []Hardware }
		var err error
		switch few := sel.Few(); {
		case few == nil:
			_, err = c.Do(ctx, http.MethodGet, "/State/Components", url.Values{"type": {"Node"}}, nil, &out)
		case len(few) > 0:
			_, err = c.Do(ctx, http.MethodPost, "/State/Components/Query", nil, map[string]any{"ComponentIDs": few}, &out)
		}
		return out.Components, err
	}
}

// PCSAt asks the power service.
func PCSAt(c *httpapi.Client) Ask[Power] {
	c = once(c)
	return func(ctx context.Context, sel Selection) ([]Power, error) {
		few := sel.Few()
		if few != nil && len(few) == 0 {
			return nil, nil
		}
		body := map[string]any{}
		if few != nil {
			body["xname"] = few
		}
		var out struct {
			Status []Power `json:"status"`
		}
		_, err := c.Do(ctx, http.MethodPost, "/v1/power-status", nil, body, &out)
		return out.Status, err
	}
}

// IMSAt asks the image service.
func IMSAt(c *httpapi.Client) Ask[Image] {
	c = once(c)
	return func(ctx context.Context, _ Selection) (out []Image, err error) {
		_, err = c.Do(ctx, http.MethodGet, "/v3/images", nil, nil, &out)
		return out, err
	}
}

// queries are those by which the nodes are asked for: one for all, or one for each chunk of
// names.
func (s *Selection) queries() (list []url.Values) {
	few := s.Few()
	if few == nil {
		return []url.Values{{}}
	}
	for chunk := range slices.Chunk(few, idsAtATime) {
		list = append(list, url.Values{"ids": {strings.Join(chunk, ",")}})
	}
	return list
}

// BOSAt asks the boot service.
func BOSAt(c *httpapi.Client) Ask[Component] {
	c = once(c)
	return func(ctx context.Context, sel Selection) (all []Component, err error) {
		c := *c
		if sel.Tenant != "" {
			c.Header = http.Header{"Cray-Tenant-Name": {sel.Tenant}}
		}
		for _, q := range sel.queries() {
			q.Set("page_size", strconv.Itoa(pageSize))
			for {
				var page []Component
				if _, err := c.Do(ctx, http.MethodGet, "/v2/components", q, nil, &page); err != nil {
					return nil, refusal(err)
				}
				all = append(all, page...)
				if len(page) < pageSize {
					break
				}
				q.Set("start_after_id", page[len(page)-1].ID)
			}
		}
		return all, nil
	}
}

// refusal makes a fault of an answer that finds the request wrong.
func refusal(err error) error {
	var answer *httpapi.StatusError
	if errors.As(err, &answer) && answer.Status == http.StatusBadRequest {
		return fault.Titled(fault.Invalid, answer.Title, "%s", answer.Detail)
	}
	return err
}

// CFSAt asks the configuration service.
func CFSAt(c *httpapi.Client) Ask[Config] {
	c = once(c)
	return func(ctx context.Context, sel Selection) (all []Config, err error) {
		for _, q := range sel.queries() {
			q.Set("limit", strconv.Itoa(pageSize))
			for {
				var page struct {
					Components []Config
					Next       *struct {
						AfterID string `json:"after_id"`
					}
				}
				if _, err := c.Do(ctx, http.MethodGet, "/v3/components", q, nil, &page); err != nil {
					return nil, err
				}
				all = append(all, page.Components...)
				if page.Next == nil {
					break
				}
				q.Set("after_id", page.Next.AfterID)
			}
		}
		return all, nil
	}
}
