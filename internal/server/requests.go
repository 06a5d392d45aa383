package server

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// requestID is the header that names a request, in its answer and in the logs of
// all who deal with it.
const requestID = "X-Request-Id"

// maxRequestID is the longest name that a client's is taken over with.
const maxRequestID = 128

// named gives each request a name, unless its client has, and logs how it was
// answered: what failed as an error, all else for who debugs.
type named struct {
	next http.Handler
	log  *slog.Logger
	now  func() time.Time
	// count counts what was answered at a door; nil: nobody does.
	count *doorFigures
}

func (n named) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &noted{ResponseWriter: w}
	a.id[0] = r.Header.Get(requestID)
	if !plain(a.id[0]) {
		a.id[0] = strconv.FormatUint(rand.Uint64(), 36)
		r.Header[requestID] = a.id[:]
	}
	w.Header()[requestID] = a.id[:]
	a.asked.Context = r.Context()
	*r = *r.WithContext(&a.asked) // in place, for a copy would be another allocation
	of := serviceOf(r.URL.Path)
	n.count.begin(of)
	defer n.count.leave(of)
	begun := n.now()
	n.answer(a, r)
	n.count.answered(of, a, n.now().Sub(begun))
	level := slog.LevelDebug
	if a.status >= http.StatusInternalServerError && a.status != http.StatusServiceUnavailable { // which says so itself, and in crowds
		level = slog.LevelError
	}
	if n.log.Enabled(r.Context(), level) {
		n.log.Log(r.Context(), level, "request", "id", a.id[0], "method", r.Method, "path", r.URL.Path, "from", r.RemoteAddr, "who", nameOf(auth.Of(r.Context())),
			"status", a.status, "took", n.now().Sub(begun), "problem", string(a.problem))
	}
}

// nameOf is empty for somebody unknown.
func nameOf(who *auth.Identity) string {
	if who == nil {
		return ""
	}
	return who.Name
}

// answer has a handler that panics be an error of this one request, which says so if
// nothing was answered yet.
func (n named) answer(a *noted, r *http.Request) {
	defer func() {
		switch why := recover(); {
		case why == nil:
		case why == http.ErrAbortHandler: //nolint:errorlint // it is panicked with as it is
			panic(why)
		default:
			n.log.Error("a request could not be handled: a defect", "id", a.id[0], "method", r.Method, "path", r.URL.Path, "panic", why, "stack", string(debug.Stack()))
			if a.status >= http.StatusOK {
				panic(http.ErrAbortHandler) // the client must not take a part for the whole
			}
			httpapi.WriteProblem(a, fault.New(fault.Internal, "%s %s: a defect of this server, told in its log by the request's id %s", r.Method, r.URL.Path, a.id[0]))
		}
	}()
	n.next.ServeHTTP(a, r)
}

// plain tells whether a client's name for a request can be logged and answered
// as it is.
func plain(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// noted is an answer of which is known how it began.
type noted struct {
	http.ResponseWriter
	asked   auth.Asked // the request's context
	id      [1]string
	status  int
	problem []byte // the beginning of an answer that tells of a failure
	streams bool   // the answer goes on for as long as its client listens
}

// keptProblem is how much is kept of such an answer, in bytes.
const keptProblem = 300

func (a *noted) WriteHeader(status int) {
	if a.status < http.StatusOK { // not yet, or one that only announces the answer
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *noted) Write(p []byte) (int, error) {
	if a.status < http.StatusOK {
		a.status = http.StatusOK
	}
	if a.status >= http.StatusInternalServerError && len(a.problem) < keptProblem {
		a.problem = append(a.problem, p[:min(len(p), keptProblem-len(a.problem))]...)
	}
	return a.ResponseWriter.Write(p)
}

// Flush is asked for by who streams.
func (a *noted) Flush() {
	a.streams = true
	if f, ok := a.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap is for http.ResponseController.
func (a *noted) Unwrap() http.ResponseWriter { return a.ResponseWriter }
