package cli

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/cli/watch"
	"github.com/drover-hpc/drover/internal/explain"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// configurationFailed is how the boot service says that a node failed by its
// configuration.
const configurationFailed = "cfs configuration failed"

// Bounds of what is asked about nodes that failed: nodes at a time, results
// of a session.
const (
	whyNodes   = 200
	whyResults = 10_000
)

// sayWhy adds to the errors of nodes whose configuration failed which task did,
// and its message. Each node is asked about once; what the configuration
// service does not tell is not told.
func (b *bootSession) sayWhy(ctx context.Context, components []watch.Component) {
	var unknown []string
	for i := range components {
		if c := &components[i]; c.Error == configurationFailed {
			if _, asked := b.why[c.ID]; !asked {
				unknown = append(unknown, c.ID)
				b.why[c.ID] = ""
			}
		}
	}
	sessions := map[string]bool{}
	for nodes := range slices.Chunk(unknown, whyNodes) {
		b.failedIn(ctx, nodes, sessions)
	}
	for name := range sessions {
		b.failedTasks(ctx, name)
	}
	for i := range components {
		if c := &components[i]; c.Error == configurationFailed && b.why[c.ID] != "" {
			c.Error += ": " + b.why[c.ID]
		}
		components[i].Error = harmless(components[i].Error)
	}
}

// failedIn adds the configuration sessions in which the nodes failed.
func (b *bootSession) failedIn(ctx context.Context, nodes []string, sessions map[string]bool) {
	q := url.Values{"ids": {strings.Join(nodes, ",")}, "state_details": {"true"}, "limit": {strconv.Itoa(len(nodes))}}
	var page struct {
		Components []struct{ State []explain.Layer }
	}
	if b.get(ctx, "/apis/cfs/v3/components?"+q.Encode(), &page) != nil {
		return
	}
	for i := range page.Components {
		if name := explain.LastFailure(page.Components[i].State); name != "" {
			sessions[name] = true
		}
	}
}

// failedTasks notes the first task of each node that failed in the session.
func (b *bootSession) failedTasks(ctx context.Context, session string) {
	q := url.Values{"status": {"failed,unreachable"}, "limit": {strconv.Itoa(whyResults)}}
	var page struct{ Results []explain.FailedTask }
	if b.get(ctx, cfsSessions+httpapi.Segment(session)+"/results?"+q.Encode(), &page) != nil {
		return
	}
	for i := range page.Results {
		if one := &page.Results[i]; b.why[one.Host] == "" {
			b.why[one.Host] = one.Words()
		}
	}
}
