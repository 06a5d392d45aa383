package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/vcs"
)

// pace is how fast a body has to come: for as long as Grace at any pace, from then on
// Rate bytes a second, taken over all of it.
type pace struct {
	grace time.Duration
	rate  int64
}

// bodyPace is that of all that git does not send, which has its own. A body that stands
// still holds a connection, and room among those that are read together.
var bodyPace = pace{30 * time.Second, 256 << 10}

// due is how long so many bytes may take.
func (p pace) due(came int64) time.Duration {
	return p.grace + time.Duration(came)*time.Second/time.Duration(p.rate)
}

// arriving has bodies come at a pace, and says of those that do not come as HTTP has
// it what is wrong: who reads one gets a *httpapi.Problem. What nobody reads is bounded
// too: the rest of a request that was answered already.
type arriving struct {
	pace pace
	next http.Handler
}

func (a arriving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		b := &arrivingBody{body: r.Body, pace: a.pace, conn: http.NewResponseController(w), length: r.ContentLength, begun: time.Now()}
		b.within(b.begun.Add(a.pace.grace))
		if !strings.HasPrefix(r.URL.Path, vcs.Prefix) {
			r.Body = b
		}
	}
	a.next.ServeHTTP(w, r)
}

// looked is how many bytes come between two looks at the pace.
const looked = 64 << 10

type arrivingBody struct {
	body   io.Reader
	pace   pace
	conn   *http.ResponseController
	length int64     // -1: nobody said
	begun  time.Time // when it was read first; before that, when it was announced
	came   int64
	next   int64 // look at the pace again when so many came
	err    error // it stays
	closed atomic.Bool
}

// within sets the connection's deadline; the server sets its own for the next request.
func (b *arrivingBody) within(t time.Time) { b.conn.SetReadDeadline(t) } //nolint:errcheck // without a connection there is none

func (b *arrivingBody) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.next == 0 { // what had to wait for its turn did not stand still
		b.next = looked
		if now := time.Now(); now.Sub(b.begun) > b.pace.grace/8 {
			b.begun = now
			b.within(now.Add(b.pace.grace))
		}
	}
	n, err = b.body.Read(p)
	b.came += int64(n)
	switch {
	case err == io.EOF: //nolint:errorlint // as readers have it
		b.within(time.Time{}) // the server watches the connection from here on
		b.err = err
	case err != nil: // the deadline stays, for what the server reads of the rest
		err = b.wrong(err)
		b.err = err
	case b.came >= b.next:
		b.next = b.came + looked
		b.within(b.begun.Add(b.pace.due(b.came)))
	}
	return n, err
}

// Close ends reading, and leaves the rest to the server, which looks at it before it
// reads the next request from the connection: had it been closed, the server would take
// the rest for a request.
func (b *arrivingBody) Close() error {
	b.closed.Store(true)
	return nil
}

// wrong says what is wrong with how the body comes.
func (b *arrivingBody) wrong(err error) error {
	of := "of those that it has"
	if b.length >= 0 {
		of = fmt.Sprintf("of %d", b.length)
	}
	var late net.Error
	var long *http.MaxBytesError
	var p *httpapi.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &late) && late.Timeout():
		return httpapi.NewProblem(http.StatusRequestTimeout, "", fmt.Sprintf("the body comes too slowly: %d bytes %s in %v: expected at least %d KiB a second after the first %v",
			b.came, of, time.Since(b.begun).Round(time.Second), b.pace.rate>>10, b.pace.grace))
	case errors.As(err, &long):
		return httpapi.NewProblem(http.StatusRequestEntityTooLarge, "", fmt.Sprintf("the body is too long: expected at most %d bytes", long.Limit))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return httpapi.NewProblem(http.StatusBadRequest, "", fmt.Sprintf("the body broke off after %d bytes %s: nothing was done", b.came, of))
	}
	return httpapi.NewProblem(http.StatusBadRequest, "", fmt.Sprintf("the body does not come as HTTP has it, after %d bytes %s (%v): nothing was done", b.came, of, err))
}
