package events

import (
	"slices"
	"sync"

	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// maxPending bounds the keys that a subscription collects; beyond it the
// subscriber is told to look at everything.
const maxPending = 200_000

// Hub hands hints to subscriptions. The zero Hub is not usable; see NewHub.
type Hub struct {
	// NoResync keeps loops from looking at everything again and again; it is set
	// before they start. It is for counting what hints alone cost.
	NoResync bool

	mu    sync.RWMutex
	subs  map[string][]*Subscription
	loops []*Loop // all that were started
}

// NewHub returns a hub without subscribers.
func NewHub() *Hub { return &Hub{subs: map[string][]*Subscription{}} }

// Worked is what the loops that were started with the hub did so far, by name.
func (h *Hub) Worked() map[string]tally.Worked {
	h.mu.RLock()
	loops := slices.Clone(h.loops)
	h.mu.RUnlock()
	did := make(map[string]tally.Worked, len(loops))
	for _, l := range loops {
		did[l.Name] = did[l.Name].Plus(l.worked())
	}
	return did
}

func (h *Hub) join(l *Loop) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.loops = append(h.loops, l)
}

// Changed tells the subscribers of the table that the keys changed, in the order
// in which they subscribed: a cache that was there before a loop is out of date
// when the loop wakes. It never blocks.
func (h *Hub) Changed(table string, keys []string) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, s := range h.subs[table] {
		s.add(keys)
	}
}

// Subscribe collects the hints of the tables until Close.
func (h *Hub) Subscribe(tables ...string) *Subscription {
	s := newSubscription()
	h.attach(s, tables)
	return s
}

// attach has the subscription, which may hold keys already, receive the hints
// of the tables.
func (h *Hub) attach(s *Subscription, tables []string) {
	s.hub, s.tables = h, tables
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range tables {
		h.subs[t] = append(h.subs[t], s)
	}
}

func newSubscription() *Subscription {
	return &Subscription{ready: make(chan struct{}, 1), keys: map[string]bool{}}
}

// Subscription collects keys until Take.
type Subscription struct {
	hub    *Hub
	tables []string
	ready  chan struct{}

	mu     sync.Mutex
	keys   map[string]bool
	all    bool
	hinted bool
}

// Ready receives after a hint arrived that Take has not returned yet.
func (s *Subscription) Ready() <-chan struct{} { return s.ready }

// Take returns the keys hinted since the last Take, in no order. all means
// that there were too many to collect. A hint without keys (of a queue) wakes
// but adds none.
func (s *Subscription) Take() (keys []string, all bool) {
	keys, all, _ = s.take()
	return keys, all
}

// take is Take; hinted tells whether there was a hint at all, which may have had no keys.
func (s *Subscription) take() (keys []string, all, hinted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ready: // what is taken wakes nobody once more
	default:
	}
	keys = make([]string, 0, len(s.keys))
	for k := range s.keys {
		keys = append(keys, k)
	}
	all, hinted = s.all, s.hinted
	s.keys, s.all, s.hinted = map[string]bool{}, false, false
	return keys, all, hinted
}

// waiting is how many keys Take would return.
func (s *Subscription) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	for _, t := range s.tables {
		s.hub.subs[t] = slices.DeleteFunc(s.hub.subs[t], func(other *Subscription) bool { return other == s })
	}
}

func (s *Subscription) add(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		if len(s.keys) >= maxPending {
			s.all, s.keys = true, map[string]bool{}
		}
		if s.all {
			break
		}
		s.keys[k] = true
	}
	s.hinted = true
	select {
	case s.ready <- struct{}{}:
	default:
	}
}
