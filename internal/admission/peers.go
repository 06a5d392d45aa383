package admission

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

// Peers bounds how many connections each address has open; one is an IPv4 address, or
// the /64 network of an IPv6 address, which one host may have all of.
type Peers struct {
	most, beyond int
	free         func(netip.Addr) bool
	now          func() time.Time

	mu    sync.Mutex
	open  map[netip.Addr]int
	known map[netip.Addr]time.Time // let in until then
	told  map[netip.Addr]time.Time // when it was told last that an address has too many

	excess int64 // connections that were too many
}

// NewPeers allows so many to each but those that free names. Beside them each may have
// some on which it is told to come back, a quarter as many, but not fewer than eight.
func NewPeers(most int, free func(netip.Addr) bool, now func() time.Time) *Peers {
	return &Peers{most: most, beyond: max(most/4, 8), free: free, now: now, open: map[netip.Addr]int{}, known: map[netip.Addr]time.Time{}, told: map[netip.Addr]time.Time{}}
}

// Place is that of a connection; a nil one is not counted.
type Place struct {
	peers *Peers
	of    netip.Addr
	// Excess tells that it is one too many: what it asks is not answered.
	Excess bool
	left   sync.Once
}

// Take gives the connection of the address a place; without one it is closed.
func (p *Peers) Take(addr netip.Addr) (place *Place, ok bool) {
	addr = one(addr)
	if p.free(addr) {
		return nil, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.knows(addr) {
		return nil, true
	}
	n := p.open[addr]
	if n >= p.most {
		p.excess++
	}
	if n >= p.most+p.beyond {
		return nil, false
	}
	p.open[addr] = n + 1
	return &Place{peers: p, of: addr, Excess: n >= p.most}, true
}

// Excess is how many connections there were so far that were one too many for their
// address.
func (p *Peers) Excess() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.excess
}

const (
	// tellAgain is after how long it is told again that an address has too many.
	tellAgain = time.Minute
	// mostTold bounds the addresses of which that is told in this time.
	mostTold = 1024
)

// Tell tells whether it is time to say that the address has too many connections: the
// first time in a minute, and not of any number of addresses.
func (p *Peers) Tell(addr netip.Addr) bool {
	addr = one(addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if last, is := p.told[addr]; is && now.Sub(last) < tellAgain {
		return false
	}
	if len(p.told) >= mostTold {
		maps.DeleteFunc(p.told, func(_ netip.Addr, last time.Time) bool { return now.Sub(last) >= tellAgain })
	}
	if len(p.told) >= mostTold {
		return false
	}
	p.told[addr] = now
	return true
}

// Most is how many connections each may have.
func (p *Peers) Most() int { return p.most }

// known is for how long an address is let in that showed whose it is.
const known = time.Hour

// Know has connections of the address not counted for an hour.
func (p *Peers) Know(addr netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[one(addr)] = p.now().Add(known)
}

// knows forgets what is over. The caller holds mu.
func (p *Peers) knows(addr netip.Addr) bool {
	until, is := p.known[addr]
	if is && p.now().After(until) {
		delete(p.known, addr)
		is = false
	}
	return is
}

// Crowded tells whether more than three quarters of what the address may have are
// open: then an answer should be the last one on its connection.
func (c *Place) Crowded() bool {
	if c == nil {
		return false
	}
	c.peers.mu.Lock()
	defer c.peers.mu.Unlock()
	return c.peers.open[c.of] > c.peers.most*3/4
}

// Leave ends what Take gave; it may be called again.
func (c *Place) Leave() {
	if c == nil {
		return
	}
	c.left.Do(func() {
		c.peers.mu.Lock()
		defer c.peers.mu.Unlock()
		if c.peers.open[c.of]--; c.peers.open[c.of] == 0 {
			delete(c.peers.open, c.of)
		}
	})
}

// one is what counts as one peer.
func one(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if net, err := addr.Prefix(64); err == nil {
			return net.Addr()
		}
	}
	return addr
}
