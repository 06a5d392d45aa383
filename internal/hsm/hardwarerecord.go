package hsm

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// key orders the events of one place by time.
func (e *HardwareEvent) key() string {
	return fmt.Sprintf("%s/%020d/%s/%s", e.ID, e.Timestamp.UnixNano(), e.EventType, e.FRUID)
}

// shift is what one batch of findings does to the inventory.
type shift struct {
	past    []HardwareEvent
	pulled  []FRU    // that left their place
	arrived []string // the IDs of those that came to one
}

// alter lets do change a place, and takes note of the part that it had and has.
func (sh *shift) alter(p *place, do func() (past []HardwareEvent, changed bool)) error {
	before := p.Hardware.FRU
	past, changed := do()
	if !changed {
		return store.ErrUnchanged
	}
	sh.past = append(sh.past, past...)
	now := p.fruID()
	if before != nil && before.ID != now {
		sh.pulled = append(sh.pulled, *before)
	}
	if now != "" && (before == nil || before.ID != now) {
		sh.arrived = append(sh.arrived, now)
	}
	return nil
}

// adoptHardware records what walks found in places: one transaction with the
// rest of the batch. A place that a controller showed before and does not show
// now is empty, unless it could not be read.
func (s *Service) adoptHardware(ctx context.Context, f *finding) error {
	if len(f.walked) == 0 {
		return nil
	}
	before, err := s.hardware.List(ctx, store.Query{Where: []store.Match{{Column: "redfish_endpoint", In: f.walked}}})
	if err != nil {
		return err
	}
	shown := make(map[string]*place, len(f.hardware))
	for i := range f.hardware {
		shown[f.hardware[i].Hardware.ID] = &f.hardware[i]
	}
	return s.place(ctx, shown, stale(before, shown, f.unread, s.now().UTC()), false)
}

// stale are the places of before that hold a part and are not shown now. What is
// shown as it was, as nearly all is, is taken out of shown.
func stale(before []place, shown map[string]*place, unread map[string][]string, now time.Time) (gone []string) {
	for _, p := range before {
		id := p.Hardware.ID
		if found := shown[id]; found != nil {
			if _, changed := p.meet(found, now, false); !changed {
				delete(shown, id)
			}
		} else if p.Hardware.FRU != nil && !isUnread(p.Path, unread[p.Endpoint]) {
			gone = append(gone, id)
		}
	}
	return gone
}

// place records what is in the places and that those of gone are empty. always
// has each part that is still there told as Scanned.
func (s *Service) place(ctx context.Context, shown map[string]*place, gone []string, always bool) error {
	var sh shift
	now := s.now().UTC()
	keys := slices.Clone(gone)
	for id := range shown {
		keys = append(keys, id)
	}
	_, missing, err := s.hardware.Update(ctx, keys, func(p *place) error {
		return sh.alter(p, func() ([]HardwareEvent, bool) {
			if found := shown[p.Hardware.ID]; found != nil {
				return p.meet(found, now, always)
			}
			return p.leave(now), true
		})
	})
	if err != nil {
		return err
	}
	added := make([]place, 0, len(missing))
	for _, id := range missing {
		if found := shown[id]; found != nil {
			found.arrive(partDetected, now)
			if found.Hardware.FRU != nil {
				sh.arrived = append(sh.arrived, found.fruID())
			}
			added = append(added, *found)
		}
	}
	if err := s.hardware.Put(ctx, added...); err != nil {
		return err
	}
	return s.carry(ctx, &sh)
}

// carry writes what a shift leaves behind: history, and the parts that are in no
// place any more.
func (s *Service) carry(ctx context.Context, sh *shift) error {
	if err := s.history.Put(ctx, sh.past...); err != nil {
		return err
	}
	if _, err := s.loose.Delete(ctx, sh.arrived...); err != nil {
		return err
	}
	return s.loosen(ctx, sh.pulled)
}

// loosen keeps parts that left their places, unless they are in another.
func (s *Service) loosen(ctx context.Context, pulled []FRU) error {
	if len(pulled) == 0 {
		return nil
	}
	ids := make([]string, len(pulled))
	for i := range pulled {
		ids[i] = pulled[i].ID
	}
	placed, err := s.hardware.List(ctx, store.Query{Where: []store.Match{{Column: "fruid", In: ids}}})
	if err != nil {
		return err
	}
	elsewhere := make(map[string]bool, len(placed))
	for i := range placed {
		elsewhere[placed[i].fruID()] = true
	}
	return s.loose.Put(ctx, slices.DeleteFunc(pulled, func(f FRU) bool { return elsewhere[f.ID] })...)
}

// PostHardware records places with what is in them, as somebody else found it.
func (s *Service) PostHardware(ctx context.Context, given []Hardware) error {
	shown := make(map[string]*place, len(given))
	for i := range given {
		if err := given[i].settle(); err != nil {
			return err
		}
		shown[given[i].ID] = &place{Hardware: given[i]}
	}
	if len(shown) < len(given) {
		return fault.New(fault.Invalid, "an ID is given twice")
	}
	return s.db.InTx(ctx, func(ctx context.Context) error { return s.place(ctx, shown, nil, true) })
}

// DeleteHardware forgets the places, nil for all, and returns how many there
// were. The parts in them are known on, in no place.
func (s *Service) DeleteHardware(ctx context.Context, ids []string) (n int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if ids == nil {
			if ids, err = s.hardwareIDs(ctx); err != nil {
				return err
			}
		}
		gone, err := s.hardware.Delete(ctx, ids...)
		if err != nil {
			return err
		}
		n = len(gone)
		var sh shift
		now := s.now().UTC()
		for i := range gone {
			if fru := gone[i].Hardware.FRU; fru != nil {
				sh.pulled = append(sh.pulled, *fru)
				sh.past = append(sh.past, gone[i].leave(now)...)
			}
		}
		return s.carry(ctx, &sh)
	})
	return n, err
}

func (s *Service) hardwareIDs(ctx context.Context) ([]string, error) {
	all, err := s.hardware.List(ctx, store.Query{})
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].Hardware.ID
	}
	return ids, err
}

// DeleteFRUs forgets the parts, nil for all; places that they are in are empty
// until they are found again. It returns how many there were.
func (s *Service) DeleteFRUs(ctx context.Context, ids []string) (n int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		all, err := s.FRUs(ctx, Parameters{"fruid": ids})
		if err != nil {
			return err
		}
		n = len(all)
		names := make([]string, len(all))
		for i := range all {
			names[i] = all[i].ID
		}
		if _, err := s.loose.Delete(ctx, names...); err != nil {
			return err
		}
		placed, err := s.hardware.List(ctx, store.Query{Where: []store.Match{{Column: "fruid", In: names}}})
		if err != nil {
			return err
		}
		keys := make([]string, len(placed))
		for i := range placed {
			keys[i] = placed[i].Hardware.ID
		}
		var past []HardwareEvent
		now := s.now().UTC()
		if _, _, err = s.hardware.Update(ctx, keys, func(p *place) error {
			past = append(past, p.leave(now)...)
			return nil
		}); err != nil {
			return err
		}
		return s.history.Put(ctx, past...)
	})
	return n, err
}
