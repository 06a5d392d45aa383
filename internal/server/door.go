package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/store/lead"
)

const (
	// doorPatience is how long a request waits for a server that can answer it.
	doorPatience = 10 * time.Second
	// passed marks a request that comes from another member.
	passed = "Drover-Passed-By"
)

// leadership is who leads, as far as this server knows.
type leadership interface {
	State() (s lead.State, changed <-chan struct{})
}

// door answers what comes to the listener: with this server's services once they
// run; before that, if it is one of several on a database, by way of the one that
// leads.
type door struct {
	member    leadership // nil: there is no other
	transport *http.Transport

	vouch func(*http.Request) string // says that this server passed a request on

	opened chan struct{} // closed once own is set
	own    http.Handler
}

func newDoor(vouch func(*http.Request) string, trust *x509.CertPool) *door {
	return &door{vouch: vouch, opened: make(chan struct{}),
		transport: &http.Transport{DialContext: (&net.Dialer{Timeout: 2 * time.Second}).DialContext, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
			TLSClientConfig: certs.Client(trust)}}
}

// open has the door lead to this server's own services from now on.
func (d *door) open(own http.Handler) {
	d.own = own
	close(d.opened)
}

func (d *door) isOpen() bool { return closed(d.opened) }

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case d.isOpen():
		d.own.ServeHTTP(w, r)
	case r.URL.Path == "/livez":
		fmt.Fprintln(w, "ok")
	case r.URL.Path == "/readyz":
		d.readyz(w)
	default:
		d.waitAndPass(w, r)
	}
}

// readyz says whether a request would be answered.
func (d *door) readyz(w http.ResponseWriter) {
	if d.member != nil {
		s, _ := d.member.State()
		switch {
		case s.Leader.URL != "" && !s.Leading: // though this one may be too old to lead
			fmt.Fprintln(w, "ok, by way of", s.Leader.URL)
			return
		case s.Err != nil:
			httpapi.WriteProblem(w, fault.New(fault.Unavailable, "not ready: %w", s.Err))
			return
		case s.Leader.ID == "":
			httpapi.WriteProblem(w, fault.New(fault.Unavailable, "not ready: no server leads yet"))
			return
		}
	}
	httpapi.WriteProblem(w, fault.New(fault.Unavailable, "not ready: still starting"))
}

// waitAndPass answers as soon as somebody can: this server, or the one that leads.
func (d *door) waitAndPass(w http.ResponseWriter, r *http.Request) {
	patience := time.NewTimer(doorPatience)
	defer patience.Stop()
	for {
		var s lead.State
		var changed <-chan struct{}
		if d.member != nil {
			s, changed = d.member.State()
		}
		if s.Leader.URL != "" && !s.Leading && r.Header.Get(passed) == "" && d.pass(w, r, s.Leader.URL) {
			return
		}
		select {
		case <-d.opened:
			d.own.ServeHTTP(w, r)
			return
		case <-changed:
		case <-r.Context().Done():
			return
		case <-patience.C:
			w.Header().Set("Retry-After", "2")
			httpapi.WriteProblem(w, d.nobody(s))
			return
		}
	}
}

// nobody says why no server answers.
func (d *door) nobody(s lead.State) error {
	switch {
	case s.Err != nil && s.Leader.ID == "":
		return fault.New(fault.Unavailable, "no server leads: %w", s.Err)
	case s.Leader.ID != "" && s.Leader.URL == "":
		return fault.New(fault.Unavailable, "another server leads and has not said where it is reached: start it with --peer-url")
	case s.Leader.ID != "" && !s.Leading:
		return fault.New(fault.Unavailable, "the server that leads, %s, does not answer", s.Leader.URL)
	}
	return fault.New(fault.Unavailable, "the server is still starting")
}

// pass has the server at base answer, and reports whether it did, or whether an
// error was answered instead. It did not if nothing of the request got there, or
// if the request changes nothing.
func (d *door) pass(w http.ResponseWriter, r *http.Request, base string) (answered bool) {
	if clientGone(r) {
		panic(http.ErrAbortHandler)
	}
	target, err := url.Parse(base)
	if err != nil {
		return false
	}
	ctx, done := d.whileLeads(r.Context(), base)
	defer done()
	answered = true
	proxy := httputil.ReverseProxy{Transport: d.transport, FlushInterval: -1,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host
			asCalled(p)
			p.Out.Header.Set(passed, d.vouch(p.Out))
		},
		ModifyResponse: func(resp *http.Response) error {
			resp.Header.Del(requestID) // it is there already
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			var op *net.OpError
			unsent, harmless := errors.As(err, &op) && op.Op == "dial", r.Method == http.MethodGet || r.Method == http.MethodHead
			if unsent || harmless && r.ContentLength == 0 {
				answered = false
				return
			}
			w.Header().Set("Retry-After", "2")
			httpapi.WriteProblem(w, fault.New(fault.Unavailable, "the server that leads, %s, did not answer; it may have done what was asked: %w", base, err))
		}}
	proxy.ServeHTTP(w, r.WithContext(ctx))
	return answered
}

// asCalled has the leader see what this server was told of who calls, and how:
// by the gateway before it, else by the connection. This server is no gateway of
// its own, or a request would mean something else by way of it.
func asCalled(p *httputil.ProxyRequest) {
	p.SetXForwarded()
	for _, name := range origin {
		if told := p.In.Header[name]; told != nil {
			p.Out.Header[name] = told
		}
	}
}

// whileLeads is ctx until the server at base no longer leads: what it has not
// answered by then it will not answer.
func (d *door) whileLeads(ctx context.Context, base string) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			s, changed := d.member.State()
			if s.Leader.URL != base && s.Leader.ID != "" || s.Leading {
				cancel()
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	})
	return ctx, func() { cancel(); watch.Wait() }
}
