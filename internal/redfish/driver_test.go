package redfish_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/drover-hpc/drover/internal/redfish"
)

var login = redfish.Login{Username: "root", Password: "initial0"}

// bmc serves documents by path, behind the login.
type bmc map[string]string

func (b bmc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != login.Username || password != login.Password {
		http.Error(w, `{"error":{"code":"x","message":"Login needed"}}`, http.StatusUnauthorized)
		return
	}
	doc, ok := b[strings.TrimSuffix(r.URL.Path, "/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	io.WriteString(w, doc)
}

func address(s *httptest.Server) string { return s.Listener.Addr().String() }

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return address(s)
}

// A node card with one system, resets described apart as HPE Cray EX does, and
// a manager that lists them in place.
var card = bmc{
	"/redfish/v1": `{"RedfishVersion":"1.7.0","UUID":"u-root","Chassis":{"@odata.id":"/redfish/v1/Chassis"},
		"Managers":{"@odata.id":"/redfish/v1/Managers"},"Systems":{"@odata.id":"/redfish/v1/Systems"}}`,
	"/redfish/v1/Chassis":           `{"Members":[{"@odata.id":"/redfish/v1/Chassis/Enclosure"}]}`,
	"/redfish/v1/Chassis/Enclosure": `{"Id":"Enclosure","ChassisType":"Enclosure","Manufacturer":"HPE","Status":{"State":"Enabled","Health":null}}`,
	"/redfish/v1/Managers":          `{"Members":[{"@odata.id":"/redfish/v1/Managers/BMC"}]}`,
	"/redfish/v1/Managers/BMC": `{"Id":"BMC","ManagerType":"BMC","FirmwareVersion":"nc.1","UUID":"u-bmc",
		"Actions":{"#Manager.Reset":{"target":"/redfish/v1/Managers/BMC/Actions/Manager.Reset","ResetType@Redfish.AllowableValues":["ForceRestart"]},"Oem":{"x":1}},
		"EthernetInterfaces":{"@odata.id":"/redfish/v1/Managers/BMC/EthernetInterfaces"}}`,
	"/redfish/v1/Managers/BMC/EthernetInterfaces":      `{"Members":[{"@odata.id":"/redfish/v1/Managers/BMC/EthernetInterfaces/eth0"}]}`,
	"/redfish/v1/Managers/BMC/EthernetInterfaces/eth0": `{"Id":"eth0","PermanentMACAddress":"02:00:00:00:00:01"}`,
	"/redfish/v1/Systems":                              `{"Members":[{"@odata.id":"/redfish/v1/Systems/Node1"}],"Members@odata.nextLink":"/redfish/v1/Systems/page2"}`,
	"/redfish/v1/Systems/page2":                        `{"Members":[{"@odata.id":"/redfish/v1/Systems/Node0"}]}`,
	"/redfish/v1/Systems/Node0": `{"Id":"Node0","Name":"Node","SystemType":"Physical","Manufacturer":"HPE","Model":"EX425","SerialNumber":"S1","UUID":"u-0",
		"PowerState":"Off","Status":{"State":"Enabled","Health":"OK"},
		"Actions":{"#ComputerSystem.Reset":{"target":"/redfish/v1/Systems/Node0/Actions/ComputerSystem.Reset","@Redfish.ActionInfo":"/redfish/v1/Systems/Node0/ResetActionInfo"}},
		"EthernetInterfaces":{"@odata.id":"/redfish/v1/Systems/Node0/EthernetInterfaces"},"Processors":{"@odata.id":"/redfish/v1/Systems/Node0/Processors"}}`,
	"/redfish/v1/Systems/Node0/ResetActionInfo":               `{"Parameters":[{"Name":"Other","AllowableValues":["x"]},{"Name":"ResetType","AllowableValues":["On","Off","ForceOff"]}]}`,
	"/redfish/v1/Systems/Node0/EthernetInterfaces":            `{"Members":[{"@odata.id":"/redfish/v1/Systems/Node0/EthernetInterfaces/Management"}]}`,
	"/redfish/v1/Systems/Node0/EthernetInterfaces/Management": `{"Id":"Management","MACAddress":"02:00:00:00:00:02","PermanentMACAddress":"ignored","Description":"Node Maintenance Network"}`,
	"/redfish/v1/Systems/Node0/Processors":                    `{"Members":[{"@odata.id":"/redfish/v1/Systems/Node0/Processors/GPU0"},{"@odata.id":"/redfish/v1/Systems/Node0/Processors/P0"}]}`,
	"/redfish/v1/Systems/Node0/Processors/GPU0":               `{"ProcessorType":"GPU","ProcessorArchitecture":"OEM"}`,
	"/redfish/v1/Systems/Node0/Processors/P0":                 `{"ProcessorType":"CPU","ProcessorArchitecture":"ARM"}`,
	"/redfish/v1/Systems/Node1":                               `{"PowerState":null,"EthernetInterfaces":{"@odata.id":"/redfish/v1/nowhere"}}`,
}

func TestWalk(t *testing.T) {
	got, err := redfish.New(4).Walk(context.Background(), serve(t, card), login)
	if err != nil {
		t.Fatal(err)
	}
	want := redfish.Inventory{
		RedfishVersion: "1.7.0", UUID: "u-root",
		Chassis: []redfish.Chassis{{OdataID: "/redfish/v1/Chassis/Enclosure", ID: "Enclosure", ChassisType: "Enclosure",
			Manufacturer: "HPE", StatusState: "Enabled"}},
		Managers: []redfish.Manager{{OdataID: "/redfish/v1/Managers/BMC", ID: "BMC", ManagerType: "BMC", FirmwareVersion: "nc.1",
			UUID: "u-bmc", ResetTarget: "/redfish/v1/Managers/BMC/Actions/Manager.Reset", ResetTypes: []string{"ForceRestart"},
			Interfaces: []redfish.Interface{{OdataID: "/redfish/v1/Managers/BMC/EthernetInterfaces/eth0", ID: "eth0", MAC: "02:00:00:00:00:01"}}}},
		Systems: []redfish.System{
			{OdataID: "/redfish/v1/Systems/Node0", ID: "Node0", Name: "Node", SystemType: "Physical", Manufacturer: "HPE",
				Model: "EX425", SerialNumber: "S1", UUID: "u-0", PowerState: "Off", StatusState: "Enabled", Health: "OK",
				ProcessorArchitecture: "ARM", ResetTarget: "/redfish/v1/Systems/Node0/Actions/ComputerSystem.Reset",
				ResetTypes: []string{"On", "Off", "ForceOff"},
				Interfaces: []redfish.Interface{{OdataID: "/redfish/v1/Systems/Node0/EthernetInterfaces/Management", ID: "Management",
					MAC: "02:00:00:00:00:02", Description: "Node Maintenance Network"}},
				Processors: []redfish.Part{{OdataID: "/redfish/v1/Systems/Node0/Processors/GPU0"}, {OdataID: "/redfish/v1/Systems/Node0/Processors/P0"}}},
			{OdataID: "/redfish/v1/Systems/Node1", ID: "Node1"},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(json.RawMessage{})); diff != "" {
		t.Errorf("inventory (-want +got):\n%s", diff)
	}
}

func TestWalkNeedsLogin(t *testing.T) {
	_, err := redfish.New(4).Walk(context.Background(), serve(t, card), redfish.Login{})
	var refused *redfish.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized || refused.Message != "Login needed" {
		t.Errorf("walk without login: %v", err)
	}
}

func TestPowerState(t *testing.T) {
	d, bmc := redfish.New(4), serve(t, card)
	for path, want := range map[string]string{"/redfish/v1/Systems/Node0": "Off", "/redfish/v1/Systems/Node1": ""} {
		got, err := d.PowerState(context.Background(), bmc, login, path)
		if err != nil || got != want {
			t.Errorf("PowerState(%s) = %q, %v; want %q", path, got, err, want)
		}
	}
	// A link that is no path would send the password to another host.
	if _, err := d.PowerState(context.Background(), bmc, login, "@example.org/redfish"); err == nil {
		t.Error("a link to another host was followed")
	}
}

func TestResetSendsTheType(t *testing.T) {
	var got string
	bmc := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(body)
		w.WriteHeader(http.StatusNoContent)
	}))
	if err := redfish.New(4).Reset(context.Background(), bmc, login, "/a/Reset", "On"); err != nil {
		t.Fatal(err)
	}
	if want := `POST /a/Reset application/json {"ResetType":"On"}`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

