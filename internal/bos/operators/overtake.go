package operators

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
)

const (
	// lastsLonger is by how much PCS's patience with a shutdown, in whole
	// minutes and counted from its own start, may exceed that of BOS.
	lastsLonger = 2 * time.Minute
	// abortWithin and abortLook are how long and how often is looked whether an
	// aborted transition has ended.
	abortWithin = 5 * time.Second
	abortLook   = 20 * time.Millisecond
)

// overtake ends the transitions that still drive nodes of the batch: those of
// an earlier try, for which BOS has waited long enough, or of a session that
// is replaced. All nodes of a transition were asked at the same time, so it
// is over for all of them. What it sent stays sent.
func (b *powerCall) overtake(ctx context.Context) {
	if b.by.action == bos.PoweringOn && !slices.ContainsFunc(b.nodes, func(c bos.Component) bool { return c.EventStats.PowerOnAttempts > 0 }) {
		return // the first power-on of each
	}
	patience := max(b.options.PowerOffWait(), b.options.PowerOnWait())
	mine := make(map[string]bool, len(b.nodes))
	for i := range b.nodes {
		mine[b.nodes[i].ID] = true
	}
	for _, operation := range b.by.overtakes {
		all, err := b.by.power.Since(ctx, operation, b.by.now().Add(-2*patience-lastsLonger))
		for i := 0; err == nil && i < len(all); i++ {
			if !all[i].Done {
				err = b.abort(ctx, all[i].ID, mine)
			}
		}
		if err != nil && ctx.Err() == nil { // PCS may refuse nodes, and says so
			b.by.log.Warn("earlier power actions not ended", "operation", operation, "error", err)
		}
	}
}

// abort ends the transition if it drives one of the nodes, and waits for it.
func (b *powerCall) abort(ctx context.Context, id string, nodes map[string]bool) error {
	driven := func(t bos.Task) bool { return !t.Done && nodes[t.Node] }
	t, err := b.by.power.Describe(ctx, id)
	if err != nil || t.Done || !slices.ContainsFunc(t.Tasks, driven) {
		return err
	}
	if err := b.by.power.Abort(ctx, id); err != nil {
		return fmt.Errorf("abort transition %s: %w", id, err)
	}
	ctx, cancel := context.WithTimeout(ctx, abortWithin)
	defer cancel()
	look := time.NewTicker(abortLook)
	defer look.Stop()
	for !t.Done && err == nil {
		select {
		case <-look.C:
			t, err = b.by.power.Describe(ctx, id)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return err
}
