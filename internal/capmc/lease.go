package capmc

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/hsm"
)

// leases are the reservations in HSM of the components of all orders under
// way. Orders of the same component share one.
type leases struct {
	hardware Hardware

	calls sync.Mutex // one call of HSM at a time, so that none overtakes another
	mu    sync.Mutex
	by    map[string]*lease
}

type lease struct {
	Keys
	orders int
}

// Keys are of a reservation: Own renews and ends it, Deputy proves it to PCS.
type Keys struct {
	Own    string `json:"own"`
	Deputy string `json:"deputy"`
}

const (
	// leaseMinutes is how long a reservation lasts that nobody renews; it is
	// renewed every renewEvery.
	leaseMinutes = 1
	renewEvery   = 20 * time.Second
)

// take reserves the components that are not reserved yet, and tells why it
// could not for those that it could not.
func (l *leases) take(ctx context.Context, names []string) (keys map[string]Keys, refused map[string]string, err error) {
	l.calls.Lock()
	defer l.calls.Unlock()
	var missing []string
	l.mu.Lock()
	for _, n := range names {
		if l.by[n] == nil {
			missing = append(missing, n)
		}
	}
	l.mu.Unlock()
	var got hsm.ReservationResult
	if len(missing) > 0 {
		if got, err = l.hardware.Reserve(ctx, missing, leaseMinutes); err != nil {
			return nil, nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range got.Success {
		l.by[k.ID] = &lease{Keys: Keys{k.ReservationKey, k.DeputyKey}}
	}
	keys, refused = map[string]Keys{}, map[string]string{}
	for _, f := range got.Failure {
		refused[f.ID] = f.Reason
	}
	for _, n := range names {
		if known := l.by[n]; known != nil {
			known.orders++
			keys[n] = known.Keys
		} else if refused[n] == "" {
			refused[n] = "HSM does not reserve the component"
		}
	}
	return keys, refused, nil
}

// adopt takes reservations over that an earlier process made.
func (l *leases) adopt(keys map[string]Keys) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n, k := range keys {
		if l.by[n] == nil {
			l.by[n] = &lease{Keys: k}
		}
		l.by[n].orders++
	}
}

// drop ends an order's part in the reservations, and those that are nobody's
// now. HSM ends by itself what it could not be told.
func (l *leases) drop(ctx context.Context, keys map[string]Keys) error {
	l.calls.Lock()
	defer l.calls.Unlock()
	var over []hsm.KeyOf
	l.mu.Lock()
	for n := range keys {
		known := l.by[n]
		if known == nil {
			continue
		}
		if known.orders--; known.orders == 0 {
			over = append(over, hsm.KeyOf{ID: n, Key: known.Own})
			delete(l.by, n)
		}
	}
	l.mu.Unlock()
	if len(over) == 0 {
		return nil
	}
	_, err := l.hardware.Release(ctx, over)
	return err
}

// renew has all reservations last for a while from now.
func (l *leases) renew(ctx context.Context) error {
	l.calls.Lock()
	defer l.calls.Unlock()
	var keys []hsm.KeyOf
	l.mu.Lock()
	for _, n := range slices.Sorted(maps.Keys(l.by)) {
		keys = append(keys, hsm.KeyOf{ID: n, Key: l.by[n].Own})
	}
	l.mu.Unlock()
	if len(keys) == 0 {
		return nil
	}
	_, err := l.hardware.Renew(ctx, keys, leaseMinutes)
	return err
}
