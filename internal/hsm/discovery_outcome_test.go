package hsm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/redfish"
)

// logged returns the log of the time until the test ends.
func logged(t *testing.T) func() string {
	t.Helper()
	var mu sync.Mutex
	var text bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return text.Write(p)
	}), nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestWhyADiscoveryFailedIsInTheRecordTheJournalAndTheLog(t *testing.T) {
	log := logged(t)
	var syntax *json.SyntaxError
	errors.As(json.Unmarshal([]byte("<"), &struct{}{}), &syntax)
	b := newBench(t, walkFunc(func(_ context.Context, address string, _ redfish.Login) (redfish.Inventory, error) {
		switch address {
		case "refuses":
			return redfish.Inventory{}, fmt.Errorf("walk BMC: %w", &redfish.Error{Method: "GET", Path: "/redfish/v1/Systems", Status: 403, Message: "No rights."})
		case "bare":
			return redfish.Inventory{Managers: []redfish.Manager{{OdataID: "/redfish/v1/Managers/1"}}}, nil
		case "garbage":
			return redfish.Inventory{}, fmt.Errorf("decode answer of BMC garbage to GET /redfish/v1/: %w", syntax)
		}
		return redfish.Inventory{}, errors.New("connection refused")
	})).started()
	want := map[string]struct{ bmc, status, words string }{
		"refuses": {"x1c0s0b0", HTTPsGetFailed, "403 Forbidden to GET /redfish/v1/Systems: No rights."},
		"bare":    {"x1c0s1b0", ChildVerificationFailed, "lists no system that is a node at /redfish/v1/Systems"},
		"garbage": {"x1c0s2b0", EPResponseFailedDecode, "GET /redfish/v1/: invalid character"},
		"away":    {"x1c0s3b0", HTTPsGetFailed, "connection refused"},
	}
	for address, w := range want {
		b.ok("POST", redfishEndpointsPath, fmt.Sprintf(`{"ID":%q,"FQDN":%q,"RediscoverOnUpdate":true}`, w.bmc, address))
	}
	for address, w := range want {
		b.discovered(w.bmc, w.status)
		var record struct {
			DiscoveryInfo struct{ LastDiscoveryError string }
		}
		if err := json.Unmarshal([]byte(b.ok("GET", redfishEndpointsPath+"/"+w.bmc, "")), &record); err != nil || !strings.Contains(record.DiscoveryInfo.LastDiscoveryError, w.words) {
			t.Errorf("%s: the record says %+v, %v; want %q", address, record, err, w.words)
		}
		if lines, err := b.journal.List(t.Context(), w.bmc, "", 0); err != nil || len(lines) != 1 || !lines[0].Failed || !strings.Contains(lines[0].Text, w.words) {
			t.Errorf("%s: journal %+v, %v", address, lines, err)
		}
		eventually(t, "a line of the log about "+address, func() bool {
			return slices.ContainsFunc(strings.Split(log(), "\n"), func(line string) bool {
				return strings.Contains(line, "bmc="+w.bmc) && strings.Contains(line, "status="+w.status) && strings.Contains(line, w.words)
			})
		})
	}
}

// A chassis that could not be read is not one that is gone.
func TestWhatCouldNotBeReadStays(t *testing.T) {
	lost := false
	b := newBench(t, walkFunc(func(context.Context, string, redfish.Login) (redfish.Inventory, error) {
		inv := card("Off")
		if lost {
			inv.Chassis, inv.Problems = nil, []redfish.Problem{{Path: "/redfish/v1/Chassis", Text: "500 Internal Server Error to GET /redfish/v1/Chassis"}}
			inv.Systems = inv.Systems[2:]
		}
		return inv, nil
	})).started()
	b.ok("POST", redfishEndpointsPath, addCard)
	b.discovered("x1000c0s0b1", DiscoverOK)
	lost = true
	b.ok("POST", "/Inventory/Discover", `{"xnames":["x1000c0s0b1"],"force":true}`)
	b.discovered("x1000c0s0b1", DiscoverOK)
	if state := b.component("x1000c0s0e1").State; state != "On" {
		t.Errorf("the enclosure that could not be read is %s", state)
	}
	b.ok("GET", "/Inventory/ComponentEndpoints/x1000c0s0e1", "")
	if state := b.component("x1000c0s0b1n1").State; state != "Empty" {
		t.Errorf("the node that is gone is %s", state)
	}
	e, err := b.RedfishEndpoint(t.Context(), "x1000c0s0b1")
	if err != nil || len(e.DiscoveryInfo.Problems) != 1 || !strings.Contains(e.DiscoveryInfo.Problems[0], "/redfish/v1/Chassis") {
		t.Errorf("%+v, %v", e.DiscoveryInfo, err)
	}
	lost = false
	b.ok("POST", "/Inventory/Discover", `{"xnames":["x1000c0s0b1"],"force":true}`)
	b.discovered("x1000c0s0b1", DiscoverOK)
	if e, err := b.RedfishEndpoint(t.Context(), "x1000c0s0b1"); err != nil || len(e.DiscoveryInfo.Problems) != 0 {
		t.Errorf("after a whole walk: %+v, %v", e.DiscoveryInfo, err)
	}
}

