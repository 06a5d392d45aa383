package virtual

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
)

func reachOf(addresses ...string) (list []Reach) {
	for _, a := range addresses {
		list = append(list, Reach{netip.MustParseAddrPort(a), "127.0.0.1:1"})
	}
	return list
}

func TestNetworkLeavesRoomForTheServices(t *testing.T) {
	for _, c := range []struct {
		reach []string
		want  string
	}{
		{[]string{"10.0.2.100:80", "10.0.2.100:81"}, "10.0.2.0/24 10.0.2.2 10.0.2.3 10.0.2.4"},
		{[]string{"10.1.7.2:80", "10.1.7.4:81"}, "10.1.7.0/24 10.1.7.3 10.1.7.5 10.1.7.6"},
	} {
		n, err := plan(reachOf(c.reach...))
		if got := strings.Join([]string{n.prefix.String(), n.host.String(), n.dns.String(), n.first.String()}, " "); err != nil || got != c.want {
			t.Errorf("around %v: %s, %v; want %s", c.reach, got, err, c.want)
		}
	}
}

func TestNetworkThatCannotBe(t *testing.T) {
	for _, reach := range [][]string{{}, {"127.0.0.1:80"}, {"0.0.0.0:80"}, {"[fd00::1]:80"}, {"10.1.0.1:80", "10.1.1.1:81"}} {
		if _, err := plan(reachOf(reach...)); !fault.Is(err, fault.Invalid) {
			t.Errorf("around %v: %v", reach, err)
		}
	}
}

func TestReadableConsole(t *testing.T) {
	text := "\x1b[2J\x1b[0;1miPXE\x1b[0m 1.0\r\nloading 1%\rloading 100%\r\n\r\n\x07bell\t\xffx\n[    0.1] Linux"
	if got, want := strings.Join(readable(text), "|"), "iPXE 1.0|loading 100%|bell\tx|[    0.1] Linux"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestConsoleIsBounded(t *testing.T) {
	c := console{path: t.TempDir() + "/console.log"}
	if c.lines() != nil {
		t.Error("a console before the first boot")
	}
	if err := c.begin(); err != nil {
		t.Fatal(err)
	}
	defer c.end()
	chunk := []byte(strings.Repeat("x", 1023) + "\n")
	for range 2 * maxConsole / len(chunk) {
		if _, err := c.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if c.size > maxConsole+int64(len(chunk)) {
		t.Errorf("%d bytes", c.size)
	}
	if _, err := c.Write([]byte("the end\n")); err != nil {
		t.Fatal(err)
	}
	if lines := c.lines(); lines[len(lines)-1] != "the end" || len(lines) > consoleShown/len(chunk)+2 {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// A console that cannot be written to is still read, or the machine would wait.
func TestConsoleOfAFullDisk(t *testing.T) {
	c := console{path: t.TempDir() + "/gone/console.log"}
	if n, err := c.Write([]byte("hello")); n != 5 || err != nil {
		t.Errorf("took %d bytes, %v", n, err)
	}
}
