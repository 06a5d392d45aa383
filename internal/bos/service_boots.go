package bos

import (
	"context"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// Boots are how long the last boots of an image took, from the power-on, as the BMC took
// it, to the node's report: the newest last.
type Boots struct {
	Kernel string          `json:"kernel"`
	Took   []time.Duration `json:"took"`
}

const (
	// keptBoots bounds how many of an image are remembered, sampledBoots how many of a
	// session's nodes are asked.
	keptBoots    = 100
	sampledBoots = 100
)

// Median of the boots that are remembered; 0 for none.
func (b *Boots) Median() time.Duration {
	if len(b.Took) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(b.Took))[len(b.Took)/2]
}

// BootsOf are those of the image with the kernel; none are remembered of one that never was
// booted.
func (s *Service) BootsOf(ctx context.Context, kernel string) (Boots, error) {
	b, err := s.boots.Get(ctx, kernel)
	if fault.Is(err, fault.NotFound) {
		return Boots{Kernel: kernel}, nil
	}
	return b, err
}

// NoteBoots remembers how long the boots of the session's nodes took, of a sample of them.
// It is for sessions that have just ended.
func (s *Service) NoteBoots(ctx context.Context, session *Session) error {
	if session.Operation == OperationShutdown {
		return nil
	}
	options, err := s.Options(ctx)
	if err != nil {
		return err
	}
	nodes, err := s.components.List(ctx, store.Query{Where: []store.Match{store.Is("owner", session.key())}, Limit: sampledBoots})
	if err != nil {
		return err
	}
	took := map[string][]time.Duration{}
	for i := range nodes {
		if d, ok := nodes[i].bootTook(); ok && d <= options.BootWait() {
			kernel := nodes[i].ActualState.BootArtifacts.Kernel
			took[kernel] = append(took[kernel], d)
		}
	}
	for kernel, list := range took {
		b, err := s.BootsOf(ctx, kernel)
		if err != nil {
			return err
		}
		b.Took = append(b.Took, list...)
		b.Took = b.Took[max(len(b.Took)-keptBoots, 0):]
		if err := s.boots.Put(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// bootTook is how long the node's last boot took, if it runs what it was booted with and
// has not reported again long after.
func (c *Component) bootTook() (time.Duration, bool) {
	d := c.ActualState.LastUpdated.Sub(c.LastAction.LastUpdated)
	return d, c.LastAction.Action == PoweringOn && !c.LastAction.Failed && d > 0 && c.ActualState.BootArtifacts.Kernel != "" && c.Matches()
}
