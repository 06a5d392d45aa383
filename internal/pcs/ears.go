package pcs

import (
	"context"
	"hash/fnv"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/redfish"
)

// Teller has BMCs tell of changes by events; *redfish.Driver is one.
type Teller interface {
	Subscribe(ctx context.Context, address string, login redfish.Login, s redfish.Subscription) (path string, err error)
	Subscribed(ctx context.Context, address string, login redfish.Login, path string, s redfish.Subscription) (bool, error)
}

// ears is what is known of how well each BMC tells of changes itself. One that does
// is looked at rarely:
//
//	subscribe ─► an event arrives ─► it tells ─► a look finds a change that
//	                    ▲                        no event told of
//	                    └── it does not, until an ◄──┘
//	                        event of power arrives
type ears struct {
	mu    sync.Mutex
	byBMC map[string]*ear
}

// ear is one BMC's, at one address.
type ear struct {
	address  string
	path     string    // of the subscription; empty: there is none
	check    time.Time // when to subscribe, or to look whether the subscription stands
	failures int       // to subscribe, in a row
	proven   bool      // events arrive
	power    time.Time // the last event of power

	untold time.Time // a look then found a change of which no event had told; zero: none
	misses int       // changes of which no event told
	missed time.Time // the last of these

	looking bool      // because of an event
	heeded  time.Time // the event because of which
	again   bool      // there will be another look
}

const (
	// rarely is how much more rarely, at most, a BMC is looked at that tells of changes.
	rarely = 20
	// late is how long after a change was seen its event may arrive, and before.
	late = 10 * time.Second
	// mostMisses is how many changes a BMC may fail to tell of, none of them followed by
	// forgiveAfter without another, before it is not believed again.
	mostMisses   = 3
	forgiveAfter = 24 * time.Hour
	// A subscription is looked at so often, and made again so long after it failed.
	confirmEvery  = 30 * time.Minute
	firstAttempt  = 5 * time.Minute
	latestAttempt = time.Hour
)

func (e *ear) tells() bool { return e.path != "" && e.proven }

// with calls do with what is known of the BMC, unless nothing is.
func (e *ears) with(bmc string, do func(*ear)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if known := e.byBMC[bmc]; known != nil {
		do(known)
	}
}

// tells tells whether the BMC tells of changes itself.
func (e *ears) tells(bmc string) (does bool) {
	e.with(bmc, func(known *ear) { does = known.tells() })
	return does
}

// telling is how many BMCs do.
func (e *ears) telling() (count int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, known := range e.byBMC {
		if known.tells() {
			count++
		}
	}
	return count
}

// hear takes that an event arrived, which may be before its subscription is known.
// Of a BMC that missed a change only those of power prove anything. again: another
// look is to come when late is over, for BMCs may tell of a change before it shows.
func (e *ears) hear(bmc string, now time.Time, ofPower bool) (again bool) {
	e.with(bmc, func(known *ear) {
		if ofPower {
			known.power, known.untold = now, time.Time{}
			again, known.again = !known.again, true
		}
		if known.misses < mostMisses && (ofPower || known.misses == 0) {
			known.proven = true
		}
	})
	return again
}

// begin begins a look because of the last event; false: one goes on, or there was
// none. A look is needed unless there was one since the time.
func (e *ears) begin(bmc string) (since time.Time, may bool) {
	e.with(bmc, func(known *ear) {
		if may = !known.looking && !known.power.IsZero(); may {
			known.looking, known.heeded, since = true, known.power, known.power
		}
	})
	return since, may
}

// beginAgain is begin for the other look.
func (e *ears) beginAgain(bmc string) (since time.Time, may bool) {
	e.with(bmc, func(known *ear) { known.again = false })
	since, may = e.begin(bmc)
	return since.Add(late / 2), may
}

// postpone has the other look come later; false: it is to come anyway.
func (e *ears) postpone(bmc string) (is bool) {
	e.with(bmc, func(known *ear) { is, known.again = !known.again, true })
	return is
}

// end ends the look that begin began; more: another event came meanwhile.
func (e *ears) end(bmc string) (more bool) {
	e.with(bmc, func(known *ear) { known.looking, more = false, known.power.After(known.heeded) })
	return more
}

// changed takes that a look found a change that nobody here made. Its event may be
// on the way.
func (e *ears) changed(bmc string, now time.Time) {
	e.with(bmc, func(known *ear) {
		if known.tells() && known.untold.IsZero() && now.Sub(known.power) > late {
			known.untold = now
		}
	})
}

// unheard are the BMCs that did not tell of a change that was seen a while ago. They
// are believed no more, and it is to be looked whether they have their subscription.
func (e *ears) unheard(now time.Time) (bmcs []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for bmc, known := range e.byBMC {
		if known.untold.IsZero() || now.Sub(known.untold) <= late {
			continue
		}
		if now.Sub(known.missed) > forgiveAfter {
			known.misses = 0
		}
		known.misses++
		known.missed, known.proven, known.untold, known.check = now, false, time.Time{}, now
		bmcs = append(bmcs, bmc)
	}
	return bmcs
}

// due is what there is to do about the subscription of the BMC at the address:
// nothing, to look at the one at the path, or to make one.
func (e *ears) due(bmc, address string, now time.Time) (path string, is bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.byBMC[bmc]
	if known == nil || known.address != address {
		if e.byBMC == nil {
			e.byBMC = map[string]*ear{}
		}
		known = &ear{address: address}
		e.byBMC[bmc] = known
	}
	return known.path, !known.check.After(now)
}

// renew takes that a subscription is about to be made. That the one before is gone
// excuses the last miss.
func (e *ears) renew(bmc string) {
	e.with(bmc, func(known *ear) {
		if known.path != "" && known.misses > 0 {
			known.misses--
		}
		known.path, known.proven = "", false
	})
}

// subscribed takes that the BMC has the subscription at the path.
func (e *ears) subscribed(bmc, path string, now time.Time) {
	e.with(bmc, func(known *ear) { known.path, known.failures, known.check = path, 0, now.Add(confirmEvery) })
}

// silent takes that the BMC has no subscription, and that none could be made.
func (e *ears) silent(bmc string, now time.Time) {
	e.with(bmc, func(known *ear) {
		known.path, known.proven = "", false
		known.check = now.Add(min(firstAttempt<<min(known.failures, 10), latestAttempt))
		known.failures++
	})
}

// keep forgets all but the BMCs.
func (e *ears) keep(bmcs map[string][]*Component) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for bmc := range e.byBMC {
		if bmcs[bmc] == nil {
			delete(e.byBMC, bmc)
		}
	}
}

// spread is a half to all of d, by the BMC: so that those whose turn came at once are
// not all looked at together for ever.
func spread(bmc string, d time.Duration) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(bmc)) //nolint:errcheck // never fails
	return d/2 + time.Duration(float64(d/2)*float64(h.Sum32())/(1<<32))
}
