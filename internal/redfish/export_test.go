package redfish

import (
	"context"
	"net"
	"net/http"
	"time"
)

// DialFor lets the driver reach the host at another address.
func DialFor(d *Driver, host, at string) {
	d.http.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == host {
			address = at
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

// PauseWith has the driver wait in another way.
func PauseWith(d *Driver, pause func(context.Context, time.Duration) error) { d.pause = pause }
