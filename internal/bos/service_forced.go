package bos

import (
	"context"
	"maps"
	"slices"
	"time"
)

// forcedSince is the power cut that a change makes known: the BMC has the
// request, or nobody will learn any more whether it has. Reason is empty if
// there is none.
func forcedSince(before, c *Component, now time.Time) ForcedOff {
	was, is := before.Engine.Forced, c.Engine.Forced
	f := ForcedOff{Name: c.ID, At: Stamp(now)}
	switch call := before.Engine.Call; {
	case !is.Cut.IsZero() && !is.Cut.Equal(was.Cut):
		f.At, f.Reason = Stamp(is.Cut), is.Words
	case call.Action == PoweringOffHard && call.State == CallDecided && c.Engine.Call.ID != call.ID:
		f.Reason = was.Words
	}
	return f
}

func (s *Service) noteForced(ctx context.Context, bySession map[string][]ForcedOff) error {
	if len(bySession) == 0 {
		return nil
	}
	_, _, err := s.sessions.Update(ctx, slices.Sorted(maps.Keys(bySession)), func(r *Session) error {
		for _, f := range bySession[key(r.Tenant, r.Name)] {
			r.noteForced(f)
		}
		return nil
	})
	return err
}
