package server

import (
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/admission"
)

// A request can lie in the socket of a process that stands still, until long
// after its client has given up, asked another server and gone on. To pass it on
// then would do twice, and late, what was to be done once. So whoever passes a
// request on looks whether its client is there.

// seeing is a listener whose connections can be looked at from a request.
type seeing struct {
	net.Listener
	peers *admission.Peers // nil: none of them is counted
}

func (l seeing) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return c, err
		}
		place, ok := l.place(c)
		if !ok { // it would not read that it may not
			c.Close()
			continue
		}
		s := &seen{Conn: c, place: place, until: time.Now().Add(excessPatience)}
		s.socket, _ = c.(syscall.Conn)
		return s, nil
	}
}

func (l seeing) place(c net.Conn) (*admission.Place, bool) {
	from, is := c.RemoteAddr().(*net.TCPAddr)
	if l.peers == nil || !is {
		return nil, true
	}
	addr := from.AddrPort().Addr()
	place, ok := l.peers.Take(addr)
	if (!ok || place != nil && place.Excess) && l.peers.Tell(addr) {
		slog.Info("an address has more connections open than one may have (client-connections): further ones are refused", "from", addr.Unmap(), "allowed", l.peers.Most(), "at", l.Addr())
	}
	return place, ok
}

// seen tells requests of its socket by its address, which net/http hands to them
// and which survives listeners in between. Its client has to go on taking answers,
// however slowly.
type seen struct {
	net.Conn
	socket syscall.Conn     // nil: it has none
	place  *admission.Place // nil: it is not counted
	until  time.Time        // how long one too many is waited for
	timed  atomic.Bool      // whoever writes sees to that
}

func (c *seen) LocalAddr() net.Addr { return socketAddr{c.Conn.LocalAddr(), c} }

func (c *seen) Close() error {
	c.place.Leave()
	return c.Conn.Close()
}

// SetReadDeadline leaves one too many no more than its time.
func (c *seen) SetReadDeadline(t time.Time) error {
	if c.place != nil && c.place.Excess && (t.IsZero() || t.After(c.until)) {
		t = c.until
	}
	return c.Conn.SetReadDeadline(t)
}

const (
	// answerPatience is how long a client may take for a piece of an answer, which has
	// answerPiece bytes: much longer than for anything that still moves.
	answerPatience = 5 * time.Minute
	answerPiece    = 64 << 10
)

func (c *seen) Write(p []byte) (n int, err error) {
	if c.timed.Load() {
		return c.Conn.Write(p)
	}
	for {
		piece := p[n:min(len(p), n+answerPiece)]
		c.Conn.SetWriteDeadline(time.Now().Add(answerPatience)) //nolint:errcheck // Write reports it
		wrote, err := c.Conn.Write(piece)
		if n += wrote; err != nil || n == len(p) {
			return n, err
		}
	}
}

// SetWriteDeadline has the deadline count, and no other, until it is zero.
func (c *seen) SetWriteDeadline(t time.Time) error {
	c.timed.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

func (c *seen) SetDeadline(t time.Time) error {
	c.timed.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

type socketAddr struct {
	net.Addr
	conn *seen
}

// placeOf is that of the request's connection; nil if it is not counted.
func placeOf(r *http.Request) *admission.Place {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(socketAddr); ok {
		return addr.conn.place
	}
	return nil
}

// clientGone tells whether the request's client has closed the connection, also
// if a part of the request is still to be read.
func clientGone(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(socketAddr)
	if !ok || addr.conn.socket == nil {
		return false
	}
	raw, err := addr.conn.socket.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		gone = err == nil && info.State != established
	})
	return gone || err != nil
}

// established is the state of a TCP connection that neither end has closed.
const established = 1
