package pcs_test

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
)

// locks are those of an HSM, with its rules for services.
type locks struct {
	mu       sync.Mutex
	locked   map[string]bool
	deputies map[string]string // xname to the deputy key of another client's reservation
	keys     map[string]string // xname to the reservation key
	calls    map[string]int
	made     int
	away     bool
}

func newLocks() locks {
	return locks{locked: map[string]bool{}, deputies: map[string]string{}, keys: map[string]string{}, calls: map[string]int{}}
}

func (l *locks) lock(x string) { l.with(func() { l.locked[x] = true }) }

// deputize has another client reserve the component.
func (l *locks) deputize(x, key string) { l.with(func() { l.deputies[x] = key }) }

func (l *locks) with(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
}

// called is how often HSM was called so, and whether PCS has the component now.
func (l *locks) called(name, x string) (calls int, reserved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[name], l.keys[x] != ""
}

func (l *locks) call(name string, do func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[name]++
	if l.away {
		return fault.New(fault.Unavailable, "HSM is away")
	}
	do()
	return nil
}

func (l *locks) Reserve(_ context.Context, ids []string, minutes int) (r hsm.ReservationResult, err error) {
	err = l.call("reserve", func() {
		for _, x := range ids {
			switch {
			case l.locked[x]:
				r.Failure = append(r.Failure, hsm.Failure{ID: x, Reason: "Locked"})
			case l.keys[x] != "" || l.deputies[x] != "":
				r.Failure = append(r.Failure, hsm.Failure{ID: x, Reason: "Reserved"})
			default:
				l.made++
				l.keys[x] = fmt.Sprintf("%s:rk:%d", x, l.made)
				r.Success = append(r.Success, hsm.Keys{ID: x, ReservationKey: l.keys[x]})
			}
		}
	})
	return r, err
}

func (l *locks) Renew(_ context.Context, keys []hsm.KeyOf, minutes int) (r hsm.LockResult, err error) {
	err = l.call("renew", func() { r = l.each(keys, func(string) {}) })
	return r, err
}

func (l *locks) Release(_ context.Context, keys []hsm.KeyOf) (r hsm.LockResult, err error) {
	err = l.call("release", func() { r = l.each(keys, func(x string) { delete(l.keys, x) }) })
	return r, err
}

func (l *locks) each(keys []hsm.KeyOf, do func(x string)) (r hsm.LockResult) {
	for _, k := range keys {
		if l.keys[k.ID] == k.Key && k.Key != "" {
			do(k.ID)
			r.Success.ComponentIDs = append(r.Success.ComponentIDs, k.ID)
		} else {
			r.Failure = append(r.Failure, hsm.Failure{ID: k.ID, Reason: "NotFound"})
		}
	}
	return r
}

func (l *locks) CheckDeputies(_ context.Context, keys []hsm.KeyOf) (r hsm.ReservationResult, err error) {
	err = l.call("check", func() {
		for _, k := range keys {
			if l.deputies[k.ID] == k.Key {
				r.Success = append(r.Success, hsm.Keys{ID: k.ID, DeputyKey: k.Key})
			} else {
				r.Failure = append(r.Failure, hsm.Failure{ID: k.ID, Reason: "NotFound"})
			}
		}
	})
	return r, err
}

func (l *locks) LockedNodes(context.Context) (out []string, err error) {
	err = l.call("locked", func() {
		for x := range l.locked {
			out = append(out, x)
		}
		slices.Sort(out)
	})
	return out, err
}
