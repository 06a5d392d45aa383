package redfish

import (
	"container/list"
	"slices"
	"sync"
	"time"
)

const (
	// keepFor is how long a connection is kept that nobody uses: past the next
	// look at the BMC's power, and from off to on.
	keepFor = time.Minute
	// keepPerBMC is how many are kept to one BMC.
	keepPerBMC = 2
)

// keeper has the connections that nobody uses now, the one used last first.
type keeper struct {
	mu    sync.Mutex
	most  int
	lasts time.Duration
	order *list.List        // of *connection
	byBMC map[string]*shelf // by base URL
	timer *time.Timer       // of the next sweep; nil: there is nothing to sweep
}

// shelf has the connections to one BMC, the one used last at the end. It stays when the last one is
// taken, which comes back soon.
type shelf struct{ its []*list.Element }

func newKeeper(most int) *keeper {
	return &keeper{most: most, lasts: keepFor, order: list.New(), byBMC: map[string]*shelf{}}
}

// take returns a kept connection to the BMC that seems to be alive, nil if
// there is none.
func (k *keeper) take(bmc string) *connection {
	for {
		c := k.pop(bmc)
		if c == nil || !c.stale() {
			return c
		}
		c.Close()
	}
}

func (k *keeper) pop(bmc string) *connection {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.byBMC[bmc]
	if s == nil || len(s.its) == 0 {
		return nil
	}
	return k.remove(s.its[len(s.its)-1])
}

// remove takes one out. The caller holds mu.
func (k *keeper) remove(e *list.Element) *connection {
	c := k.order.Remove(e).(*connection)
	i := slices.Index(c.shelf.its, e)
	c.shelf.its = slices.Delete(c.shelf.its, i, i+1)
	return c
}

// put keeps the connection, and closes those for which there is no room.
func (k *keeper) put(c *connection) {
	c.kept, c.idle = true, time.Now()
	k.mu.Lock()
	s := k.byBMC[c.bmc]
	if s == nil {
		s = &shelf{}
		k.byBMC[c.bmc] = s
	}
	c.shelf, s.its = s, append(s.its, k.order.PushFront(c))
	var out []*connection
	if len(s.its) > keepPerBMC {
		out = append(out, k.remove(s.its[0]))
	}
	for k.order.Len() > k.most {
		out = append(out, k.clear(k.order.Back()))
	}
	if k.timer == nil && k.order.Len() > 0 {
		k.timer = time.AfterFunc(k.lasts, k.sweep)
	}
	k.mu.Unlock()
	closeAll(out)
}

// clear is remove of one that nobody took, so that the next one is not expected soon.
func (k *keeper) clear(e *list.Element) *connection {
	c := k.remove(e)
	if len(c.shelf.its) == 0 {
		delete(k.byBMC, c.bmc)
	}
	return c
}

// sweep closes what nobody used for long.
func (k *keeper) sweep() {
	k.mu.Lock()
	var out []*connection
	now := time.Now()
	k.timer = nil
	for last := k.order.Back(); last != nil; last = k.order.Back() {
		if left := k.lasts - now.Sub(last.Value.(*connection).idle); left > 0 {
			k.timer = time.AfterFunc(left, k.sweep)
			break
		}
		out = append(out, k.clear(last))
	}
	k.mu.Unlock()
	closeAll(out)
}

// setMost bounds how many are kept.
func (k *keeper) setMost(most int) {
	k.mu.Lock()
	k.most = most
	k.mu.Unlock()
}

// close closes all that are kept now.
func (k *keeper) close() {
	k.mu.Lock()
	var out []*connection
	for e := k.order.Back(); e != nil; e = k.order.Back() {
		out = append(out, k.clear(e))
	}
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
	k.mu.Unlock()
	closeAll(out)
}

func closeAll(connections []*connection) {
	for _, c := range connections {
		c.Close()
	}
}