func TestASystemWithoutResetBesideOneThatHasItIsNoNode(t *testing.T) {
	system := func(id, reset, status string) redfish.System {
		return redfish.System{OdataID: "/redfish/v1/Systems/" + id, SystemType: "Physical", ResetTarget: reset, StatusState: status}
	}
	for name, tt := range map[string]struct {
		systems []redfish.System
		want    string
	}{
		"a baseboard":           {[]redfish.System{system("HGX_Baseboard_0", "", "Enabled"), system("System_0", "/r", "Enabled")}, "System_0"},
		"all without":           {[]redfish.System{system("1", "", ""), system("2", "", "")}, "1 2"},
		"an empty place":        {[]redfish.System{system("Node0", "", "Absent"), system("Node1", "/r", "Enabled")}, "Node0 Node1"},
		"numbers, not letters":  {[]redfish.System{system("10", "/r", ""), system("9", "/r", "")}, "9 10"},
		"one that is a virtual": {[]redfish.System{{OdataID: "/redfish/v1/Systems/0", SystemType: "Virtual", ResetTarget: "/r"}, system("1", "", "")}, "1"},
	} {
		f := mapInventory(&RedfishEndpoint{ID: "x1c0s0b0", Type: "NodeBMC"}, redfish.Inventory{Systems: tt.systems}, false)
		var got []string
		for i, e := range f.endpoints {
			if e.ID != fmt.Sprintf("x1c0s0b0n%d", i) {
				t.Errorf("%s: %s at place %d", name, e.ID, i)
			}
			got = append(got, strings.TrimPrefix(e.OdataID, "/redfish/v1/Systems/"))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: nodes %q, want %q", name, got, tt.want)
		}
	}
}

func TestWarningIsNotAlert(t *testing.T) {
	for health, want := range map[string]string{"": "OK", "OK": "OK", "Warning": "Warning", "Critical": "Alert"} {
		if got := flagOf(health); got != want {
			t.Errorf("health %q: flag %s, want %s", health, got, want)
		}
	}
}

func TestAMACOfZerosOrOfAGroupIsNone(t *testing.T) {
	for _, mac := range []string{"00:00:00:00:00:00", "FF:FF:FF:FF:FF:FF", "01-00-5e-00-00-01"} {
		inv := card("Off")
		inv.Systems[0].Interfaces[1].MAC = mac
		f := mapInventory(&RedfishEndpoint{ID: "x1000c0s0b1", Type: "NodeBMC"}, inv, true)
		if slices.ContainsFunc(f.interfaces, func(i EthernetInterface) bool { return i.ID == MACID(mac) }) {
			t.Errorf("%s: interfaces %+v", mac, f.interfaces)
		}
	}
}

func TestAnAddressWithAScheme(t *testing.T) {
	b := newBench(t, walkFunc(func(context.Context, string, redfish.Login) (redfish.Inventory, error) { return card("Off"), nil })).started()
	b.ok("POST", redfishEndpointsPath, `{"ID":"x1000c0s0b1","FQDN":"HTTPS://127.0.0.1:9000/","RediscoverOnUpdate":true}`)
	b.discovered("x1000c0s0b1", DiscoverOK)
	e, err := b.ComponentEndpoint(t.Context(), "x1000c0s0b1n0")
	if err != nil || e.RedfishEndpointFQDN != "https://127.0.0.1:9000" || e.RedfishURL != "127.0.0.1:9000/redfish/v1/Systems/Node0" {
		t.Errorf("%+v, %v", e, err)
	}
	for _, wrong := range []string{"ftp://10.1.1.1", "https://", "https://10.1.1.1/redfish/v1", "10.1.1.1/x"} {
		b.refused("POST", redfishEndpointsPath, fmt.Sprintf(`{"ID":"x1000c0s0b2","FQDN":%q}`, wrong), 400, "FQDN")
	}
}
