package sim

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bmcServer answers for all BMCs of the fleet; which one is meant follows from
// the address that the client connected to.
type bmcServer struct {
	fleet    *Fleet
	http     *http.Server
	open     atomic.Int64 // connections
	sessions sessions
	basic    string // the Authorization header that opens every BMC
}

const (
	// keepAliveUpTo is the number of open connections beyond which answers
	// close theirs: a fleet has more BMCs than a process may have files.
	keepAliveUpTo = 1000
	bmcIdle       = 10 * time.Second
	maxBMCBody    = 64 << 10
)

func newBMCServer(f *Fleet) *bmcServer {
	s := &bmcServer{fleet: f}
	s.basic = "Basic " + base64.StdEncoding.EncodeToString([]byte(f.opts.Username+":"+f.opts.Password))
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: bmcIdle, IdleTimeout: bmcIdle, ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			s.open.Add(-1)
		}
	}}
	return s
}

func (s *bmcServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, ok := s.meant(r.Context())
	if !ok {
		http.Error(w, "no BMC has this address", http.StatusMisdirectedRequest)
		return
	}
	if b.unreachable() {
		panic(http.ErrAbortHandler) // drops the connection without an answer
	}
	if s.open.Load() > keepAliveUpTo {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("OData-Version", "4.0")
	path := strings.TrimSuffix(r.URL.Path, "/")
	if !isPublic(r.Method, path) && !s.admitted(r, b.place) {
		w.Header().Set("WWW-Authenticate", `Basic realm="BMC"`)
		refuse(w, http.StatusUnauthorized, "Base.1.8.NoValidSession", "There is no valid session established with the implementation.")
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		s.get(w, b, path)
	case http.MethodPost:
		s.post(w, r, b, path)
	case http.MethodDelete:
		s.delete(w, b, path)
	default:
		refuse(w, http.StatusMethodNotAllowed, "Base.1.8.OperationNotAllowed", "The method "+r.Method+" is not supported.")
	}
}

// meant finds the BMC by the connection's own address.
func (s *bmcServer) meant(ctx context.Context) (bmc, bool) {
	local, ok := ctx.Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return bmc{}, false
	}
	addr, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return bmc{}, false
	}
	i := loopbackIndex(bmcNet, addr.Addr())
	if i < 0 || i >= s.fleet.bmcCount() {
		return bmc{}, false
	}
	per := s.fleet.opts.NodesPerBMC
	return bmc{place: i, nodes: s.fleet.nodes[i*per : min((i+1)*per, len(s.fleet.nodes))]}, true
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

func (s *bmcServer) admitted(r *http.Request, place int) bool {
	if token := r.Header.Get("X-Auth-Token"); token != "" {
		return s.sessions.valid(token, place)
	}
	return subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(s.basic)) == 1
}

func (s *bmcServer) get(w http.ResponseWriter, b bmc, path string) {
	var text string
	switch {
	case path == sessionsPath:
		text = collection(path, "Session", s.sessions.paths(b.place))
	case strings.HasPrefix(path, sessionsPath+"/"):
		if id := path[len(sessionsPath)+1:]; slices.Contains(s.sessions.ids(b.place), id) {
			text = sessionResource(path, id, s.fleet.opts.Username)
		}
	default:
		text = b.resource(path)
	}
	if text == "" {
		missing(w, path)
		return
	}
	if path == "/redfish/v1/$metadata" {
		w.Header().Set("Content-Type", "application/xml")
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	io.WriteString(w, text) //nolint:errcheck // the client is gone
}

func (s *bmcServer) post(w http.ResponseWriter, r *http.Request, b bmc, path string) {
	var body struct{ ResetType, UserName, Password string }
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBMCBody))
	if err == nil && len(bytes.TrimSpace(text)) > 0 {
		err = json.Unmarshal(text, &body)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "Base.1.8.MalformedJSON", "The request body could not be read as JSON.")
		return
	}
	switch n := b.resetTarget(path); {
	case path == sessionsPath:
		s.login(w, b, body.UserName, body.Password)
	case n != nil:
		resetNode(w, n, body.ResetType)
	case path == managerReset:
		if checkResetType(w, body.ResetType, managerResetTypes) {
			w.WriteHeader(http.StatusNoContent)
		}
	case b.resource(path) != "":
		refuse(w, http.StatusMethodNotAllowed, "Base.1.8.OperationNotAllowed", "Nothing can be created at "+path+".")
	default:
		missing(w, path)
	}
}

