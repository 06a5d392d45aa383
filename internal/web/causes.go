package web

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/roster"
)

// causes knows which task failed the nodes whose configuration failed: that is asked once
// for each failure.
type causes struct {
	gateway progress.Gateway
	known   map[string]cause // by node
}

// cause is why a node failed when its phase changed last.
type cause struct {
	since time.Time
	why   string
}

// causesAsked bounds the nodes about which is asked in a look; the others follow in the
// next ones.
const causesAsked = 200

// say adds the task to the errors of the nodes.
func (c *causes) say(ctx context.Context, nodes []roster.Node) {
	var unknown []progress.Component
	failed := map[string]cause{}
	for i := range nodes {
		n := &nodes[i]
		if n.Error != progress.ConfigurationFailed {
			continue
		}
		if old, known := c.known[n.Xname]; known && old.since.Equal(since(n)) {
			failed[n.Xname] = old
		} else if len(unknown) < causesAsked {
			failed[n.Xname] = cause{since: since(n)}
			unknown = append(unknown, progress.Component{ID: n.Xname, Error: n.Error})
		}
	}
	why := progress.Reasons{}
	c.gateway.SayWhy(ctx, unknown, why)
	for i := range unknown {
		one := failed[unknown[i].ID]
		one.why = why[unknown[i].ID]
		failed[unknown[i].ID] = one
	}
	c.known = failed
	for i := range nodes {
		if n := &nodes[i]; n.Error == progress.ConfigurationFailed && failed[n.Xname].why != "" {
			n.Error += ": " + failed[n.Xname].why
		}
	}
}

func since(n *roster.Node) time.Time {
	if n.Since == nil {
		return time.Time{}
	}
	return *n.Since
}
