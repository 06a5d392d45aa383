package redfish

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// connection is one to a BMC. It has neither goroutine nor buffer while nobody
// uses it, so that one to every BMC of a large fleet can be kept, in less than a
// kilobyte without TLS: net/http's transport has two of both for each.
type connection struct {
	net.Conn
	bmc  string // its address, as callers name it
	at   target
	by   string          // the fingerprint by which the BMC is known; empty: by an authority
	raw  syscall.RawConn // of the socket; nil: cannot be looked at
	peek func(fd uintptr)
	live bool      // found by peek
	kept bool      // it was used before
	idle time.Time // since when nobody uses it
	// shelf is where it is kept.
	shelf *shelf
}

// dial opens a connection to the BMC and, where that is wanted, shakes hands:
// in short where an earlier connection left off, if the BMC remembers it. One that
// is not known by its certificate gets nothing.
func (d *Driver) dial(ctx context.Context, address, fingerprint string) (*connection, error) {
	at, err := targetOf(address)
	if err != nil {
		return nil, err
	}
	socket, err := d.reach(ctx, "tcp", at.dial)
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) { // they are needed more than what is kept
		d.kept.close()
		socket, err = d.reach(ctx, "tcp", at.dial)
	}
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: socket, bmc: address, at: at, by: fingerprint}
	if s, ok := socket.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn() //nolint:errcheck // then it is not looked at
		c.peek = func(fd uintptr) {
			var one [1]byte
			_, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
			c.live = err == unix.EAGAIN
		}
	}
	if at.tls {
		secured := tls.Client(socket, d.secured(at.name, fingerprint))
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		if err := secured.HandshakeContext(ctx); err != nil {
			socket.Close()
			return nil, err
		}
		c.Conn = secured
	}
	return c, nil
}

// dialer has what is sent and not acknowledged given up as soon as a
// connection that does not come about: whoever uses a kept connection to a BMC
// that is no more learns it as fast as who opens one.
var dialer = net.Dialer{Timeout: dialTimeout, KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) (err error) {
	ctl := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(dialTimeout/time.Millisecond))
	})
	return errors.Join(ctl, err)
}}

// stale tells whether the BMC has closed the connection, or sent what nobody
// asked for, since it was last used.
func (c *connection) stale() bool {
	if c.raw == nil {
		return false
	}
	return c.raw.Control(c.peek) != nil || !c.live
}

// outcome is how far a request came on a connection.
type outcome int

const (
	unsent     outcome = iota // nothing of it was sent
	unanswered                // it, or a part of it, was sent; nothing was answered
	answered                  // an answer began
)

// exchange sends the request and reads the answer. The connection can be used
// again if reusable; else it has to be closed.
func (c *connection) exchange(ctx context.Context, w *wire) (a answer, o outcome, reusable bool, err error) {
	c.SetDeadline(time.Now().Add(tryTimeout)) //nolint:errcheck // then the request itself fails
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // the same
		defer func() {
			if !stop() { // it may still set the deadline of the next request
				reusable = false
			}
			if err != nil && ctx.Err() != nil {
				err = ctx.Err()
			}
		}()
	}
	if n, err := c.Write(w.out); err != nil {
		if n > 0 {
			o = unanswered
		}
		return a, o, false, err
	}
	w.in.Reset(c)
	defer w.in.Reset(nil)
	if _, err := w.in.Peek(1); err != nil {
		return a, unanswered, false, err
	}
	resp, err := readResponse(w.in)
	if err != nil {
		return a, answered, false, err
	}
	a = answer{status: resp.StatusCode, header: resp.Header}
	whole := false
	if a.body, whole, err = readBody(resp); err != nil {
		return a, answered, false, err
	}
	return a, answered, whole && !resp.Close && w.in.Buffered() == 0, nil
}

// readResponse reads the head of the answer, after those that only announce it.
func readResponse(in *bufio.Reader) (*http.Response, error) {
	const announcements = 5
	for range announcements {
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
	return nil, errors.New("the answer does not begin")
}

// unsentError is that of a request of which nothing reached the BMC.
type unsentError struct{ error }

func (e *unsentError) Unwrap() error { return e.error }

// silence is the error of a request that got no answer, or none that can be read.
func silence(address string, r *request, o outcome, err error) error {
	if o == unsent {
		err = &unsentError{err}
	}
	op := r.method[:1] + strings.ToLower(r.method[1:])
	return fmt.Errorf("call BMC: %w", &url.Error{Op: op, URL: baseURL(address) + r.path, Err: err})
}

// repeatable tells whether a request that failed so on a kept connection may be
// made on a new one, the BMC having closed the old one meanwhile: if nothing of
// it was sent, or if it changes nothing and no answer began.
func repeatable(method string, o outcome, err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	return o == unsent || o == unanswered && method == http.MethodGet
}
