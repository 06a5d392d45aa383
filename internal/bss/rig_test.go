package bss_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/s3"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
	"github.com/drover-hpc/drover/internal/xname"
)

// inventory is an HSM in memory.
type inventory struct {
	mu         sync.Mutex
	components map[string]hsm.Component
	endpoints  map[string]hsm.ComponentEndpoint
	interfaces map[string]hsm.EthernetInterface
	down       bool
	calls      int
}

func (f *inventory) enter() error {
	f.calls++
	if f.down {
		return fault.New(fault.Unavailable, "HSM is down")
	}
	return nil
}

func chosen(filter url.Values, name, value string) bool {
	return filter[name] == nil || slices.Contains(filter[name], value)
}

func (f *inventory) Components(_ context.Context, filter url.Values) (out []hsm.Component, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range filter["id"] {
		if xname.TypeOf(id) == xname.Invalid {
			return nil, fault.New(fault.Invalid, "bad query param: Argument was not a valid xname ID")
		}
	}
	for id, c := range f.components {
		nid := ""
		if c.NID != nil {
			nid = fmt.Sprint(*c.NID)
		}
		if chosen(filter, "id", id) && chosen(filter, "type", c.Type) && chosen(filter, "nid", nid) {
			out = append(out, c)
		}
	}
	return out, f.enter()
}

func (f *inventory) ComponentEndpoints(_ context.Context, ids []string) (out []hsm.ComponentEndpoint, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, e := range f.endpoints {
		if ids == nil || slices.Contains(ids, id) {
			out = append(out, e)
		}
	}
	return out, f.enter()
}

func (f *inventory) EthernetInterfaces(_ context.Context, filter url.Values) (out []hsm.EthernetInterface, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, e := range f.interfaces {
		if chosen(filter, "MACAddress", id) {
			out = append(out, e)
		}
	}
	return out, f.enter()
}

func (f *inventory) node(id, role string, nid int, mac, ip string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.components[id] = hsm.Component{ID: id, Type: "Node", Role: role, NID: &nid, State: "On"}
	if mac != "" {
		f.interfaces[hsm.MACID(mac)] = hsm.EthernetInterface{ID: hsm.MACID(mac), MACAddress: mac, ComponentID: id,
			IPAddresses: []hsm.IPAddress{{IPAddress: ip}}}
	}
}

// presigner signs by writing down what it was asked.
type presigner struct{}

func (presigner) Presign(_ context.Context, name, node string, ttl time.Duration) (string, error) {
	if strings.Contains(name, "unsignable") {
		return "", fault.New(fault.Unavailable, "no signature for %s", name)
	}
	return "http://s3/" + strings.TrimPrefix(name, "s3://") + "?ttl=" + ttl.String() + "&" + s3.NodeParameter + "=" + node, nil
}

type rig struct {
	t       testing.TB
	hub     *events.Hub
	hsm     *inventory
	journal *journal.Journal
	service *bss.Service
	handler http.Handler
	client  *bss.Client
	clock   *time.Time
}

const now = 1_772_366_400 // 2026-03-01T12:00:00Z

func start(t testing.TB, configure ...func(*bss.Config)) rig {
	t.Helper()
	hub := events.NewHub()
	db, err := store.Open(t.Context(), storetest.Migrated(t), hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	clock := time.Unix(now, 0)
	cfg := bss.Config{DB: db, Hub: hub, Presigner: presigner{}, Now: func() time.Time { return clock },
		Inventory: &inventory{components: map[string]hsm.Component{}, endpoints: map[string]hsm.ComponentEndpoint{},
			interfaces: map[string]hsm.EthernetInterface{}},
		WakeOn:    []string{hsm.ComponentsTable, hsm.ComponentEndpointsTable, hsm.EthernetInterfacesTable},
		ChainBase: "http://gw/apis/bss", CloudInitBase: "http://ci"}
	cfg.Journal = journal.New(db, cfg.Now)
	for _, c := range configure {
		c(&cfg)
	}
	s := bss.NewService(cfg)
	mux := http.NewServeMux()
	bss.Register(httpapi.New(mux, "/apis/bss", "BSS", "1"), s)
	r := rig{t: t, hub: hub, hsm: cfg.Inventory.(*inventory), journal: cfg.Journal, service: s, handler: mux, clock: &clock}
	c := httpapi.NewClient("BSS", "http://local/apis/bss", httpapi.Local(mux))
	c.Retries = 0
	r.client = bss.NewClient(c)
	return r
}

func (r rig) now() time.Time { return *r.clock }

// ask makes a request and returns the answer.
func (r rig) ask(method, path string, body any, header ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			r.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	req := httptest.NewRequest(method, "/apis/bss"+path, reader)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w
}

// must asks, wants the status and returns the body.
func (r rig) must(status int, method, path string, body any, header ...string) string {
	r.t.Helper()
	w := r.ask(method, path, body, header...)
	if w.Code != status {
		r.t.Fatalf("%s %s answered %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	return w.Body.String()
}

func (r rig) put(p bss.BootParameters) string {
	r.t.Helper()
	token, err := r.client.PutBootParameters(r.t.Context(), p)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

func (r rig) script(query string) string {
	r.t.Helper()
	return r.must(200, "GET", "/boot/v1/bootscript?"+query, nil)
}

// told flushes the journal and returns the node's lines.
func (r rig) told(node string) (out []string) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	cancel()
	r.journal.Run(ctx)
	entries, err := r.journal.List(r.t.Context(), node, "", 0)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, fmt.Sprintf("%s %s failed=%v: %s", e.Source, e.Kind, e.Failed, e.Text))
	}
	return out
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", what, got, want)
	}
}

func wantPart(t *testing.T, what, got, part string) {
	t.Helper()
	if !strings.Contains(got, part) {
		t.Errorf("%s:\ngot  %s\nwant something with %s", what, got, part)
	}
}

// form posts a form from the address and returns the status.
func (r rig) form(path, text, ip string) int {
	req := httptest.NewRequest("POST", "/apis/bss"+path, strings.NewReader(text))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.RemoteAddr = ip + ":4711"
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w.Code
}
