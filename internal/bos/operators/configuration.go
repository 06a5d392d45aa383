package operators

import (
	"context"
	"fmt"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/store"
)

// The configuration operator tells CFS what nodes should have that run what
// they should.
func (o *Operators) configure(ctx context.Context, options bos.Options, nodes []bos.Component) {
	byTarget := map[configuration][]string{}
	for i := range nodes {
		k := configurationOf(&nodes[i])
		byTarget[k] = append(byTarget[k], nodes[i].ID)
	}
	o.calls.Go(func() {
		for k, ids := range byTarget {
			err := o.Configurations.Patch(ctx, ids, k.patch(false))
			if err != nil && ctx.Err() == nil {
				o.noteConfigurationError(ctx, ids, fmt.Sprintf("Error encountered setting CFS information: %s", err))
				continue
			}
			o.status.now(o.sight.config.changed(ids))
		}
	})
}

func (o *Operators) noteConfigurationError(ctx context.Context, ids []string, why string) {
	_, _, err := o.Service.Change(ctx, ids, func(c *bos.Component) error {
		if c.Computed() != bos.StatusConfiguring {
			return store.ErrUnchanged
		}
		c.Troubles.Set(bos.FromCFS, why, o.Now())
		return nil
	})
	if err != nil {
		o.Log.Error("failure of configuration not recorded", "failure", why, "error", err)
	}
}
