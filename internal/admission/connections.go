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

// PerListener is how many connections a listener may have: a quarter of this
// process's files, and 16,384 where there is no such limit.
func PerListener() int { return min(OpenFiles()/4, 16384) }

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

// Opened and Closed count.
func (c *Connections) Opened() { c.open.Add(1) }
func (c *Connections) Closed() { c.open.Add(-1) }

// Open is how many there are now.
func (c *Connections) Open() int64 { return c.open.Load() }

// Note is for http.Server.ConnState.
func (c *Connections) Note(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.Opened()
	case http.StateClosed, http.StateHijacked:
		c.Closed()
	}
}

// Crowded tells whether more than three quarters of them are open: then an answer
// should be the last one on its connection.
func (c *Connections) Crowded() bool { return c.open.Load() > c.most*3/4 }
