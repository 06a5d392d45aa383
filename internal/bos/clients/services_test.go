package clients_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
	"github.com/drover-hpc/drover/internal/tapms"
)

const (
	n0 = "x1c0s0b0n0"
	n1 = "x1c0s0b0n1"
	n2 = "x1c0s1b0n0"
)

// services are the embedded services, reached as BOS reaches them.
type services struct {
	t   *testing.T
	mux *http.ServeMux
	bmc *bmc
}

func start(t *testing.T) *services {
	t.Helper()
	hub := events.NewHub()
	db, err := store.Open(t.Context(), storetest.Migrated(t), hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := &services{t: t, mux: http.NewServeMux(), bmc: &bmc{power: map[string]string{n0: "Off", n1: "On"}}}
	j := journal.New(db, time.Now)
	hsm.Register(httpapi.New(s.mux, "/apis/smd/hsm/v2", "HSM", "2"), hsm.NewService(db, j, nil, time.Now))
	tapms.Register(httpapi.New(s.mux, "/apis/tapms", "TAPMS", "1"), tapms.NewService(db, time.Now))
	ims.Register(httpapi.New(s.mux, "/apis/ims", "IMS", "3"), ims.NewService(ims.Config{DB: db, Now: time.Now}))
	cfs.Register(httpapi.New(s.mux, "/apis/cfs", "CFS", "1"), cfs.NewService(cfs.Config{DB: db, Journal: j, Hub: hub}))
	bss.Register(httpapi.New(s.mux, "/apis/bss", "BSS", "1"), bss.NewService(bss.Config{DB: db, Journal: j, Hub: hub,
		Inventory: hsm.NewClient(s.client("/apis/smd/hsm/v2")), Now: time.Now}))
	power := pcs.NewService(pcs.Config{DB: db, Journal: j, Hub: hub, Inventory: s.bmc, Credentials: s.bmc, BMC: s.bmc, PollEvery: 10 * time.Millisecond})
	if err := power.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(power.Stop)
	pcs.Register(httpapi.New(s.mux, "/apis/power-control", "PCS", "1"), power)
	return s
}

func (s *services) client(prefix string) *httpapi.Client {
	c := httpapi.NewClient("test", "http://drover"+prefix, httpapi.Local(s.mux))
	c.Retries = 0
	return c
}

// send has a service take a body.
func (s *services) send(method, prefix, path string, body, out any) {
	s.t.Helper()
	if _, err := s.client(prefix).Do(s.t.Context(), method, path, nil, body, out); err != nil {
		s.t.Fatal(err)
	}
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-late:
			t.Fatalf("not within 30 s: %s", what)
		case <-tick.C:
		}
	}
}

// bmc is the hardware of n0 and n1: n1 refuses whatever it is asked.
type bmc struct {
	pcs.BMC // what is not asked here

	mu    sync.Mutex
	power map[string]string
}

func (b *bmc) ComponentEndpoints(_ context.Context, ids []string) (out []hsm.ComponentEndpoint, err error) {
	for _, x := range []string{n0, n1} {
		if ids == nil || slices.Contains(ids, x) {
			out = append(out, hsm.ComponentEndpoint{ID: x, OdataID: x, RedfishEndpointID: "x1c0s0b0", RedfishEndpointFQDN: "bmc",
				RedfishSystemInfo: &hsm.RedfishSystemInfo{Actions: &hsm.SystemActions{
					Reset: hsm.ResetAction{Target: x, AllowableValues: []string{"On", "ForceOff", "GracefulShutdown"}}}}})
		}
	}
	return out, nil
}

func (b *bmc) Credentials(context.Context, string) (redfish.Login, error) {
	return redfish.Login{}, nil
}

func (b *bmc) PowerState(_ context.Context, _ string, _ redfish.Login, x string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.power[x], nil
}

func (b *bmc) ResetTypes(context.Context, string, redfish.Login, string, string) ([]string, error) {
	return nil, nil
}

func (b *bmc) Reset(_ context.Context, _ string, _ redfish.Login, x, kind string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x == n1 {
		return &redfish.Error{Method: "POST", Path: "/", Status: 400, Message: "the fan tray is open"}
	}
	b.power[x] = map[string]string{"On": "On"}[kind]
	if b.power[x] == "" {
		b.power[x] = "Off"
	}
	return nil
}
