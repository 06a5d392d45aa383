package web

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/roster"
)

// causes knows which task failed the nodes whose configuration failed: that is asked until
// it is told, for each failure.
type causes struct {
	gateway progress.Gateway
	known   map[string]cause // by node
}

// cause is why a node failed when its phase changed last; an empty why is asked for again.
type cause struct {
	since        time.Time
	why          string
	first, asked time.Time // when it was asked for first, and last
}

// due tells whether to ask for the reason: that of a task is told after the node failed. It
// is asked for ever more seldom, at least every few minutes.
func (c *cause) due(now time.Time) bool {
	return c.why == "" && now.Sub(c.asked) >= min(c.asked.Sub(c.first), causesPause)
}

const causesPause = 5 * time.Minute

// causesAsked bounds the nodes about which is asked in a look; the others follow in the
// next ones.
const causesAsked = 200

// say adds the task to the errors of the nodes. Those come first about which nobody asked
// yet.
func (c *causes) say(ctx context.Context, now time.Time, nodes []roster.Node) {
	var unasked, again []string
	failed := map[string]cause{}
	for i := range nodes {
		n := &nodes[i]
		if n.Error != progress.ConfigurationFailed {
			continue
		}
		switch old, known := c.known[n.Xname]; {
		case !known || !old.since.Equal(since(n)):
			failed[n.Xname] = cause{since: since(n), first: now}
			unasked = append(unasked, n.Xname)
		default:
			failed[n.Xname] = old
			if old.due(now) {
				again = append(again, n.Xname)
			}
		}
	}
	unknown := append(unasked, again...)
	c.ask(ctx, now, unknown[:min(len(unknown), causesAsked)], failed)
	for _, n := range unasked[min(len(unasked), causesAsked):] {
		delete(failed, n)
	}
	c.known = failed
	for i := range nodes {
		if n := &nodes[i]; n.Error == progress.ConfigurationFailed && failed[n.Xname].why != "" {
			n.Error += ": " + failed[n.Xname].why
		}
	}
}

// ask asks which task failed the nodes.
func (c *causes) ask(ctx context.Context, now time.Time, nodes []string, failed map[string]cause) {
	why := progress.Reasons{}
	components := make([]progress.Component, len(nodes))
	for i, n := range nodes {
		components[i] = progress.Component{ID: n, Error: progress.ConfigurationFailed}
	}
	c.gateway.SayWhy(ctx, components, why)
	for _, n := range nodes {
		one := failed[n]
		one.why, one.asked = why[n], now
		failed[n] = one
	}
}

func since(n *roster.Node) time.Time {
	if n.Since == nil {
		return time.Time{}
	}
	return *n.Since
}
