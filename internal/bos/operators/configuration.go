package operators

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/store"
)

// configuration is the operator that tells CFS what nodes should have that run
// what they should.
type configuration struct {
	components components
	cfs        bos.Configurations
	view       noted // of CFS
	wake       func(nodes ...string)
	calls      *sync.WaitGroup
	now        clock
	log        *slog.Logger
}

func (o *configuration) spec() Spec {
	return Spec{Name: "configuration", Else: "status decides it", Outputs: []string{"CFS: enabled, desired configuration", "components: the error of a CFS that refuses them"}}
}

func (o *configuration) hand(ctx context.Context, _ bos.Options, nodes []bos.Component) {
	byWish := map[wish][]string{}
	for i := range nodes {
		w := wishOf(&nodes[i])
		byWish[w] = append(byWish[w], nodes[i].ID)
	}
	o.calls.Go(func() {
		for w, ids := range byWish {
			err := o.cfs.Patch(ctx, ids, w.patch(false))
			if err != nil && ctx.Err() == nil {
				o.noteError(ctx, ids, fmt.Sprintf("Error encountered setting CFS information: %s", err))
				continue
			}
			o.wake(o.view.changed(ids)...)
		}
	})
}

func (o *configuration) noteError(ctx context.Context, ids []string, why string) {
	_, _, err := o.components.Change(ctx, ids, func(c *bos.Component) error {
		if c.Computed() != bos.StatusConfiguring {
			return store.ErrUnchanged
		}
		c.Troubles.Set(bos.FromCFS, why, o.now())
		return nil
	})
	if err != nil {
		o.log.Error("failure of configuration not recorded", "failure", why, "error", err)
	}
}
