package bmc

import (
	"net"
	"net/http"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Traffic is what the controllers of a face met since it was made.
type Traffic struct {
	Connections int64 // that were opened
	Reads       int64 // GET and HEAD
	Changes     int64 // every other request
}

// traffic counts connections and requests.
type traffic struct {
	open, opened, reads, changes atomic.Int64
}

// Traffic is what the face met until now.
func (f *Face) Traffic() Traffic {
	return Traffic{f.traffic.opened.Load(), f.traffic.reads.Load(), f.traffic.changes.Load()}
}

func (t *traffic) connection(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		t.open.Add(1)
		t.opened.Add(1)
	case http.StateClosed, http.StateHijacked:
		t.open.Add(-1)
	}
}

func (t *traffic) request(method string) {
	if method == http.MethodGet || method == http.MethodHead {
		t.reads.Add(1)
	} else {
		t.changes.Add(1)
	}
}

// keepAliveUpTo is the number of open connections beyond which answers close
// theirs: a fleet has more controllers than a process may have files, of which
// a quarter is left to everything else.
func keepAliveUpTo() int64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 1000
	}
	return int64(min(limit.Cur, 1<<20)) / 4 * 3
}
