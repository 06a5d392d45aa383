package hsm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/store"
)

// started runs the service until the test ends.
func (b *bench) started() *bench {
	b.discovery.pauses = []time.Duration{time.Millisecond, time.Millisecond}
	b.Start(b.t.Context())
	b.t.Cleanup(b.Stop)
	return b
}

func (b *bench) status(bmc string) string {
	e, err := b.RedfishEndpoint(b.t.Context(), bmc)
	if err != nil {
		b.t.Fatal(err)
	}
	return e.DiscoveryInfo.LastStatus
}

func (b *bench) discovered(bmc, status string) {
	b.t.Helper()
	eventually(b.t, bmc+" in status "+status, func() bool { return b.status(bmc) == status })
}

const addCard = `{"ID":"x1000c0s0b1","FQDN":"127.0.0.1:9000","User":"root","Password":"secret","RediscoverOnUpdate":true}`

func TestDiscoveryFillsAndKeepsWhatPeopleSet(t *testing.T) {
	var power atomic.Value
	power.Store("Off")
	b := newBench(t, walkFunc(func(_ context.Context, address string, login redfish.Login) (redfish.Inventory, error) {
		if address != "127.0.0.1:9000" || login != (redfish.Login{Username: "root", Password: "secret"}) {
			return redfish.Inventory{}, fmt.Errorf("called %s as %v", address, login)
		}
		inv := card(power.Load().(string))
		if inv.Systems[0].PowerState == "On" {
			inv.Systems = inv.Systems[2:] // Node0 alone
		}
		return inv, nil
	})).started()
	b.ok("POST", redfishEndpointsPath, addCard)
	b.discovered("x1000c0s0b1", DiscoverOK)
	node := b.component("x1000c0s0b1n0")
	if node.State != "Off" || node.Role != "Compute" || node.NID == nil || node.Arch != "X86" || !*node.Enabled || node.Class != "River" {
		t.Errorf("discovered %+v", node)
	}
	if lines, err := b.journal.List(t.Context(), "x1000c0s0b1n0", "", 0); err != nil || len(lines) != 1 || lines[0].Kind != "discovery" {
		t.Errorf("journal %v %v", lines, err)
	}
	endpoints, err := b.client.ComponentEndpoints(t.Context(), []string{"x1000c0s0b1n0", "x9c0s0b0n0"})
	if err != nil || len(endpoints) != 1 || endpoints[0].RedfishEndpointFQDN != "127.0.0.1:9000" {
		t.Fatalf("%+v %v", endpoints, err)
	}
	if reset, ok := endpoints[0].Reset(); !ok || len(reset.AllowableValues) != 2 {
		t.Errorf("reset %+v", reset)
	}

	b.ok("PATCH", "/State/Components/x1000c0s0b1n0/Role", `{"Role":"Application","SubRole":"UAN"}`)
	b.ok("PATCH", "/State/Components/x1000c0s0b1n0/NID", `{"NID":5}`)
	b.ok("PATCH", "/State/Components/x1000c0s0b1n0/Enabled", `{"Enabled":false}`)
	b.ok("PATCH", "/State/Components/x1000c0s0b1n0/StateData", `{"State":"Ready"}`)
	if err := b.client.SetIPAddress(t.Context(), "02:00:00:00:00:00", "10.0.0.5"); err != nil {
		t.Fatal(err)
	}
	power.Store("On")
	b.advance(time.Minute)
	if err := b.client.Discover(t.Context(), []string{"x1000c0s0b1"}); err != nil {
		t.Fatal(err)
	}
	b.discovered("x1000c0s0b1", DiscoverOK)
	node = b.component("x1000c0s0b1n0")
	if node.Role != "Application" || node.SubRole != "UAN" || *node.NID != 5 || *node.Enabled || node.State != "Ready" {
		t.Errorf("rediscovery made %+v", node)
	}
	if i, err := b.EthernetInterface(t.Context(), "020000000000"); err != nil || i.ComponentID != "x1000c0s0b1n0" || len(i.IPAddresses) != 1 {
		t.Errorf("interface %+v %v", i, err)
	}
	if state := b.component("x1000c0s0b1n1").State; state != "Empty" {
		t.Errorf("the node that is gone is %s", state)
	}
	b.refused("GET", "/Inventory/ComponentEndpoints/x1000c0s0b1n1", "", 404, "no such xname")

	b.ok("DELETE", redfishEndpointsPath+"/x1000c0s0b1", "")
	if state := b.component("x1000c0s0b1n0").State; state != "Empty" {
		t.Errorf("without its endpoint the node is %s", state)
	}
	if all, err := b.client.ComponentEndpoints(t.Context(), nil); err != nil || len(all) != 0 {
		t.Errorf("component endpoints left: %v %v", all, err)
	}
}