func resetNode(w http.ResponseWriter, n *Node, kind string) {
	if !checkResetType(w, kind, resetTypes) {
		return
	}
	if no := n.reset(kind); no != nil {
		refuse(w, no.status, "Base.1.8.GeneralError", no.message)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func checkResetType(w http.ResponseWriter, kind string, allowed []string) bool {
	if kind == "" {
		refuse(w, http.StatusBadRequest, "Base.1.8.ActionParameterMissing",
			"The action Reset requires the parameter ResetType to be present in the request body.")
		return false
	}
	if !slices.Contains(allowed, kind) {
		refuse(w, http.StatusBadRequest, "Base.1.8.ActionParameterNotSupported",
			"The value "+kind+" for the parameter ResetType is not one of "+strings.Join(allowed, ", ")+".")
		return false
	}
	return true
}

func (s *bmcServer) login(w http.ResponseWriter, b bmc, user, password string) {
	given := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	if subtle.ConstantTimeCompare([]byte(given), []byte(s.basic)) != 1 {
		refuse(w, http.StatusUnauthorized, "Base.1.8.ResourceAtUriUnauthorized", "The credentials were not accepted.")
		return
	}
	id, token := s.sessions.open(b.place)
	w.Header().Set("X-Auth-Token", token)
	w.Header().Set("Location", sessionsPath+"/"+id)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, sessionResource(sessionsPath+"/"+id, id, user)) //nolint:errcheck // the client is gone
}

func (s *bmcServer) delete(w http.ResponseWriter, b bmc, path string) {
	id, isSession := strings.CutPrefix(path, sessionsPath+"/")
	if !isSession || !s.sessions.close(b.place, id) {
		missing(w, path)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func missing(w http.ResponseWriter, path string) {
	refuse(w, http.StatusNotFound, "Base.1.8.ResourceMissingAtURI", "The resource at the URI "+path+" was not found.")
}

// refuse answers with a Redfish error.
func refuse(w http.ResponseWriter, status int, id, message string) {
	type info struct {
		Type     string `json:"@odata.type"`
		ID       string `json:"MessageId"`
		Message  string
		Severity string
	}
	type failure struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Info    []info `json:"@Message.ExtendedInfo"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	buffer := bufio.NewWriter(w)
	defer buffer.Flush()
	json.NewEncoder(buffer).Encode(map[string]failure{"error": { //nolint:errcheck // the client is gone
		id, message, []info{{"#Message.v1_1_1.Message", id, message, "Critical"}}}})
}

// maxSessions is how many sessions a BMC keeps; the oldest gives way.
const maxSessions = 16

// sessions are the logins of all BMCs.
type sessions struct {
	mu    sync.Mutex
	byBMC map[int][]login
}

type login struct{ id, token string }

func (s *sessions) open(bmc int) (id, token string) {
	var b [24]byte
	rand.Read(b[:]) //nolint:errcheck // never fails
	id, token = hex.EncodeToString(b[:4]), hex.EncodeToString(b[4:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byBMC == nil {
		s.byBMC = map[int][]login{}
	}
	s.byBMC[bmc] = keepLast(s.byBMC[bmc], login{id, token}, maxSessions)
	return id, token
}

func (s *sessions) valid(token string, bmc int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.byBMC[bmc], func(l login) bool {
		return subtle.ConstantTimeCompare([]byte(l.token), []byte(token)) == 1
	})
}

func (s *sessions) close(bmc int, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.byBMC[bmc])
	s.byBMC[bmc] = slices.DeleteFunc(s.byBMC[bmc], func(l login) bool { return l.id == id })
	if len(s.byBMC[bmc]) == 0 {
		delete(s.byBMC, bmc)
		return before > 0
	}
	return len(s.byBMC[bmc]) < before
}

func (s *sessions) ids(bmc int) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.byBMC[bmc] {
		ids = append(ids, l.id)
	}
	return ids
}

func (s *sessions) paths(bmc int) (paths []string) {
	for _, id := range s.ids(bmc) {
		paths = append(paths, sessionsPath+"/"+id)
	}
	return paths
}
