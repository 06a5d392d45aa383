package clients_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

// BenchmarkWhatANodeSends measures each request of a node that boots from the
// routes to the database, as it is sent and in a form that goes the usual way.
func BenchmarkWhatANodeSends(b *testing.B) {
	hub := events.NewHub()
	db, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "db"), hub.Changed)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	mux := http.NewServeMux()
	api := func(prefix string) huma.API { return httpapi.New(mux, prefix, "T", "1") }
	client := func(prefix string) *httpapi.Client {
		return httpapi.NewClient("test", "http://drover"+prefix, httpapi.Local(mux))
	}
	j := journal.New(db, time.Now)
	hsm.Register(api("/apis/smd/hsm/v2"), hsm.NewService(db, j, nil, time.Now))
	cfs.Register(api("/apis/cfs"), cfs.NewService(cfs.Config{DB: db, Journal: j, Hub: hub}))
	hosts := bss.NewService(bss.Config{DB: db, Journal: j, Hub: hub, Inventory: hsm.NewClient(client("/apis/smd/hsm/v2")), Now: time.Now,
		WakeOn: []string{hsm.ComponentsTable, hsm.ComponentEndpointsTable, hsm.EthernetInterfacesTable}})
	bss.Register(api("/apis/bss"), hosts)
	bos.Register(api("/apis/bos"), bos.NewService(bos.Config{DB: db, Journal: j, Hub: hub, Addresses: hosts}))
	for _, one := range []struct{ method, path, body string }{
		{"POST", "/apis/smd/hsm/v2/State/Components", `{"Components":[{"ID":"` + n0 + `","State":"On","Role":"Compute"}]}`},
		{"POST", "/apis/smd/hsm/v2/Inventory/EthernetInterfaces", `{"MACAddress":"02:00:00:00:00:0a","ComponentID":"` + n0 + `","IPAddresses":[{"IPAddress":"10.0.0.1"}]}`},
		{"PUT", "/apis/cfs/v3/components", `[{"id":"` + n0 + `","state":[]}]`},
		{"PUT", "/apis/bss/boot/v1/bootparameters", `{"hosts":["Global"],"cloud-init":{"meta-data":{"cfs_public_key":"ssh-ed25519 AAAA"}}}`},
		{"PUT", "/apis/bos/v2/components/" + n0, `{"desired_state":{"bss_token":"t"}}`},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, jsonRequest(one.method, one.path, one.body, "application/json"))
		if w.Code >= 300 {
			b.Fatalf("%s: %d %s", one.path, w.Code, w.Body)
		}
	}
	for _, one := range []struct{ name, method, path, body string }{
		{"lease to HSM", "PATCH", "/apis/smd/hsm/v2/Inventory/EthernetInterfaces/02000000000a", `{"IPAddresses":[{"IPAddress":"10.0.0.1"}]}`},
		{"state to HSM", "PATCH", "/apis/smd/hsm/v2/State/Components/" + n0 + "/StateData", `{"State":"Ready","Flag":"OK"}`},
		{"token to BOS", "PATCH", "/apis/bos/v2/components/" + n0, `{"id":"` + n0 + `","actual_state":{"bss_token":"t"}}`},
		{"meta-data of BSS", "GET", "/apis/bss/meta-data?key=Global.cfs_public_key", ""},
		{"state to CFS", "PATCH", "/apis/cfs/v3/components/" + n0, `{"state":[],"enabled":true}`},
	} {
		for way, media := range map[string]string{"quick": "application/json", "usual": "application/json; charset=utf-8"} {
			b.Run(one.name+"/"+way, func(b *testing.B) {
				w := &nobody{header: http.Header{}}
				b.ReportAllocs()
				for b.Loop() {
					clear(w.header)
					mux.ServeHTTP(w, jsonRequest(one.method, one.path, one.body, media))
					if w.status >= 300 {
						b.Fatalf("answered %d", w.status)
					}
				}
			})
		}
	}
}

func jsonRequest(method, path, body, media string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", media)
	r.Header.Set("X-Forwarded-For", "10.0.0.1")
	return r
}

// nobody reads the answer.
type nobody struct {
	header http.Header
	status int
}

func (w *nobody) Header() http.Header         { return w.header }
func (w *nobody) WriteHeader(status int)      { w.status = status }
func (w *nobody) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkRequest is what the requests of the others cost by themselves.
func BenchmarkRequest(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		jsonRequest("PATCH", "/apis/bos/v2/components/"+n0, `{}`, "application/json")
	}
}