func TestDiscoveryFailures(t *testing.T) {
	var tries sync.Map
	b := newBench(t, walkFunc(func(_ context.Context, address string, _ redfish.Login) (redfish.Inventory, error) {
		n, _ := tries.LoadOrStore(address, new(atomic.Int32))
		n.(*atomic.Int32).Add(1)
		switch address {
		case "refuses":
			return redfish.Inventory{}, &redfish.Error{Method: "GET", Path: "/redfish/v1/", Status: 401}
		case "bare":
			return redfish.Inventory{Managers: []redfish.Manager{{}}}, nil
		case "slow":
			if n.(*atomic.Int32).Load() == 3 {
				return card("On"), nil
			}
		}
		return redfish.Inventory{}, errors.New("connection refused")
	})).started()
	want := map[string]struct {
		bmc, status string
		tries       int32
	}{"refuses": {"x1c0s0b0", HTTPsGetFailed, 1}, "bare": {"x1c0s1b0", ChildVerificationFailed, 1}, "slow": {"x1c0s2b0", DiscoverOK, 3}, "away": {"x1c0s3b0", HTTPsGetFailed, 3}}
	for address, w := range want {
		b.ok("POST", redfishEndpointsPath, fmt.Sprintf(`{"ID":%q,"FQDN":%q,"RediscoverOnUpdate":true}`, w.bmc, address))
	}
	for address, w := range want {
		b.discovered(w.bmc, w.status)
		if n, _ := tries.Load(address); n.(*atomic.Int32).Load() != w.tries {
			t.Errorf("%s: %d tries, want %d", address, n.(*atomic.Int32).Load(), w.tries)
		}
	}
	if lines, _ := b.journal.List(t.Context(), "x1c0s0b0", "", 0); len(lines) != 1 || !lines[0].Failed || !strings.Contains(lines[0].Text, "401") {
		t.Errorf("journal %+v", lines)
	}
	if got := b.ok("GET", "/Inventory/DiscoveryStatus/0", ""); !strings.Contains(got, `"Status":"Complete"`) || !strings.Contains(got, `"DiscoverOK":1`) {
		t.Error(got)
	}
	b.ok("POST", redfishEndpointsPath, `{"ID":"x1c0s4b0","Enabled":false,"RediscoverOnUpdate":true}`)
	if got := b.status("x1c0s4b0"); got != EndpointNotEnabled {
		t.Errorf("a disabled endpoint is %s", got)
	}
}

// A walk that was under way when the endpoint's address changed has seen the
// wrong BMC.
func TestAnOvertakenWalkCountsForNothing(t *testing.T) {
	release := make(chan struct{})
	walked := make(chan string, 9)
	b := newBench(t, walkFunc(func(ctx context.Context, address string, _ redfish.Login) (redfish.Inventory, error) {
		walked <- address
		if address == "old" {
			<-release
			return card("On"), nil
		}
		return card("Off"), nil
	})).started()
	b.ok("POST", redfishEndpointsPath, `{"ID":"x1000c0s0b1","FQDN":"old","RediscoverOnUpdate":true}`)
	if a := <-walked; a != "old" {
		t.Fatal(a)
	}
	b.ok("PATCH", redfishEndpointsPath+"/x1000c0s0b1", `{"FQDN":"new"}`)
	close(release)
	if a := <-walked; a != "new" {
		t.Fatal(a)
	}
	b.discovered("x1000c0s0b1", DiscoverOK)
	if state := b.component("x1000c0s0b1n0").State; state != "Off" {
		t.Errorf("the old BMC's state %s was recorded", state)
	}
}

func TestDiscoveryResumesAfterARestart(t *testing.T) {
	b := newBench(t, walkFunc(func(context.Context, string, redfish.Login) (redfish.Inventory, error) { return card("Off"), nil }))
	b.ok("POST", redfishEndpointsPath, addCard) // the service is not started: as if killed at once
	if got := b.status("x1000c0s0b1"); got != DiscoveryStarted {
		t.Fatal(got)
	}
	b.started()
	b.discovered("x1000c0s0b1", DiscoverOK)
}

func TestStopLeavesUnfinishedWalksForTheNextProcess(t *testing.T) {
	begun := make(chan struct{})
	b := newBench(t, walkFunc(func(ctx context.Context, _ string, _ redfish.Login) (redfish.Inventory, error) {
		close(begun)
		<-ctx.Done()
		return redfish.Inventory{}, ctx.Err()
	}))
	b.Start(t.Context())
	b.ok("POST", redfishEndpointsPath, addCard)
	<-begun
	b.Stop()
	if got := b.status("x1000c0s0b1"); got != DiscoveryStarted {
		t.Errorf("after Stop the endpoint is in status %s", got)
	}
}

func TestManyEndpoints(t *testing.T) {
	const n = 600 // more than walk at once, and more than one batch
	var underWay, most atomic.Int32
	b := newBench(t, walkFunc(func(context.Context, string, redfish.Login) (redfish.Inventory, error) {
		now := underWay.Add(1)
		defer underWay.Add(-1)
		for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
		}
		return card("Off"), nil
	})).started()
	endpoints := make([]RedfishEndpoint, n)
	for i := range endpoints {
		endpoints[i] = RedfishEndpoint{ID: fmt.Sprintf("x%dc%ds%db0", 1000+i/64, i/8%8, i%8), FQDN: "127.0.0.1:1", User: "u", Password: "p", RediscoverOnUpdate: true}
	}
	if err := b.client.AddRedfishEndpoints(t.Context(), endpoints); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all discovered", func() bool {
		done, err := b.endpoints.Count(t.Context(), store.Query{Where: []store.Match{store.Is("status", DiscoverOK)}})
		return err == nil && done == n
	})
	nodes, err := b.components.Count(t.Context(), store.Query{Where: []store.Match{store.Is("type", "Node")}})
	if err != nil || nodes != 2*n {
		t.Errorf("%d nodes, %v", nodes, err)
	}
	if most.Load() > walkers {
		t.Errorf("%d walks at once", most.Load())
	}
}
