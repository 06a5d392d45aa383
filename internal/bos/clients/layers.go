package clients

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/bos/plan"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type layers struct{ http *httpapi.Client }

// Layers asks CFS v3 for what plans tell of configurations.
func Layers(c *httpapi.Client) plan.Layers { return layers{c} }

// layer is one of a configuration, or of what ran on a node.
type layer struct {
	Name     string `json:"name"`
	CloneURL string `json:"clone_url"`
	Source   string `json:"source"`
	Playbook string `json:"playbook"`
	Commit   string `json:"commit"`
	Status   string `json:"status"`
}

// planned is the layer as plans have it. That of a configuration may name a source, and no
// playbook.
func (l *layer) planned(sources map[string]string, playbook string) plan.Layer {
	return plan.Layer{Name: l.Name, Repository: cmp.Or(l.CloneURL, sources[l.Source]), Playbook: cmp.Or(l.Playbook, playbook), Commit: l.Commit,
		Applied: l.Status != "failed" && l.Status != "incomplete"} // by which CFS goes, too
}

func (c layers) Wanted(ctx context.Context, configuration string) (out []plan.Layer, err error) {
	var found struct{ Layers []layer }
	_, err = c.http.Do(ctx, http.MethodGet, "/v3/configurations/"+httpapi.Segment(configuration), nil, nil, &found)
	var answer *httpapi.StatusError
	if errors.As(err, &answer) && answer.Status == http.StatusNotFound {
		return nil, fault.New(fault.NotFound, "CFS has no configuration '%s'", configuration)
	}
	var sources map[string]string
	if err == nil && slices.ContainsFunc(found.Layers, func(l layer) bool { return l.Source != "" }) {
		sources, err = c.sources(ctx)
	}
	var options struct {
		Playbook string `json:"default_playbook"`
	}
	if err == nil && slices.ContainsFunc(found.Layers, func(l layer) bool { return l.Playbook == "" }) {
		_, err = c.http.Do(ctx, http.MethodGet, "/v3/options", nil, nil, &options)
	}
	for i := range found.Layers {
		out = append(out, found.Layers[i].planned(sources, options.Playbook))
	}
	return out, err
}

// sources are the repositories by the names of sources.
func (c layers) sources(ctx context.Context) (map[string]string, error) {
	var found struct {
		Sources []struct {
			Name     string `json:"name"`
			CloneURL string `json:"clone_url"`
		}
	}
	_, err := c.http.Do(ctx, http.MethodGet, "/v3/sources", nil, nil, &found)
	out := make(map[string]string, len(found.Sources))
	for _, s := range found.Sources {
		out[s.Name] = s.CloneURL
	}
	return out, err
}

func (c layers) Ran(ctx context.Context, nodes []string) (map[string][]plan.Layer, error) {
	out := make(map[string][]plan.Layer, len(nodes))
	for chunk := range slices.Chunk(nodes, idsPerGet) {
		var page struct {
			Components []struct {
				ID    string
				State []layer
			}
		}
		q := url.Values{"ids": {strings.Join(chunk, ",")}, "limit": {strconv.Itoa(len(chunk))}, "state_details": {"true"}}
		if _, err := c.http.Do(ctx, http.MethodGet, componentsPath, q, nil, &page); err != nil {
			return nil, err
		}
		for _, found := range page.Components {
			for i := range found.State {
				out[found.ID] = append(out[found.ID], found.State[i].planned(nil, ""))
			}
		}
	}
	return out, nil
}
