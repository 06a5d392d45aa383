package bmc

import (
	"crypto/subtle"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/drover-hpc/drover/internal/admission"
)

// Face answers Redfish for all controllers that Find knows, on one listener.
type Face struct {
	find     Find
	username string
	basic    string // the Authorization header that opens every controller
	http     *http.Server
	open     atomic.Int64 // connections
	accepted atomic.Int64 // connections so far
	asked    atomic.Int64 // requests so far
	sessions sessions
	tasks    tasks
	requests counters
	most     int64 // open connections that are kept

	subscriptions subscriptions
	courier       *courier
}

const (
	// idle is longer than clients wait from one look at the power to the next.
	idle      = 75 * time.Second
	slowStart = 10 * time.Second // of a request's header
	maxBody   = 64 << 10
)

// keepAliveUpTo is the number of open connections beyond which answers close
// theirs: a fleet may have more controllers than a process may have files, of
// which a quarter is left to everything else.
func keepAliveUpTo() int64 { return int64(admission.OpenFiles()) / 4 * 3 }

// NewFace returns a face with the account of every controller.
func NewFace(find Find, username, password string) *Face {
	f := &Face{find: find, username: username, most: keepAliveUpTo(), courier: newCourier()}
	f.basic = basic(username, password)
	f.http = &http.Server{Handler: f, ReadHeaderTimeout: slowStart, IdleTimeout: idle, ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			f.open.Add(1)
			f.accepted.Add(1)
		case http.StateClosed, http.StateHijacked:
			f.open.Add(-1)
		}
	}}
	return f
}

func basic(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}

// Serve answers on the listener until Close; then it returns
// http.ErrServerClosed.
func (f *Face) Serve(l net.Listener) error { return f.http.Serve(l) }

// Close ends Serve and every connection, and sends no more events.
func (f *Face) Close() {
	f.http.Close()
	f.courier.close()
}

// Counts are the connections and requests that there were so far.
func (f *Face) Counts() (connections, requests int64) { return f.accepted.Load(), f.asked.Load() }

// ServeHTTP answers for the controller at the connection's own address.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked.Add(1)
	c, ok := f.meant(r)
	if !ok {
		http.Error(w, "no BMC has this address", http.StatusMisdirectedRequest)
		return
	}
	if c.Unreachable {
		panic(http.ErrAbortHandler) // drops the connection without an answer
	}
	if f.open.Load() > f.most {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("OData-Version", "4.0")
	path := strings.TrimSuffix(r.URL.Path, "/")
	if !isPublic(r.Method, path) && !f.admitted(r, c) {
		if !c.Character.SessionOnly {
			w.Header().Set("WWW-Authenticate", `Basic realm="BMC"`)
		}
		refuse(w, http.StatusUnauthorized, "NoValidSession", "There is no valid session established with the implementation.")
		return
	}
	if f.requests.busy(c) {
		w.Header().Set("Retry-After", busyPause)
		refuse(w, http.StatusServiceUnavailable, "ServiceTemporarilyUnavailable", "The service is temporarily unavailable. Retry in "+busyPause+" seconds.")
		return
	}
	if no := c.hinders(r.Method, path); no != nil {
		no.answer(w)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		f.get(w, r, c, path)
	case http.MethodPost:
		f.post(w, r, c, path)
	case http.MethodPatch:
		f.patch(w, r, c, path)
	case http.MethodDelete:
		f.delete(w, c, path)
	default:
		refuse(w, http.StatusMethodNotAllowed, "OperationNotAllowed", "The method "+r.Method+" is not supported.")
	}
}

func (f *Face) meant(r *http.Request) (Controller, bool) {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return Controller{}, false
	}
	addr, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return Controller{}, false
	}
	return f.find(addr.Addr())
}

// hinders is why the request is not answered as it should be. Resets are left
// to the system, which keeps record of them.
func (c Controller) hinders(method, path string) *Refusal {
	if c.Hinder == nil {
		return nil
	}
	s, rest := c.system(path)
	if s != nil && rest == systemReset && method == http.MethodPost {
		return nil
	}
	if rest != "" || method != http.MethodGet && method != http.MethodHead {
		s = nil
	}
	return c.Hinder(s)
}

