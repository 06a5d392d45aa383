package loopback

import (
	"net"
	"net/netip"
	"path/filepath"
	"testing"
)

func TestOneSocketForAll(t *testing.T) {
	file := filepath.Join(t.TempDir(), "port")
	l, err := ListenAgain(file, 0, 101, 3)
	if err != nil {
		t.Fatal(err)
	}
	port := Port(l)
	for i := range 3 {
		checkReach(t, l, i)
	}
	l.Close()
	again, err := ListenAgain(file, 0, 101, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if Port(again) != port {
		t.Errorf("port %d, last time it was %d", Port(again), port)
	}
}

func TestForeignAddressesMeanNoMachine(t *testing.T) {
	for _, a := range []string{"127.100.0.1:1", "10.0.0.1:1", "[::1]:1"} {
		if i := Net(101).IndexOf(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(a))); i >= 0 {
			t.Errorf("%s means machine %d", a, i)
		}
	}
}

// The way for kernels that do not bind sockets to a device.
func TestAListenerForEachAddress(t *testing.T) {
	l, err := listenEach(0, Net(101).Addresses(3))
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
		if c, err := net.Dial("tcp", netip.AddrPortFrom(Net(101).Address(i), uint16(Port(l))).String()); err == nil {
			c.Close()
		}
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := Net(101).IndexOf(c.LocalAddr()); got != i {
		t.Errorf("reached %d instead of %d", got, i)
	}
}