func TestRefusalsCarryTheBMCsWords(t *testing.T) {
	tests := map[string]struct {
		status     int
		body, want string
	}{
		"extended": {400, `{"error":{"code":"Base.1.0.GeneralError","message":"See ExtendedInfo","@Message.ExtendedInfo":[
			{"MessageId":"a","Message":"The slot has no power."},{"MessageId":"Base.1.0.Last"}]}}`, "The slot has no power. Base.1.0.Last"},
		"plain error": {503, `{"error":{"message":"Busy"}}`, "Busy"},
		"text":        {500, "  out of\nmemory ", "out of memory"},
		"page":        {500, "<html>oops</html>", ""},
		"nothing":     {409, "", ""},
		"long text":   {500, strings.Repeat("é", 200), strings.Repeat("é", 98) + "…"},
		"long words":  {500, `{"error":{"message":"` + strings.Repeat("w", 5000) + `"}}`, strings.Repeat("w", 1021) + "…"},
		"steering":    {500, `{"error":{"message":"all \u001b[2Jwell\u0000"}}`, "all [2Jwell"},
		"redirect":    {302, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bmc := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			}))
			err := redfish.New(1).Reset(context.Background(), bmc, login, "/a", "On")
			var refused *redfish.Error
			if !errors.As(err, &refused) || refused.Status != tt.status || refused.Message != tt.want {
				t.Errorf("got %v, want status %d and message %q", err, tt.status, tt.want)
			}
		})
	}
}

func TestNoAnswerIsNoRefusal(t *testing.T) {
	s := httptest.NewServer(card)
	s.Close()
	err := redfish.New(1).Reset(context.Background(), address(s), login, "/a", "On")
	var refused *redfish.Error
	if err == nil || errors.As(err, &refused) {
		t.Errorf("reset of a BMC that is away: %v", err)
	}
}

// Addresses that are not loopback are spoken to in TLS, whoever signed.
func TestSelfSignedCertificate(t *testing.T) {
	s := httptest.NewTLSServer(card)
	t.Cleanup(s.Close)
	d := redfish.New(1)
	d.Know(redfish.Certificates{Any: true})
	redfish.DialFor(d, "bmc.example:443", address(s))
	got, err := d.PowerState(context.Background(), "bmc.example", login, "/redfish/v1/Systems/Node0")
	if err != nil || got != "Off" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	const bound, calls = 3, 40
	var mu sync.Mutex
	now, most := 0, 0
	full := make(chan struct{})
	bmc := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		now++
		if most = max(most, now); now == bound {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		mu.Unlock()
		<-full
		mu.Lock()
		now--
		mu.Unlock()
		fmt.Fprint(w, `{"PowerState":"On"}`)
	}))
	d := redfish.New(bound)
	var all sync.WaitGroup
	for range calls {
		all.Go(func() {
			if _, err := d.PowerState(context.Background(), bmc, login, "/x"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most != bound {
		t.Errorf("%d requests at once, want %d", most, bound)
	}
}