// isPublic tells what Redfish gives without authentication.
func isPublic(method, path string) bool {
	switch path {
	case "/redfish", "/redfish/v1", "/redfish/v1/odata", "/redfish/v1/$metadata":
		return method == http.MethodGet || method == http.MethodHead
	case sessionsPath:
		return method == http.MethodPost
	}
	return false
}

func (f *Face) admitted(r *http.Request, c Controller) bool {
	if token := r.Header.Get("X-Auth-Token"); token != "" {
		return f.sessions.valid(token, c.Number)
	}
	return !c.Character.SessionOnly && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(f.basic)) == 1
}

func (f *Face) get(w http.ResponseWriter, r *http.Request, c Controller, path string) {
	var text string
	switch {
	case path == sessionsPath:
		text = collection(path, "Session", f.sessions.paths(c.Number))
	case strings.HasPrefix(path, sessionsPath+"/"):
		if id := path[len(sessionsPath)+1:]; slices.Contains(f.sessions.ids(c.Number), id) {
			text = sessionResource(path, id, f.username)
		}
	case strings.HasPrefix(path, monitorsPath+"/"):
		f.monitor(w, c, path)
		return
	case path == tasksPath || strings.HasPrefix(path, tasksPath+"/"):
		text = f.taskText(c, path)
	case path == subscriptionsPath || strings.HasPrefix(path, subscriptionsPath+"/"):
		text = f.subscriptionText(c, path)
	case path == accountPath:
		text = accountResource(f.username)
	default:
		text = c.resource(path, r.URL.Query())
	}
	if text == "" {
		missing(w, path)
		return
	}
	if c.Character.ETags {
		w.Header().Set("ETag", etag(text))
	}
	if path == "/redfish/v1/$metadata" {
		w.Header().Set("Content-Type", "application/xml")
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	io.WriteString(w, text) //nolint:errcheck // the client is gone
}

func (f *Face) post(w http.ResponseWriter, r *http.Request, c Controller, path string) {
	switch path {
	case subscriptionsPath:
		f.subscribe(w, r, c)
		return
	case submitTestEvent:
		f.testEvent(w, r, c)
		return
	}
	var body struct{ ResetType, UserName, Password string }
	if !readBody(w, r, &body) {
		return
	}
	switch s, rest := c.system(path); {
	case path == sessionsPath:
		f.login(w, c, body.UserName, body.Password)
	case s != nil && rest == systemReset:
		if c.conditionMet(w, r, path) {
			f.reset(w, c, s, body.ResetType)
		}
	case path == simpleUpdate:
		refuseDisabled(w, "/UpdateService")
	case path == managerReset:
		if c.conditionMet(w, r, path) && checkResetType(w, body.ResetType, managerResetTypes) {
			w.WriteHeader(http.StatusNoContent)
		}
	case c.resource(path, nil) != "":
		refuse(w, http.StatusMethodNotAllowed, "OperationNotAllowed", "Nothing can be created at "+path+".")
	default:
		missing(w, path)
	}
}

func (f *Face) login(w http.ResponseWriter, c Controller, user, password string) {
	if subtle.ConstantTimeCompare([]byte(basic(user, password)), []byte(f.basic)) != 1 {
		refuse(w, http.StatusUnauthorized, "ResourceAtUriUnauthorized", "The credentials were not accepted.")
		return
	}
	id, token := f.sessions.open(c.Number)
	w.Header().Set("X-Auth-Token", token)
	w.Header().Set("Location", sessionsPath+"/"+id)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, sessionResource(sessionsPath+"/"+id, id, user)) //nolint:errcheck // the client is gone
}

func (f *Face) delete(w http.ResponseWriter, c Controller, path string) {
	id, isSession := strings.CutPrefix(path, sessionsPath+"/")
	subscription, isSubscription := strings.CutPrefix(path, subscriptionsPath+"/")
	switch {
	case isSession && f.sessions.close(c.Number, id), isSubscription && f.subscriptions.remove(c.Number, subscription):
		w.WriteHeader(http.StatusNoContent)
	default:
		missing(w, path)
	}
}
