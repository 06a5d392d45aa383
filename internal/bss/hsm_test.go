package bss_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// The embedded HSM over its HTTP interface: what it hints and answers is what
// the mirrors rely on.
func TestScriptsOfTheEmbeddedHSM(t *testing.T) {
	hub := events.NewHub()
	db, err := store.Open(t.Context(), storetest.Migrated(t), hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	mux := http.NewServeMux()
	r := start(t)
	cfg := bss.Config{DB: db, Hub: hub, Journal: journal.New(db, r.now), Presigner: presigner{},
		Now: r.now, ChainBase: "http://gw/apis/bss",
		WakeOn: []string{hsm.ComponentsTable, hsm.ComponentEndpointsTable, hsm.EthernetInterfacesTable}}
	hsm.Register(httpapi.New(mux, "/apis/smd/hsm/v2", "HSM", "2"), hsm.NewService(db, cfg.Journal, nil, cfg.Now))
	calls := httpapi.NewClient("HSM", "http://local/apis/smd/hsm/v2", httpapi.Local(mux))
	calls.Retries = 0
	inventory := hsm.NewClient(calls)
	cfg.Inventory = inventory
	bss.Register(httpapi.New(mux, "/apis/bss", "BSS", "1"), bss.NewService(cfg))
	r.handler = mux
	do := func(method, path string, body any) {
		t.Helper()
		if _, err := calls.Do(t.Context(), method, path, nil, body, nil); err != nil {
			t.Fatal(err)
		}
	}

	r.must(200, "PUT", parameters, bss.BootParameters{Hosts: []string{"Compute"}, Kernel: "http://compute"})
	r.must(200, "PUT", parameters, bss.BootParameters{Hosts: []string{"Application"}, Kernel: "http://application"})
	r.must(404, "GET", "/boot/v1/bootscript?mac="+mac, nil)

	do("POST", "/State/Components", map[string]any{"Components": []any{map[string]any{"ID": node, "State": "Off", "Role": "Compute", "NID": 7}}})
	do("POST", "/Inventory/EthernetInterfaces", map[string]any{"MACAddress": mac, "ComponentID": node})
	wantPart(t, "new node by MAC", r.script("mac="+mac), "kernel http://compute xname="+node+" nid=7")
	wantPart(t, "and by NID", r.script("nid=7"), "bootscript?mac="+mac+"&retry=1")
	r.must(404, "GET", "/boot/v1/bootscript?name=printer", nil)

	do("PATCH", "/State/Components/"+node+"/Role", map[string]any{"Role": "Application"})
	wantPart(t, "after a change of role", r.script("mac="+mac), "kernel http://application ")

	if err := inventory.SetIPAddress(t.Context(), mac, "10.1.0.7"); err != nil {
		t.Fatal(err)
	}
	want(t, "host by address", strings.TrimSpace(r.must(200, "GET", "/meta-data?key=local-hostname", nil, forwarded, "10.1.0.7")), `"`+node+`"`)
	do("DELETE", "/State/Components/"+node, nil)
	r.must(404, "GET", "/boot/v1/bootscript?mac="+mac, nil)
}
