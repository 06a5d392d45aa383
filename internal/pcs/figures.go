package pcs

import (
	"context"

	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// NodesByPower counts nodes by their power state.
func (s *Service) NodesByPower(ctx context.Context) (map[string]int, error) {
	counts, err := s.statuses.CountBy(ctx, store.Query{}, func(p *PowerStatus) string {
		if !xname.IsNode(p.Xname) {
			return ""
		}
		return string(p.PowerState)
	})
	delete(counts, "")
	return counts, err
}

// TransitionsRunning is how many are being carried out, TransitionsCompleted and
// TransitionsAborted how many ended so since the start.
func (s *Service) TransitionsRunning() (float64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(len(s.runs)), nil
}

func (s *Service) TransitionsCompleted() int64 { return s.completed.Load() }

func (s *Service) TransitionsAborted() int64 { return s.aborted.Load() }

// BMCsThatTell is how many BMCs tell of changes of power themselves, EventsHeard how
// many events arrived since the start, ChangesUntold how many changes there were of
// which such a BMC did not tell.
func (s *Service) BMCsThatTell() (float64, error) { return float64(s.ears.telling()), nil }

func (s *Service) EventsHeard() int64 { return s.heard.Load() }

func (s *Service) ChangesUntold() int64 { return s.untold.Load() }
