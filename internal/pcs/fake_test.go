package pcs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/redfish"
)

// hardware is a BMC that has any number of systems, named as their xnames.
type hardware struct {
	server *httptest.Server

	mu      sync.Mutex
	power   map[string]string   // system to PowerState
	refuses map[string]string   // system to the words with which resets are refused
	ignores map[string]bool     // systems that accept graceful shutdowns and do nothing
	slow    map[string]bool     // systems that change only when told to settle
	silent  map[string]bool     // systems whose resets take effect but are not answered
	deaf    map[string]bool     // systems whose resets take no effect and are not answered
	resets  map[string][]string // system to the ResetTypes received
	reads   map[string]int
	order   []string
	onReset func() // called before a reset is answered
	// before may answer a request instead; it has h.mu.
	before func(w http.ResponseWriter, r *http.Request, id string) (answered bool)
	offers map[string][]string // system to the ResetTypes that it says to offer now
	// caps are the systems' power limits, onCap is called before a change of one;
	// what it says is the answer instead, 0 nothing.
	caps  map[string]int
	onCap func(id string) int
}

func newHardware(t testing.TB) *hardware {
	h := &hardware{power: map[string]string{}, refuses: map[string]string{}, ignores: map[string]bool{},
		slow: map[string]bool{}, silent: map[string]bool{}, deaf: map[string]bool{}, resets: map[string][]string{}, reads: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /redfish/v1/Systems/{id}", h.get)
	mux.HandleFunc("POST /redfish/v1/Systems/{id}/Reset", h.reset)
	h.caps = map[string]int{}
	mux.HandleFunc("GET /redfish/v1/Chassis/{id}", h.chassis)
	mux.HandleFunc("/redfish/v1/Chassis/{id}/Power", h.limit)
	h.server = httptest.NewServer(mux)
	t.Cleanup(h.server.Close)
	return h
}

func (h *hardware) get(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := r.PathValue("id")
	h.reads[id]++
	if h.before != nil && h.before(w, r, id) {
		return
	}
	if user, password, _ := r.BasicAuth(); user != "root" || password != "initial0" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"Id": id, "PowerState": h.power[id],
		"Links": map[string]any{"Chassis": []any{map[string]any{"@odata.id": "/redfish/v1/Chassis/" + id}}}, "Actions": map[string]any{
			"#ComputerSystem.Reset": map[string]any{"target": r.URL.Path + "/Reset", "ResetType@Redfish.AllowableValues": h.offers[id]}}})
}

func (h *hardware) reset(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var body struct{ ResetType string }
	json.NewDecoder(r.Body).Decode(&body)
	id := r.PathValue("id")
	h.resets[id] = append(h.resets[id], body.ResetType)
	h.order = append(h.order, id+" "+body.ResetType)
	if h.before != nil && h.before(w, r, id) {
		return
	}
	if h.onReset != nil {
		h.onReset()
	}
	if h.deaf[id] {
		panic(http.ErrAbortHandler)
	}
	if words := h.refuses[id]; words != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":{"@Message.ExtendedInfo":[{"Message":%q}]}}`, words)
		return
	}
	switch to := map[string]string{"On": "PoweringOn", "GracefulShutdown": "PoweringOff", "Off": "PoweringOff", "ForceOff": "Off"}[body.ResetType]; {
	case body.ResetType == "GracefulShutdown" && h.ignores[id], strings.Contains(body.ResetType, "Restart"):
	case h.slow[id] || to == "Off":
		h.power[id] = to
	default:
		h.power[id] = settled(to)
	}
	if h.silent[id] {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *hardware) chassis(w http.ResponseWriter, r *http.Request) {
	json.NewEncoder(w).Encode(map[string]any{"Power": map[string]string{"@odata.id": r.URL.Path + "/Power"}})
}

// limit is one between 350 and 925 W.
func (h *hardware) limit(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	type limit struct{ LimitInWatts *int }
	type control struct {
		Name       string `json:",omitempty"`
		PowerLimit limit
		Oem        map[string]any
	}
	var body struct{ PowerControl []control }
	if r.Method == http.MethodPatch {
		json.NewDecoder(r.Body).Decode(&body)
		h.mu.Lock()
		onCap := h.onCap
		h.mu.Unlock()
		if onCap != nil {
			if status := onCap(id); status != 0 {
				w.WriteHeader(status)
				fmt.Fprint(w, `{"error":{"@Message.ExtendedInfo":[{"Message":"supply 2 is missing"}]}}`)
				return
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.order = append(h.order, "cap "+id)
		h.caps[id] = 0
		if v := body.PowerControl[0].PowerLimit.LimitInWatts; v != nil {
			h.caps[id] = *v
		}
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c := control{Name: "Server Power Control", Oem: map[string]any{"X": map[string]any{"PowerLimit": map[string]int{"Min": 350, "Max": 925}}}}
	if v, has := h.caps[id]; has && v != 0 {
		c.PowerLimit.LimitInWatts = &v
	} else if !has {
		w.Write([]byte(`{"PowerControl":[]}`))
		return
	}
	body.PowerControl = []control{c}
	json.NewEncoder(w).Encode(body)
}

func settled(state string) string { return strings.TrimPrefix(state, "Powering") }

// settle lets what is under way come to its end.
func (h *hardware) settle() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, state := range h.power {
		h.power[id] = settled(state)
	}
}

func (h *hardware) with(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
}

func (h *hardware) resetsOf(id string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.resets[id])
}

// site is HSM as far as PCS sees it.
type site struct {
	mu        sync.Mutex
	endpoints map[string]hsm.ComponentEndpoint
	locks
	told     []string // "x1 Off"
	losing   int      // that many further calls of SetState fail
	password string
	roles    map[string]string
}

func (s *site) ComponentEndpoints(_ context.Context, ids []string) ([]hsm.ComponentEndpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []hsm.ComponentEndpoint
	for id, e := range s.endpoints {
		if ids == nil || slices.Contains(ids, id) {
			out = append(out, e)
		}
	}
	return out, nil
}

func (s *site) Credentials(context.Context, string) (redfish.Login, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return redfish.Login{Username: "root", Password: s.password}, nil
}

func (s *site) SetState(_ context.Context, ids []string, state, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.losing > 0 {
		s.losing--
		return fault.New(fault.Unavailable, "HSM is away")
	}
	for _, id := range ids {
		s.told = append(s.told, id+" "+state)
	}
	return nil
}

func (s *site) Query(_ context.Context, q hsm.ComponentQuery) ([]hsm.Component, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.losing > 0 {
		s.losing--
		return nil, fault.New(fault.Unavailable, "HSM is away")
	}
	var out []hsm.Component
	for _, id := range q.ComponentIDs {
		out = append(out, hsm.Component{ID: id, Role: s.roles[id]})
	}
	return out, nil
}

func (s *site) lose(calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.losing = calls
}

func (s *site) toldHSM(line string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.told, line)
}
