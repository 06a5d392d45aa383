package admission

import (
	"net"
	"net/http"
	"sync/atomic"

	"golang.org/x/net/netutil"
	"golang.org/x/sys/unix"
)

// OpenFiles is how many files and connections this process may have open.
func OpenFiles() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}

// Connections counts those that a listener has open.
type Connections struct {
	most int64
	open atomic.Int64
}

// NewConnections allows so many at a time.
func NewConnections(most int) *Connections { return &Connections{most: int64(most)} }

// Listen has further connections wait in the kernel's queue.
func (c *Connections) Listen(l net.Listener) net.Listener {
	return netutil.LimitListener(l, int(c.most))
}

// Note is for http.Server.ConnState.
func (c *Connections) Note(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		c.open.Add(-1)
	}
}

// Crowded tells whether three quarters of them are open: then an answer should
// be the last one on its connection.
func (c *Connections) Crowded() bool { return c.open.Load() > c.most*3/4 }
