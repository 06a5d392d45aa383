package redfish

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// conditional makes a request that changes something. A BMC that demands to
// know which version of the resource is meant (428, 412) is told the present one.
func (d *Driver) conditional(ctx context.Context, address string, login Login, r request) (a answer, err error) {
	for range 3 { // it may change between the look and the request
		a, err = d.authorized(ctx, address, login, r)
		if status := statusOf(err); status != http.StatusPreconditionFailed && status != http.StatusPreconditionRequired {
			return a, err
		}
		etag, lookErr := d.etag(ctx, address, login, r.path)
		if lookErr != nil && VerdictOf(lookErr) == Later {
			return a, lookErr
		} else if lookErr != nil {
			return a, err
		}
		r.ifMatch = etag
	}
	return a, err
}

// etag is the version of the resource that an action's target belongs to; "*"
// where the BMC does not tell one.
func (d *Driver) etag(ctx context.Context, address string, login Login, target string) (string, error) {
	path, _, _ := strings.Cut(target, "/Actions/")
	a, err := d.authorized(ctx, address, login, request{method: http.MethodGet, path: path})
	if err != nil {
		return "", err
	}
	if etag := a.header.Get("ETag"); etag != "" {
		return etag, nil
	}
	var body struct {
		ETag string `json:"@odata.etag"`
	}
	if json.Unmarshal(a.body, &body) != nil || body.ETag == "" {
		return "*", nil
	}
	return body.ETag, nil
}
