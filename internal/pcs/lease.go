package pcs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/hsm"
)

// Locks reserves components in HSM, so that no other client of HSM drives
// them; *hsm.Client is one. Each call takes any number of components.
type Locks interface {
	Reserve(ctx context.Context, ids []string, minutes int) (hsm.ReservationResult, error)
	Renew(ctx context.Context, keys []hsm.KeyOf, minutes int) (hsm.LockResult, error)
	Release(ctx context.Context, keys []hsm.KeyOf) (hsm.LockResult, error)
	CheckDeputies(ctx context.Context, keys []hsm.KeyOf) (hsm.ReservationResult, error)
	// LockedNodes tells by any answer that HSM is there.
	LockedNodes(ctx context.Context) ([]string, error)
}

const (
	// leaseMinutes is how long a reservation lasts in HSM; it is renewed when
	// renewBefore of that is left, of which leaseMargin is not counted on.
	leaseMinutes = 1
	renewBefore  = 40 * time.Second
	leaseMargin  = 5 * time.Second
	// keepEvery is the time between two looks at the leases.
	keepEvery = 2 * time.Second
	// leftoverLasts is how long a reservation can stand in the way whose key an
	// earlier process got and could not save.
	leftoverLasts = leaseMinutes*time.Minute + leaseMargin
	// hsmPatience bounds one call of HSM.
	hsmPatience = 20 * time.Second
)

// leases are the reservations in HSM of the components that are driven, for
// all transitions. A lease that a task is done with is released soon; until
// then the next task of the component takes it over.
type leases struct {
	locks   Locks // nil: nothing is reserved in HSM
	now     func() time.Time
	started time.Time

	calls  sync.Mutex // one call of HSM at a time, so that none overtakes another
	mu     sync.Mutex
	byName map[string]*lease
	wake   chan struct{}
	// leftover are the components that an earlier process may have reserved
	// without saving the key.
	leftover map[string]bool
}

// lease is one component's. It is guarded by leases.mu.
type lease struct {
	key    string    // of PCS's own reservation; empty: there is none
	deputy string    // of the client's reservation, which is used instead
	until  time.Time // how long it can be relied on
	held   bool      // a task drives the component
	lost   bool      // HSM says that it is no more and gives no other
	words  string    // why it cannot be relied on
}

func newLeases(locks Locks, now func() time.Time) *leases {
	return &leases{locks: locks, now: now, started: now(), byName: map[string]*lease{}, wake: make(chan struct{}, 1),
		leftover: map[string]bool{}}
}

// take reserves the components, each with the client's deputy key if there is
// one, and returns why it could not for those that it could not. After an
// error it may be called again with the same components.
func (l *leases) take(ctx context.Context, deputies map[string]string) (refused map[string]string, err error) {
	refused = map[string]string{}
	if l.locks == nil {
		return refused, nil
	}
	l.calls.Lock()
	defer l.calls.Unlock()
	ctx, cancel := context.WithTimeout(ctx, hsmPatience)
	defer cancel()
	var check, renew, reserve []string
	l.mu.Lock()
	for x, deputy := range deputies {
		known := l.byName[x]
		switch {
		case deputy != "":
			l.byName[x] = &lease{deputy: deputy, held: true, words: "the deputy key is not checked yet"}
			check = append(check, x)
		case known != nil && known.key != "":
			known.held, known.lost = true, false
			renew = append(renew, x)
		default:
			l.byName[x] = &lease{held: true, words: "not reserved yet"}
			reserve = append(reserve, x)
		}
	}
	l.mu.Unlock()
	err = l.secure(ctx, check, renew, reserve)
	l.mu.Lock()
	defer l.mu.Unlock()
	for x := range deputies {
		if known := l.byName[x]; err == nil && known.lost {
			refused[x] = known.words
			delete(l.byName, x)
		}
	}
	return refused, err
}

// secure checks, renews and reserves; what cannot be renewed is reserved anew.
// The caller holds calls.
func (l *leases) secure(ctx context.Context, check, renew, reserve []string) error {
	until := l.now().Add(leaseMinutes*time.Minute - leaseMargin)
	if len(check) > 0 {
		r, err := l.locks.CheckDeputies(ctx, l.keys(check))
		if err != nil {
			return l.unsure(check, fmt.Errorf("ask HSM for deputy keys: %w", err))
		}
		l.settle(r, until)
	}
	if len(renew) > 0 {
		r, err := l.locks.Renew(ctx, l.keys(renew), leaseMinutes)
		if err != nil {
			return l.unsure(renew, fmt.Errorf("renew reservations in HSM: %w", err))
		}
		l.renewed(r.Success.ComponentIDs, until)
		for _, f := range r.Failure {
			reserve = append(reserve, f.ID)
		}
	}
	if len(reserve) > 0 {
		r, err := l.locks.Reserve(ctx, reserve, leaseMinutes)
		if err != nil {
			return l.unsure(reserve, fmt.Errorf("reserve components in HSM: %w", err))
		}
		l.settle(r, until)
	}
	return nil
}

// keys are the keys of the components, of which HSM wants no other.
func (l *leases) keys(xnames []string) []hsm.KeyOf {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]hsm.KeyOf, 0, len(xnames))
	for _, x := range xnames {
		if known := l.byName[x]; known.deputy != "" {
			out = append(out, hsm.KeyOf{ID: x, Key: known.deputy})
		} else {
			out = append(out, hsm.KeyOf{ID: x, Key: known.key})
		}
	}
	return out
}

