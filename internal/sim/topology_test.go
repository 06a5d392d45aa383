package sim

import (
	"net"
	"net/netip"
	"testing"
)

func TestAddressesAndNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for i := range 70_000 {
		for _, s := range []string{bmcXname(i), nodeMAC(i), bmcMAC(i), bmcAddress(i).String(), nodeAddress(i).String()} {
			if seen[s] {
				t.Fatalf("%s twice, at %d", s, i)
			}
			seen[s] = true
		}
		if loopbackIndex(101, bmcAddress(i)) != i || loopbackIndex(111, nodeAddress(i)) != i {
			t.Fatalf("address of %d leads elsewhere", i)
		}
	}
	for i, want := range map[int]string{0: "x1000c0s0b0", 7: "x1000c0s7b0", 8: "x1000c1s0b0", 64: "x1001c0s0b0"} {
		if got := bmcXname(i); got != want {
			t.Errorf("BMC %d is %s, want %s", i, got, want)
		}
	}
	if got := nodeXname(3, 2); got != "x1000c0s1b0n1" {
		t.Errorf("node 3 of two a BMC is %s", got)
	}
}

// The way for kernels that do not bind sockets to a device.
func TestAListenerForEachAddress(t *testing.T) {
	l, err := listenEach(0, loopbacks(101, 3))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range 3 {
		checkReach(t, l, i)
	}
	l.Close()
	if _, err := l.Accept(); err == nil {
		t.Error("accepts after it was closed")
	}
}

func checkReach(t *testing.T, l net.Listener, i int) {
	t.Helper()
	go func() {
		if c, err := net.Dial("tcp", netip.AddrPortFrom(loopback(101, i), uint16(listenerPort(l))).String()); err == nil {
			c.Close()
		}
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.LocalAddr().(*net.TCPAddr).AddrPort().Addr(); loopbackIndex(101, got) != i {
		t.Errorf("reached %v instead of %d", got, i)
	}
}
