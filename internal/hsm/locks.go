package hsm

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// Act does the administrator's action to the selected components; no
// parameters select all of them.
func (s *Service) Act(ctx context.Context, p Parameters, model string, act lockAction) (LockResult, error) {
	allOrNone, err := isRigid(model)
	if err != nil {
		return LockResult{}, err
	}
	var done []string
	var failed []Failure
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		ids, unknown, err := s.chosen(ctx, p)
		if err != nil {
			return err
		}
		failed = unknown
		_, _, err = s.components.Update(ctx, ids, func(c *Component) error {
			if reason := act(c); reason != "" {
				failed = append(failed, Failure{c.ID, reason})
				return store.ErrUnchanged
			}
			done = append(done, c.ID)
			return nil
		})
		if err == nil && allOrNone && len(failed) > 0 {
			err = refusal(failed[0])
		}
		return err
	})
	return newLockResult(done, failed), err
}

// DisableReservations refuses reservations of the selected components and
// drops those that there are.
func (s *Service) DisableReservations(ctx context.Context, p Parameters, model string) (r LockResult, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if r, err = s.Act(ctx, p, model, disableReservations); err != nil {
			return err
		}
		_, err := s.reservations.Delete(ctx, r.Success.ComponentIDs...)
		return err
	})
	return r, err
}

// chosen returns the components that the parameters select, and the IDs among
// the parameters that are no components.
func (s *Service) chosen(ctx context.Context, p Parameters) (ids []string, unknown []Failure, err error) {
	selected, err := s.Components(ctx, p, false, nil)
	if err != nil {
		return nil, nil, err
	}
	ids = make([]string, len(selected)) // never nil, which would select all
	for i := range selected {
		ids[i] = selected[i].ID
	}
	if len(p["id"]) == 0 || len(selected) == len(p["id"]) {
		return ids, nil, nil
	}
	named, err := s.newFilter(Parameters{"id": p["id"]}, false)
	if err != nil {
		return nil, nil, err
	}
	present, err := s.components.List(ctx, named.query)
	for i := range present {
		delete(named.ids, present[i].ID)
	}
	for id := range named.ids {
		unknown = append(unknown, Failure{id, reasonNotFound})
	}
	slices.SortFunc(unknown, func(a, b Failure) int { return strings.Compare(a.ID, b.ID) })
	return ids, unknown, err
}

// held are the reservations of the components that have not expired, by ID.
func (s *Service) held(ctx context.Context, ids []string) (map[string]*reservation, error) {
	rows, err := s.reservations.List(ctx, store.Query{Keys: ids})
	out := make(map[string]*reservation, len(rows))
	for i := range rows {
		if !rows[i].expired(s.now()) {
			out[rows[i].ID] = &rows[i]
		}
	}
	return out, err
}

// Reserve reserves the selected components: for an administrator until the
// reservation is removed (minutes 0), for a service for 1 to 15 minutes.
func (s *Service) Reserve(ctx context.Context, p Parameters, model string, minutes int) (ReservationResult, error) {
	r := ReservationResult{Success: []Keys{}, Failure: []Failure{}}
	allOrNone, err := isRigid(model)
	if err != nil {
		return r, err
	}
	expires, err := s.expiry(minutes)
	if err != nil {
		return r, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		ids, unknown, err := s.chosen(ctx, p)
		if err != nil {
			return err
		}
		r.Failure = append(r.Failure, unknown...)
		held, err := s.held(ctx, ids)
		if err != nil {
			return err
		}
		var made []reservation
		// Update, not List: the rows stay locked until the reservations are made.
		_, _, err = s.components.Update(ctx, ids, func(c *Component) error {
			if reason := reservable(c, held[c.ID] != nil, minutes == 0); reason != "" {
				r.Failure = append(r.Failure, Failure{c.ID, reason})
			} else {
				made = append(made, s.newReservation(c.ID, expires))
			}
			return store.ErrUnchanged
		})
		if err != nil {
			return err
		}
		if allOrNone && len(r.Failure) > 0 {
			return refusal(r.Failure[0])
		}
		for _, m := range made {
			r.Success = append(r.Success, Keys{ID: m.ID, DeputyKey: m.DeputyKey, ReservationKey: m.ReservationKey, ExpirationTime: m.Expires})
		}
		return s.reservations.Put(ctx, made...)
	})
	return r, err
}

func (s *Service) newReservation(id string, expires *time.Time) reservation {
	return reservation{ID: id, DeputyKey: id + ":dk:" + uuid.NewString(), ReservationKey: id + ":rk:" + uuid.NewString(),
		Created: s.now().UTC(), Expires: expires}
}

func (s *Service) expiry(minutes int) (*time.Time, error) {
	if minutes < 0 || minutes > 15 {
		return nil, fault.New(fault.Invalid, "ReservationDuration is %d, expected 1 to 15 minutes", minutes)
	}
	if minutes == 0 {
		return nil, nil
	}
	at := s.now().UTC().Add(time.Duration(minutes) * time.Minute)
	return &at, nil
}

