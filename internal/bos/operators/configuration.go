package operators

import (
	"context"
	"fmt"
	"slices"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

// The configuration operator selects components that run what they should but
// for which CFS wants another configuration, or none, and tells CFS.
func (o *Operators) configurationLoop() {
	o.configuration = o.loop("configuration", bos.Options.Polling, o.runConfiguration)
}

func (o *Operators) runConfiguration(ctx context.Context, options bos.Options, w events.Wake) error {
	q := store.Query{Where: []store.Match{store.Is("enabled", "true"), store.Is("status", bos.StatusConfiguring)}}
	if !w.All {
		q.Keys = w.Keys
	}
	waiting, err := o.Service.Components(ctx, q)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(waiting, options.Batch()) {
		if err := o.configure(ctx, options, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (o *Operators) configure(ctx context.Context, options bos.Options, chunk []bos.Component) error {
	ids := make([]string, len(chunk))
	for i := range chunk {
		ids[i] = chunk[i].ID
	}
	seen, err := o.sight.config.get(ctx, ids)
	if err != nil {
		return fmt.Errorf("ask CFS for components: %w", err)
	}
	wrong := map[configuration][]string{}
	for i := range chunk {
		c := &chunk[i]
		if cfs := seen[c.ID]; cfs != nil && c.NeedsConfiguring(*cfs) {
			k := configurationOf(c)
			wrong[k] = append(wrong[k], c.ID)
		}
	}
	for k, ids := range wrong {
		err := o.Configurations.Patch(ctx, ids, k.patch(false))
		if err != nil {
			o.noteConfigurationError(ctx, ids, fmt.Sprintf("Error encountered setting CFS information: %s", err))
			continue
		}
		o.status.now(o.sight.config.changed(ids))
	}
	return nil
}

func (o *Operators) noteConfigurationError(ctx context.Context, ids []string, why string) {
	_, _, err := o.Service.Change(ctx, ids, func(c *bos.Component) error {
		if c.Computed() != bos.StatusConfiguring || c.Error == why {
			return store.ErrUnchanged
		}
		c.Error = why
		return nil
	})
	if err != nil {
		o.Log.Error("failure of configuration not recorded", "failure", why, "error", err)
	}
}
