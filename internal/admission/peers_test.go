package admission

import (
	"net/netip"
	"testing"
	"time"
)

// taken is how many of so many connections have a place, and how many of those are one
// too many.
func taken(p *Peers, addr string, connections int) (list []*Place, excess int) {
	for range connections {
		place, ok := p.Take(netip.MustParseAddr(addr))
		if !ok {
			continue
		}
		list = append(list, place)
		if place != nil && place.Excess {
			excess++
		}
	}
	return list, excess
}

func TestConnectionsOfOneAddressLeaveThoseOfOthersAlone(t *testing.T) {
	p := NewPeers(40, func(a netip.Addr) bool { return a == netip.MustParseAddr("10.0.0.9") }, time.Now)
	list, excess := taken(p, "10.0.0.1", 1000)
	if len(list) != 50 || excess != 10 {
		t.Errorf("%d have a place, %d of them to come back", len(list), excess)
	}
	if p.Excess() != 960 {
		t.Errorf("%d were too many, want 960", p.Excess())
	}
	for addr, want := range map[string]int{"10.0.0.2": 50, "::ffff:10.0.0.1": 0, "2001:db8::1": 50, "2001:db8::2": 0, "2001:db8:0:1::1": 50, "10.0.0.9": 1000} {
		if addr == "2001:db8::2" { // in the network of the one before, in whatever order they come
			taken(p, "2001:db8::1", 1000)
		}
		if addr == "2001:db8::1" {
			continue
		}
		if list, _ := taken(p, addr, 1000); len(list) != want {
			t.Errorf("%s: %d have a place, want %d", addr, len(list), want)
		}
	}
	for _, place := range list[:31] {
		place.Leave()
		place.Leave()
	}
	if list[40].Crowded() {
		t.Error("19 of 40 are a crowd")
	}
	if again, excess := taken(p, "10.0.0.1", 12); excess != 0 || !again[11].Crowded() {
		t.Errorf("31 of 40 are no crowd, or %d of them too many", excess)
	}
	for _, place := range append(list[31:], (*Place)(nil)) {
		place.Leave()
	}
}

func TestAnAddressThatIsKnownIsNotCountedForAnHour(t *testing.T) {
	now := time.Now()
	p := NewPeers(1, func(netip.Addr) bool { return false }, func() time.Time { return now })
	p.Know(netip.MustParseAddr("10.0.0.1"))
	for after, want := range map[time.Duration]int{59 * time.Minute: 100, 61 * time.Minute: 9} {
		now = now.Add(after)
		p.Know(netip.MustParseAddr("10.0.0.1"))
		now = now.Add(after)
		list, _ := taken(p, "10.0.0.1", 100)
		if len(list) != want {
			t.Errorf("after %v: %d have a place, want %d", after, len(list), want)
		}
		for _, place := range list {
			place.Leave()
		}
	}
	if len(p.open) != 0 {
		t.Errorf("%v is left", p.open)
	}
}

func TestAnAddressWithTooManyIsToldOnceAMinute(t *testing.T) {
	now := time.Now()
	p := NewPeers(1, func(netip.Addr) bool { return false }, func() time.Time { return now })
	tell := func(addr string) bool { return p.Tell(netip.MustParseAddr(addr)) }
	if !tell("10.0.0.1") || tell("10.0.0.1") || tell("::ffff:10.0.0.1") || !tell("10.0.0.2") {
		t.Error("not once each")
	}
	now = now.Add(tellAgain)
	if !tell("10.0.0.1") {
		t.Error("not again after a minute")
	}
	flood := 0
	for i := range 3 * mostTold {
		if tell(netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}).String()) {
			flood++
		}
	}
	if flood >= mostTold || len(p.told) > mostTold {
		t.Errorf("%d of many addresses, %d are kept", flood, len(p.told))
	}
	if now = now.Add(tellAgain); !tell("10.0.0.3") {
		t.Error("not after they are over")
	}
}
