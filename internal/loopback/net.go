package loopback

import (
	"iter"
	"net"
	"net/netip"
)

// Net is the second byte of a fleet's first address; more than 65,535 machines
// go on in the net after it.
type Net byte

// Address is the i-th machine's, counted from 0: 127.<net>.0.1 and on.
func (n Net) Address(i int) netip.Addr {
	i++
	return netip.AddrFrom4([4]byte{127, byte(int(n) + i>>16), byte(i >> 8), byte(i)})
}

// Addresses are those of the first count machines.
func (n Net) Addresses(count int) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for i := range count {
			if !yield(n.Address(i)) {
				return
			}
		}
	}
}

// Index is the inverse of Address; negative for an address below the net.
func (n Net) Index(addr netip.Addr) int {
	b := addr.Unmap().As4()
	if b[0] != 127 || b[1] < byte(n) {
		return -1
	}
	return int(b[1]-byte(n))<<16 + int(b[2])<<8 + int(b[3]) - 1
}

// IndexOf is the machine at a connection's end; negative if there is none.
func (n Net) IndexOf(end net.Addr) int {
	addr, err := netip.ParseAddrPort(end.String())
	if err != nil || !addr.Addr().Unmap().Is4() {
		return -1
	}
	return n.Index(addr.Addr())
}
