package audit

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// call is a request that becomes a record.
type call struct {
	log    *Log
	mu     sync.Mutex // of what services tell
	record Record
	names  names
}

type callKey struct{}

// About is what a service knows of a call: what the request does not say, or in
// other words. Empty fields say nothing.
type About struct {
	What    string // in a few words
	Session string
	Nodes   []string
}

// Tell tells what the call of ctx is about, if it becomes a record.
func Tell(ctx context.Context, a About) {
	c, is := ctx.Value(callKey{}).(*call)
	if !is {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record.What, c.record.Session = cmp.Or(a.What, c.record.What), cmp.Or(a.Session, c.record.Session)
	for _, n := range a.Nodes {
		c.names.add(n)
	}
}

// Serve implements auth.Recorder: the record is in the database before the first byte
// of the answer leaves. If it cannot be, the answer is 503.
func (l *Log) Serve(w http.ResponseWriter, r *http.Request, right auth.Right, who *auth.Identity, next http.Handler) {
	if err := l.Ready(r.Context()); err != nil {
		httpapi.WriteProblem(w, err)
		return
	}
	c := &call{log: l, record: recordOf(r, right, who)}
	c.record.Time = l.now()
	c.names.scan([]byte(r.URL.Path))
	c.names.end()
	c.names.scan([]byte(plain(r.URL.RawQuery)))
	c.names.end()
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	if kind := r.Header.Get("Content-Type"); r.Body != nil && (kind == "" || strings.Contains(strings.ToLower(kind), "json")) {
		r.Body = &heard{ReadCloser: r.Body, names: &c.names}
	}
	a := &answer{ResponseWriter: w, call: c, ctx: r.Context()}
	defer a.end() // also of a call that is broken off
	next.ServeHTTP(a, r)
	a.whole = true
}

// plain is the query as services read it.
func plain(query string) string {
	if text, err := url.QueryUnescape(query); err == nil {
		return text
	}
	return query
}

// recordOf is what a request says.
func recordOf(r *http.Request, right auth.Right, who *auth.Identity) Record {
	return Record{Who: whoIs(who), From: httpapi.CallerOf(r).IP, Method: r.Method, Path: r.URL.RequestURI(), Right: right,
		Session: sessionIn(r.URL.Path), Request: r.Header.Get("X-Request-Id")}
}

// sessionIn is the session that a path names.
func sessionIn(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts[:len(parts)-1] {
		if parts[i] == "sessions" || parts[i] == "session" {
			return parts[i+1]
		}
	}
	return ""
}

// finish writes the record of the call with the status.
func (c *call) finish(ctx context.Context, status int) error {
	c.mu.Lock()
	r := c.record
	r.Status, r.Outcome = status, outcomeOf(status)
	if status == 0 {
		r.Why = "broken off"
	}
	r.Nodes, r.NodeCount, r.Unnamed = c.names.folded()
	c.mu.Unlock()
	return c.log.Append(ctx, r)
}

// answer holds the answer to a call back until its record is written.
type answer struct {
	http.ResponseWriter
	call    *call
	ctx     context.Context
	whole   bool // the handler has returned
	written bool // the record is
	refused bool // it could not be: what the handler answers is dropped
}

func (a *answer) WriteHeader(status int) {
	switch {
	case status < http.StatusOK && status != http.StatusSwitchingProtocols:
		a.ResponseWriter.WriteHeader(status)
	case !a.written:
		a.record(status)
	}
}

// record writes the record, then begins the answer.
func (a *answer) record(status int) {
	a.written = true
	if err := a.call.finish(a.ctx, status); err != nil {
		a.refused = true
		for name := range a.Header() {
			if name != "X-Request-Id" {
				delete(a.Header(), name)
			}
		}
		httpapi.WriteProblem(a.ResponseWriter, err)
		return
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if !a.written {
		a.record(http.StatusOK)
	}
	if a.refused {
		return len(p), nil
	}
	return a.ResponseWriter.Write(p)
}

// end writes the record of a call that nothing was answered to.
func (a *answer) end() {
	switch {
	case a.written:
	case a.whole:
		a.record(http.StatusOK)
	default:
		a.written = true
		a.call.finish(a.ctx, 0) //nolint:errcheck // it is owed, and there is nobody to tell
	}
}

// Flush is asked for by who streams.
func (a *answer) Flush() {
	if !a.written {
		a.record(http.StatusOK)
	}
	if f, is := a.ResponseWriter.(http.Flusher); is {
		f.Flush()
	}
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