// settle takes HSM's answer for each component.
func (l *leases) settle(r hsm.ReservationResult, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range r.Success {
		known := l.byName[k.ID]
		if known == nil {
			continue
		}
		known.until, known.lost, known.words = until, false, ""
		if known.deputy == "" {
			known.key = k.ReservationKey
		}
	}
	for _, f := range r.Failure {
		if known := l.byName[f.ID]; known != nil {
			known.words, known.lost = notReserved(f.Reason, known.deputy != ""), true
			known.until = time.Time{}
			if f.Reason == "Reserved" && l.leftover[f.ID] && l.now().Before(l.started.Add(leftoverLasts)) {
				known.lost = false
			}
		}
	}
}

// notReserved says why HSM does not reserve a component.
func notReserved(reason string, deputy bool) string {
	switch {
	case deputy:
		return saysBadDeputy
	case reason == "Locked":
		return "the component is locked"
	case reason == "Reserved":
		return "another client has reserved the component"
	case reason == "Disabled":
		return "reservations of the component are disabled"
	case reason == "NotFound":
		return "HSM does not know the component"
	}
	return "HSM does not reserve the component: " + reason
}

const saysBadDeputy = "the deputy key proves no reservation"

func (l *leases) renewed(xnames []string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range xnames {
		if known := l.byName[x]; known != nil {
			known.until, known.lost, known.words = until, false, ""
		}
	}
}

// unsure notes that HSM did not tell; it returns err.
func (l *leases) unsure(xnames []string, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range xnames {
		if known := l.byName[x]; known != nil {
			known.words = err.Error()
		}
	}
	return err
}

// good tells whether a request may be sent to the component now; if not, why,
// and whether it never may.
func (l *leases) good(xname string) (ok, lost bool, words string) {
	if l.locks == nil {
		return true, false, ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch known := l.byName[xname]; {
	case known == nil:
		return false, true, "the component is not reserved"
	case known.lost:
		return false, true, known.words
	case l.now().Before(known.until):
		return true, false, ""
	case known.words != "":
		return false, false, known.words
	}
	nudge(l.wake)
	return false, false, "the reservation has to be renewed"
}

// reachable tells whether HSM answers.
func (l *leases) reachable(ctx context.Context) error {
	if l.locks == nil {
		return nil
	}
	_, err := l.locks.LockedNodes(ctx)
	return err
}

// key is that of PCS's own reservation of the component; empty if it has none.
func (l *leases) key(xname string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byName[xname]; known != nil {
		return known.key
	}
	return ""
}

// adopt takes what an earlier process left: held, if a task goes on with the
// component. Of several tasks of a component the first one told, the newest,
// has the key that may still stand. What it is worth HSM must tell.
func (l *leases) adopt(t *taskRecord, held bool) {
	if l.locks == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !t.TaskStatus.Done() {
		l.leftover[t.Xname] = true
	}
	if !held && t.ReservationKey == "" {
		return
	}
	if l.byName[t.Xname] != nil {
		return
	}
	l.byName[t.Xname] = &lease{key: t.ReservationKey, deputy: t.DeputyKey, held: held, until: l.now()}
	nudge(l.wake)
}

// done gives the components' leases back.
func (l *leases) done(xnames ...string) {
	if l.locks == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range xnames {
		if known := l.byName[x]; known != nil {
			known.held = false
		}
	}
	nudge(l.wake)
}

// run keeps the leases until ctx is done, then releases what nobody holds.
func (l *leases) run(ctx context.Context) {
	if l.locks == nil {
		return
	}
	timer := time.NewTimer(keepEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), offPatience)
			l.release(last)
			cancel()
			return
		case <-timer.C:
		case <-l.wake:
			pause(ctx, gather)
		}
		l.keep(ctx)
		l.release(ctx)
		timer.Reset(keepEvery)
	}
}

// keep renews what will not last much longer.
func (l *leases) keep(ctx context.Context) {
	l.calls.Lock()
	defer l.calls.Unlock()
	soon := l.now().Add(renewBefore)
	var check, renew, reserve []string
	l.mu.Lock()
	for x, known := range l.byName {
		switch {
		case !known.held || known.lost || known.until.After(soon):
		case known.deputy != "":
			check = append(check, x)
		case known.key != "":
			renew = append(renew, x)
		default:
			reserve = append(reserve, x)
		}
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, hsmPatience)
	defer cancel()
	if err := l.secure(ctx, check, renew, reserve); err != nil && ctx.Err() == nil {
		slog.Warn("reservations not kept; will be repeated", "error", err)
	}
}

// release ends the leases that nobody holds. HSM ends by itself what it could
// not be told.
func (l *leases) release(ctx context.Context) {
	l.calls.Lock()
	defer l.calls.Unlock()
	now := l.now()
	var keys []hsm.KeyOf
	until := map[string]time.Time{}
	l.mu.Lock()
	for x, known := range l.byName {
		if known.held {
			continue
		}
		if known.key != "" && now.Before(known.until.Add(leftoverLasts)) { // else it has ended
			keys = append(keys, hsm.KeyOf{ID: x, Key: known.key})
			until[x] = known.until
		}
		delete(l.byName, x)
	}
	l.mu.Unlock()
	if len(keys) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, hsmPatience)
	defer cancel()
	_, err := l.locks.Release(ctx, keys)
	if err == nil {
		return
	}
	slog.Warn("reservations not released; they end by themselves", "count", len(keys), "error", err)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys { // so that they are not in the way of the next task
		if l.byName[k.ID] == nil {
			l.byName[k.ID] = &lease{key: k.Key, until: until[k.ID]}
		}
	}
}
