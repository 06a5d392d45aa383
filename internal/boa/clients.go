package boa

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type inventory struct{ hsm *hsm.Client }

func (i inventory) Nodes(ctx context.Context, ids []string) ([]Node, error) {
	var found []hsm.Component
	var err error
	if ids == nil {
		found, err = i.hsm.Components(ctx, url.Values{"type": {"Node"}})
	} else if len(ids) > 0 {
		found, err = i.hsm.Query(ctx, hsm.ComponentQuery{ComponentIDs: ids, Type: []string{"Node"}})
	}
	out := make([]Node, len(found))
	for n := range found {
		c := &found[n]
		out[n] = Node{ID: c.ID, Role: c.Role, State: c.State, Enabled: c.IsEnabled()}
	}
	return out, err
}

func (i inventory) Groups(ctx context.Context) (map[string][]string, error) {
	found, err := i.hsm.Groups(ctx)
	out := make(map[string][]string, len(found))
	for _, g := range found {
		out[g.Label] = g.Members.IDs
	}
	return out, err
}

func (i inventory) Partitions(ctx context.Context) (map[string][]string, error) {
	found, err := i.hsm.Partitions(ctx)
	out := make(map[string][]string, len(found))
	for _, p := range found {
		out[p.Name] = p.Members.IDs
	}
	return out, err
}

type parameters struct{ bss *bss.Client }

// namesPerCall bounds how long a URL gets.
const namesPerCall = 200

func (p parameters) Known(ctx context.Context, nodes []string) (map[string]bool, error) {
	known := map[string]bool{}
	for chunk := range slices.Chunk(nodes, namesPerCall) {
		found, err := p.bss.BootParameters(ctx, chunk)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, entry := range found {
			for _, host := range entry.Hosts {
				known[host] = true
			}
		}
	}
	return known, nil
}

func (p parameters) Put(ctx context.Context, nodes []string, a bootset.Artifacts) error {
	_, err := p.bss.PutBootParameters(ctx, bss.BootParameters{Hosts: nodes, Kernel: a.Kernel, Initrd: a.Initrd, Params: a.KernelParameters})
	return err
}

// capmc speaks the published interface of CAPMC.
type capmc struct{ http *httpapi.Client }

// notReserved is CAPMC's code for components that it could not reserve.
const notReserved = 37

// capmcAnswer is what every call of CAPMC answers: an error is told inside a
// 200.
type capmcAnswer struct {
	Code    int    `json:"e"`
	Message string `json:"err_msg"`
	Nodes   []struct {
		Xname   string `json:"xname"`
		Code    int    `json:"e"`
		Message string `json:"err_msg"`
	} `json:"xnames"`
	On        []string `json:"on"`
	Off       []string `json:"off"`
	Undefined []string `json:"undefined"`
}

func (c capmc) call(ctx context.Context, path string, body any) (out capmcAnswer, err error) {
	_, err = c.http.Do(ctx, http.MethodPost, path, nil, body, &out)
	return out, err
}

func (c capmc) Status(ctx context.Context, nodes []string) (map[string]string, error) {
	found, err := c.call(ctx, "/get_xname_status", map[string]any{"xnames": nodes})
	if err != nil {
		return nil, err
	}
	states := make(map[string]string, len(nodes))
	for _, n := range nodes {
		states[n] = powerUndefined
	}
	for state, list := range map[string][]string{powerOn: found.On, powerOff: found.Off} {
		for _, n := range list {
			states[n] = state
		}
	}
	return states, nil
}

func (c capmc) On(ctx context.Context, nodes []string, reason string) (map[string]string, error) {
	return c.power(ctx, "/xname_on", nodes, map[string]any{"xnames": nodes, "reason": reason})
}

func (c capmc) Off(ctx context.Context, nodes []string, force bool, reason string) (map[string]string, error) {
	return c.power(ctx, "/xname_off", nodes, map[string]any{"xnames": nodes, "reason": reason, "force": force})
}

func (c capmc) power(ctx context.Context, path string, nodes []string, body any) (map[string]string, error) {
	a, err := c.call(ctx, path, body)
	if err != nil {
		return nil, err
	}
	return a.refused(nodes), nil
}

// refused are the nodes to which the call did not get, and why. When CAPMC
// could reserve none it names none.
func (a *capmcAnswer) refused(nodes []string) map[string]string {
	out := map[string]string{}
	for _, n := range a.Nodes {
		if n.Code != 0 {
			out[n.Xname] = fmt.Sprintf("CAPMC: %s (e %d)", n.Message, n.Code)
		}
	}
	if a.Code == notReserved || a.Code != 0 && len(out) == 0 {
		for _, n := range nodes {
			if out[n] == "" {
				out[n] = fmt.Sprintf("CAPMC: %s (e %d)", a.Message, a.Code)
			}
		}
	}
	return out
}

// cfs speaks version 2 of the published interface, as agents do.
type cfs struct{ http *httpapi.Client }

const (
	stagedPerCall = 1000
	askedPerCall  = 200
)

func (c cfs) Stage(ctx context.Context, nodes []string, configuration, session string, now bool) error {
	type component struct {
		ID         string            `json:"id"`
		Enabled    bool              `json:"enabled"`
		Desired    string            `json:"desiredConfig"`
		ErrorCount int               `json:"errorCount"`
		State      []json.RawMessage `json:"state"`
		Tags       map[string]string `json:"tags"`
	}
	for chunk := range slices.Chunk(nodes, stagedPerCall) {
		list := make([]component, len(chunk))
		for i, n := range chunk {
			// Without its state a node is configured anew, and nothing that was
			// said before is taken for the outcome.
			list[i] = component{n, now, configuration, 0, []json.RawMessage{}, map[string]string{"bos_session": session}}
		}
		if _, err := c.http.Do(ctx, http.MethodPatch, "/components", nil, list, nil); err != nil {
			return err
		}
	}
	return nil
}

func (c cfs) Status(ctx context.Context, nodes []string) (map[string]string, error) {
	out := make(map[string]string, len(nodes))
	for chunk := range slices.Chunk(nodes, askedPerCall) {
		var found []struct {
			ID     string `json:"id"`
			Status string `json:"configurationStatus"`
		}
		if _, err := c.http.Do(ctx, http.MethodGet, "/components", url.Values{"ids": {strings.Join(chunk, ",")}}, nil, &found); err != nil {
			return nil, err
		}
		for _, f := range found {
			out[f.ID] = f.Status
		}
	}
	return out, nil
}

// patient is a client that outlasts a restart of the service: it tries for some
// minutes, also when the service says that it stops: all that the agent asks
// for may be asked for twice. A try may take long: power calls return when all
// BMCs were asked.
func (s *Settings) client(service, base string) *httpapi.Client {
	c := httpapi.NewClient(service, base, s.over)
	if s.Token != "" && strings.HasPrefix(base, s.Gateway+"/") {
		c.Header = http.Header{"Authorization": {"Bearer " + s.Token}}
	}
	c.Retries, c.Repeats, c.HTTP.Timeout = 16, true, 15*time.Minute
	return c
}
