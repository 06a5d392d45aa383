package server

import (
	"net"
	"net/http"
	"syscall"

	"golang.org/x/sys/unix"
)

// A request can lie in the socket of a process that stands still, until long
// after its client has given up, asked another server and gone on. To pass it on
// then would do twice, and late, what was to be done once. So whoever passes a
// request on looks whether its client is there.

// seeing is a listener whose connections can be looked at from a request.
type seeing struct{ net.Listener }

func (l seeing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if s, ok := c.(syscall.Conn); ok && err == nil {
		return seen{Conn: c, socket: s}, nil
	}
	return c, err
}

// seen tells requests of its socket by its address, which net/http hands to them
// and which survives listeners in between.
type seen struct {
	net.Conn
	socket syscall.Conn
}

func (c seen) LocalAddr() net.Addr { return socketAddr{c.Conn.LocalAddr(), c.socket} }

type socketAddr struct {
	net.Addr
	socket syscall.Conn
}

// clientGone tells whether the request's client has closed the connection.
func clientGone(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(socketAddr)
	if !ok {
		return false
	}
	raw, err := addr.socket.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && err != unix.EAGAIN
	})
	return gone || err != nil
}