// RemoveReservations ends the reservations of the selected components without
// their keys, as an administrator may.
func (s *Service) RemoveReservations(ctx context.Context, p Parameters, model string) (LockResult, error) {
	var ids []string
	var unknown []Failure
	return s.withReservations(ctx, model, func(ctx context.Context) (_ []string, err error) {
		ids, unknown, err = s.chosen(ctx, p)
		return ids, err
	}, func(ctx context.Context, held map[string]*reservation) (done []string, failed []Failure, err error) {
		failed = unknown
		for _, id := range ids {
			if held[id] == nil {
				failed = append(failed, Failure{id, reasonNotFound})
			} else {
				done = append(done, id)
			}
		}
		_, err = s.reservations.Delete(ctx, done...)
		return done, failed, err
	})
}

// Release ends the reservations whose reservation keys are given.
func (s *Service) Release(ctx context.Context, keys []KeyOf, model string) (LockResult, error) {
	return s.withKeys(ctx, keys, model, func(ctx context.Context, done []string) error {
		_, err := s.reservations.Delete(ctx, done...)
		return err
	})
}

// Renew prolongs the reservations whose reservation keys are given.
func (s *Service) Renew(ctx context.Context, keys []KeyOf, model string, minutes int) (LockResult, error) {
	expires, err := s.expiry(max(minutes, 1))
	if err != nil {
		return LockResult{}, err
	}
	return s.withKeys(ctx, keys, model, func(ctx context.Context, done []string) error {
		_, _, err := s.reservations.Update(ctx, done, func(r *reservation) error {
			r.Expires = expires
			return nil
		})
		return err
	})
}

// withKeys runs do with the components whose reservation keys are right.
func (s *Service) withKeys(ctx context.Context, keys []KeyOf, model string, do func(context.Context, []string) error) (LockResult, error) {
	if len(keys) == 0 {
		return LockResult{}, fault.New(fault.Invalid, "Missing ReservationKeys")
	}
	ids, err := idsOf(keys)
	if err != nil {
		return LockResult{}, err
	}
	return s.withReservations(ctx, model, func(context.Context) ([]string, error) { return ids, nil },
		func(ctx context.Context, held map[string]*reservation) (done []string, failed []Failure, err error) {
			for i, id := range ids {
				if r := held[id]; r != nil && r.ReservationKey == keys[i].Key {
					done = append(done, id)
				} else {
					failed = append(failed, Failure{id, reasonNotFound})
				}
			}
			return done, failed, do(ctx, done)
		})
}

// withReservations runs act in a transaction with the reservations of the
// components; under the rigid model one failure undoes it.
func (s *Service) withReservations(ctx context.Context, model string, choose func(context.Context) ([]string, error),
	act func(context.Context, map[string]*reservation) ([]string, []Failure, error)) (r LockResult, err error) {
	allOrNone, err := isRigid(model)
	if err != nil {
		return r, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		ids, err := choose(ctx)
		if err != nil {
			return err
		}
		held, err := s.held(ctx, ids)
		if err != nil {
			return err
		}
		done, failed, err := act(ctx, held)
		if err == nil && allOrNone && len(failed) > 0 {
			err = refusal(failed[0])
		}
		r = newLockResult(done, failed)
		return err
	})
	return r, err
}

// Check tells which deputy keys prove a reservation that a service holds.
func (s *Service) Check(ctx context.Context, keys []KeyOf) (ReservationResult, error) {
	r := ReservationResult{Success: []Keys{}, Failure: []Failure{}}
	if len(keys) == 0 {
		return r, fault.New(fault.Invalid, "Missing DeputyKeys")
	}
	ids, err := idsOf(keys)
	if err != nil {
		return r, err
	}
	held, err := s.held(ctx, ids)
	for i, id := range ids {
		if h := held[id]; h != nil && h.DeputyKey == keys[i].Key {
			r.Success = append(r.Success, Keys{ID: id, DeputyKey: h.DeputyKey, CreationTime: &h.Created, ExpirationTime: h.Expires})
		} else {
			r.Failure = append(r.Failure, Failure{id, reasonNotFound})
		}
	}
	return r, err
}

func idsOf(keys []KeyOf) ([]string, error) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.ID
	}
	return xnames(names)
}

// LockStatuses tells how the selected components are locked and reserved.
// reserved, if not nil, limits them to those that are, or are not; unknown are
// the IDs among the parameters that are no components.
func (s *Service) LockStatuses(ctx context.Context, p Parameters, reserved map[bool]bool) (out []LockStatus, unknown []string, err error) {
	selected, err := s.Components(ctx, p, false, nil)
	if err != nil {
		return nil, nil, err
	}
	missing := map[string]bool{}
	if len(p["id"]) > 0 {
		ids, err := xnames(p["id"])
		if err != nil {
			return nil, nil, err
		}
		for _, id := range ids {
			missing[id] = true
		}
	}
	held, err := s.held(ctx, nil)
	out = []LockStatus{}
	for i := range selected {
		c := &selected[i]
		delete(missing, c.ID)
		if r := held[c.ID]; reserved == nil || reserved[r != nil] {
			out = append(out, newLockStatus(c, r))
		}
	}
	for id := range missing {
		unknown = append(unknown, id)
	}
	slices.Sort(unknown)
	return out, unknown, err
}

// reapEvery is how often expired reservations are cleared away; they count as
// ended from the moment they expire.
const reapEvery = 30 * time.Second

// reap removes the reservations that have expired.
func (s *Service) reap(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		all, err := s.reservations.List(ctx, store.Query{})
		if err != nil {
			return err
		}
		var over []string
		for i := range all {
			if all[i].expired(s.now()) {
				over = append(over, all[i].ID)
			}
		}
		_, err = s.reservations.Delete(ctx, over...)
		return err
	})
}
