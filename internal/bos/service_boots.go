package bos

import (
	"context"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// Boots are how long the last boots of an image took, from the power-on to the node's
// report: the newest last.
type Boots struct {
	Kernel string          `json:"kernel"`
	Took   []time.Duration `json:"took"`
	// At is when the last of them was noted.
	At time.Time `json:"at,omitzero"`
}

const (
	// keptBoots bounds how many of an image are remembered, sampledBoots how many of a
	// session's nodes are asked, bootedImages of how many images boots are remembered.
	keptBoots    = 100
	sampledBoots = 100
	bootedImages = 500
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
// It belongs to the transaction that ends the session, so that each is counted once.
func (s *Service) NoteBoots(ctx context.Context, session *Session) error {
	if session.Operation == OperationShutdown {
		return nil
	}
	nodes, err := s.Owned(ctx, session, "", sampledBoots)
	if err != nil {
		return err
	}
	took := map[string][]time.Duration{}
	for i := range nodes {
		n := &nodes[i]
		if n.LastAction.Action == PoweringOn && !n.LastAction.Failed && n.Matches() && n.Engine.BootTook > 0 {
			kernel := n.ActualState.BootArtifacts.Kernel
			took[kernel] = append(took[kernel], n.Engine.BootTook)
		}
	}
	for kernel, list := range took {
		b, err := s.BootsOf(ctx, kernel)
		if err != nil {
			return err
		}
		b.Took = append(b.Took, list...)
		b.Took, b.At = b.Took[max(len(b.Took)-keptBoots, 0):], s.Now()
		if err := s.boots.Put(ctx, b); err != nil {
			return err
		}
	}
	return s.forgetBoots(ctx)
}

// forgetBoots forgets the images whose boots were noted longest ago, if they are too many.
func (s *Service) forgetBoots(ctx context.Context) error {
	count, err := s.boots.Count(ctx, store.Query{})
	if err != nil || count <= bootedImages {
		return err
	}
	all, err := s.boots.List(ctx, store.Query{})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b Boots) int { return a.At.Compare(b.At) })
	var old []string
	for i := range all[:len(all)-bootedImages] {
		old = append(old, all[i].Kernel)
	}
	_, err = s.boots.Delete(ctx, old...)
	return err
}
