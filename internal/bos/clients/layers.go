package clients

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/bos/plan"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Get decodes the answer to a GET of a path of CFS.
type Get func(ctx context.Context, path string, q url.Values, out any) error

// GetFrom is that of a client.
func GetFrom(c *httpapi.Client) Get {
	return func(ctx context.Context, path string, q url.Values, out any) error {
		_, err := c.Do(ctx, http.MethodGet, path, q, nil, out)
		return err
	}
}

// Layers asks CFS v3 for what plans tell of configurations.
type Layers struct{ Get Get }

var _ plan.Layers = Layers{}

// idsInURL bounds the names in a URL.
const idsInURL = 200

// layer is one of a configuration, or of what ran on a node.
type layer struct {
	Name     string `json:"name"`
	CloneURL string `json:"clone_url"`
	Source   string `json:"source"`
	Playbook string `json:"playbook"`
	Commit   string `json:"commit"`
	Status   string `json:"status"`
}

// Wanted implements plan.Layers. Sources are resolved and the default playbook is filled
// in, as CFS does it.
func (l Layers) Wanted(ctx context.Context, configuration string) (out []plan.Layer, err error) {
	var found struct{ Layers []layer }
	err = l.Get(ctx, "/v3/configurations/"+httpapi.Segment(configuration), nil, &found)
	var answer *httpapi.StatusError
	if errors.As(err, &answer) && answer.Status == http.StatusNotFound {
		return nil, fault.New(fault.NotFound, "CFS has no configuration '%s'", configuration)
	}
	var sources map[string]string
	if err == nil {
		sources, err = l.repositories(ctx, found.Layers)
	}
	var options struct {
		Playbook string `json:"default_playbook"`
	}
	if err == nil && slices.ContainsFunc(found.Layers, func(l layer) bool { return l.Playbook == "" }) {
		err = l.Get(ctx, "/v3/options", nil, &options)
	}
	for _, one := range found.Layers {
		out = append(out, plan.Layer{Name: one.Name, Repository: cmp.Or(one.CloneURL, sources[one.Source]), Playbook: cmp.Or(one.Playbook, options.Playbook), Commit: one.Commit})
	}
	return out, err
}

// repositories are those of the sources that layers name, by the sources' names.
func (l Layers) repositories(ctx context.Context, layers []layer) (map[string]string, error) {
	out := map[string]string{}
	for _, one := range layers {
		if _, known := out[one.Source]; known || one.Source == "" {
			continue
		}
		var source struct {
			CloneURL string `json:"clone_url"`
		}
		if err := l.Get(ctx, "/v3/sources/"+httpapi.Segment(one.Source), nil, &source); err != nil {
			return nil, fmt.Errorf("source '%s' of layer '%s': %w", one.Source, one.Name, err)
		}
		out[one.Source] = source.CloneURL
	}
	return out, nil
}

// Ran implements plan.Layers.
func (l Layers) Ran(ctx context.Context, nodes []string) (map[string]plan.Ran, error) {
	out := make(map[string]plan.Ran, len(nodes))
	for chunk := range slices.Chunk(nodes, idsInURL) {
		var page struct {
			Components []struct {
				ID      string
				Desired string `json:"desired_config"`
				State   []layer
			}
		}
		q := url.Values{"ids": {strings.Join(chunk, ",")}, "limit": {strconv.Itoa(len(chunk))}, "state_details": {"true"}}
		if err := l.Get(ctx, componentsPath, q, &page); err != nil {
			return nil, err
		}
		for _, found := range page.Components {
			ran := plan.Ran{Desired: found.Desired}
			for _, one := range found.State {
				ran.Layers = append(ran.Layers, plan.Layer{Name: one.Name, Repository: one.CloneURL, Playbook: one.Playbook, Commit: one.Commit,
					Applied: one.Status != "failed" && one.Status != "incomplete"}) // by which CFS goes, too
			}
			out[found.ID] = ran
		}
	}
	return out, nil
}
