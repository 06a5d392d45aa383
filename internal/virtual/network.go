package virtual

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/virtual/relay"
)

// network is the sealed network that every node has to itself: nothing leads
// out of it but what it is told to forward.
type network struct {
	prefix netip.Prefix
	// host, dns and first are QEMU's own addresses there and the one that its
	// DHCP server gives the node.
	host, dns, first netip.Addr
	reach            []Reach
}

// Services is the address at which nodes find the services when nothing else
// is advertised.
var Services = netip.MustParseAddr("10.0.2.100")

// plan lays the network around the addresses that nodes must reach.
func plan(reach []Reach) (network, error) {
	if len(reach) == 0 {
		return network{}, fault.New(fault.Invalid, "virtual nodes: they would reach nothing")
	}
	first := reach[0].Inside.Addr()
	taken := map[netip.Addr]bool{}
	prefix, err := first.Prefix(24)
	for _, r := range reach {
		a := r.Inside.Addr()
		if err != nil || !a.Is4() || a.IsLoopback() || a.IsUnspecified() || !prefix.Contains(a) {
			return network{}, fault.New(fault.Invalid,
				"virtual nodes live in one network of 256 IPv4 addresses and cannot reach %s beside %s there: advertise addresses that they can", a, first)
		}
		taken[a] = true
	}
	n := network{prefix: prefix, reach: reach}
	next := prefix.Addr().Next()
	for _, a := range []*netip.Addr{&n.host, &n.dns, &n.first} {
		for next = next.Next(); taken[next]; next = next.Next() {
		}
		*a = next
	}
	return n, nil
}

// argument is QEMU's -netdev for the node at address: program relays what it
// reaches, its SSH is at port of the address.
func (n network) argument(program string, address netip.Addr, port int, bootFile string) string {
	// IPv6 stays on: without a router's answer iPXE waits thirteen seconds for one.
	words := []string{"user", "id=net0", "restrict=on", "net=" + n.prefix.String(),
		fmt.Sprintf("host=%s,dns=%s,dhcpstart=%s", n.host, n.dns, n.first), "bootfile=" + bootFile,
		fmt.Sprintf("hostfwd=tcp:%s:%d-:22", address, port)}
	for _, r := range n.reach {
		words = append(words, fmt.Sprintf("guestfwd=tcp:%s:%d-cmd:%s", r.Inside.Addr(), r.Inside.Port(),
			relay.Command(program, address.String(), r.Outside)))
	}
	return strings.Join(words, ",")
}
