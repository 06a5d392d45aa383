package redfish

import (
	"context"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// DialFor lets the driver reach the host at another address.
func DialFor(d *Driver, host, at string) {
	d.reach = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == host {
			address = at
		}
		return dialer.DialContext(ctx, network, address)
	}
}

// PauseWith has the driver wait in another way.
func PauseWith(d *Driver, pause func(context.Context, time.Duration) error) { d.pause = pause }

// DropKept closes the connections that are kept.
func DropKept(d *Driver) { d.kept.close() }

// KeepFor has connections kept for so long.
func KeepFor(d *Driver, lasts time.Duration) { d.kept.lasts = lasts }

// KeptSocket hands a kept connection's socket to do.
func KeptSocket(d *Driver, address string, do func(fd uintptr)) error {
	c := d.kept.take(address)
	defer d.kept.put(c)
	return c.raw.Control(do)
}

// Keeps tells whether a connection to the BMC is kept that is alive.
func Keeps(d *Driver, address string) bool {
	c := d.kept.take(address)
	if c == nil {
		return false
	}
	d.kept.put(c)
	return true
}

// Stale tells whether no kept connection to the BMC would be used.
func Stale(d *Driver, address string) bool {
	d.kept.mu.Lock()
	defer d.kept.mu.Unlock()
	s := d.kept.byBMC[address]
	return s == nil || len(s.its) == 0 || s.its[len(s.its)-1].Value.(*connection).stale()
}

// OutOfFiles has the driver find no file left for its next connection.
func OutOfFiles(d *Driver) {
	reach, left := d.reach, 1
	d.reach = func(ctx context.Context, network, address string) (net.Conn, error) {
		if left--; left >= 0 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("socket", unix.EMFILE)}
		}
		return reach(ctx, network, address)
	}
}
