package operators

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
)

// parallelCalls bounds the calls to one service at a time.
const parallelCalls = 4

// boot prepares nodes for their power-on.
type boot struct {
	tokens tokens
	given  *given
	images bos.Images
	bss    bos.BootParameters
	cfs    bos.Configurations
	view   noted // of CFS
}

// prepare tells SBPS to project the image, BSS what to boot and CFS to wait for
// the node, all before it is powered on.
func (o *boot) prepare(ctx context.Context, b *powerCall) {
	o.project(ctx, b)
	o.setParameters(ctx, b)
	o.holdConfiguration(ctx, b)
}

// groups are the nodes of the batch by something that they share.
func groups[K comparable](b *powerCall, of func(*bos.Component) K) map[K][]string {
	out := map[K][]string{}
	for i := range b.nodes {
		k := of(&b.nodes[i])
		out[k] = append(out[k], b.nodes[i].ID)
	}
	return out
}

// each calls do for all groups, some at a time, and fails those that it
// fails for: a node must not start on half of what it needs.
func each[K comparable](ctx context.Context, b *powerCall, of map[K][]string, source bos.Source, doing string, do func(K, []string) error) {
	var g errgroup.Group
	var mu sync.Mutex
	failed := map[K]error{}
	g.SetLimit(parallelCalls)
	for k, ids := range of {
		g.Go(func() error {
			if err := do(k, ids); err != nil {
				mu.Lock()
				failed[k] = err
				mu.Unlock()
			}
			return nil
		})
	}
	_ = g.Wait() // do's errors are in failed
	for k, err := range failed {
		b.fail(ctx, of[k], source, doing, err)
	}
}

// project has SBPS project the images from which nodes mount their root.
func (o *boot) project(ctx context.Context, b *powerCall) {
	byKernel := groups(b, func(c *bos.Component) string {
		if bootset.NeedsProjection(c.DesiredState.BootArtifacts.KernelParameters) {
			return c.DesiredState.BootArtifacts.Kernel
		}
		return ""
	})
	delete(byKernel, "")
	each(ctx, b, byKernel, bos.FromIMS, "tagging images", func(kernel string, _ []string) error {
		switch id := bootset.ImageID(kernel); id {
		case "":
			return fault.New(fault.Invalid, "Unable to extract IMS ID from kernel path: %s", kernel)
		case "deleted":
			return fault.New(fault.Invalid, "Kernel path appears to refer to soft-deleted IMS image: '%s'", kernel)
		default:
			return o.images.Project(ctx, id)
		}
	})
}

// setParameters tells BSS and remembers the tokens that it gave: before the
// nodes are powered on, lest what they report is not understood.
func (o *boot) setParameters(ctx context.Context, b *powerCall) {
	calls := make(map[string]string, len(b.nodes))
	for i := range b.nodes {
		calls[b.nodes[i].ID] = b.nodes[i].Engine.Call.ID
	}
	byArtifacts := groups(b, func(c *bos.Component) bos.BootArtifacts { return c.DesiredState.BootArtifacts })
	each(ctx, b, byArtifacts, bos.FromBSS, "setting BSS information", func(a bos.BootArtifacts, ids []string) error {
		token, err := o.bss.Put(ctx, ids, a)
		if err != nil {
			return err
		}
		of := make([]string, len(ids))
		for i, id := range ids {
			of[i] = calls[id]
		}
		slices.Sort(of)
		if err := o.tokens.RecordToken(ctx, token, a, slices.Compact(of)...); err != nil {
			return err
		}
		for _, id := range ids {
			o.given.put(id, calls[id], token)
		}
		return nil
	})
}

// wish is what CFS is told of a node.
type wish struct{ configuration, session string }

func wishOf(c *bos.Component) wish { return wish{c.DesiredState.Configuration, c.Session} }

// patch is the change in CFS. A node that is about to boot is disabled and its
// state forgotten: it enables itself when it is up.
func (w wish) patch(booting bool) json.RawMessage {
	patch := map[string]any{"enabled": !booting, "desired_config": w.configuration, "tags": map[string]string{"bos_session": w.session}}
	if booting {
		patch["state"] = []string{}
	}
	raw, _ := json.Marshal(patch) // strings and booleans always encode
	return raw
}

func (o *boot) holdConfiguration(ctx context.Context, b *powerCall) {
	each(ctx, b, groups(b, wishOf), bos.FromCFS, "setting CFS information", func(w wish, ids []string) error {
		// What CFS said before must not be taken for the outcome of this boot.
		defer o.view.changed(ids)
		return o.cfs.Patch(ctx, ids, w.patch(true))
	})
}
