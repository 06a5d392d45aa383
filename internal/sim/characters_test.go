package sim_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/sim"
)

// request makes one request to a BMC, by Basic authentication.
func request(t *testing.T, b bmc.Account, method, path, body string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+b.Address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(b.Username, b.Password)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

const (
	theNode = "/redfish/v1/Systems/Node0"
	itsOn   = theNode + "/Actions/ComputerSystem.Reset"
	turnOn  = `{"ResetType":"On"}`

	subscriptions = "/redfish/v1/EventService/Subscriptions"
)

// subscribe is told by the BMC of messages, in their order.
func subscribe(t *testing.T, b bmc.Account) <-chan string {
	t.Helper()
	messages := make(chan string, 16)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct {
			Events []struct {
				MessageID string `json:"MessageId"`
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil || len(event.Events) != 1 {
			t.Errorf("event %+v, %v", event, err)
			return
		}
		messages <- event.Events[0].MessageID
	}))
	t.Cleanup(s.Close)
	if r := request(t, b, "POST", subscriptions, `{"Destination":"`+s.URL+`","Protocol":"Redfish"}`); r.StatusCode != 201 {
		t.Fatalf("a subscription: %s", r.Status)
	}
	return messages
}

// inCharacter tells of each character how a client meets it.
var inCharacter = map[string]func(t *testing.T, b bmc.Account){
	"plain": func(t *testing.T, b bmc.Account) {
		limited(t, b, "/redfish/v1/Chassis/Enclosure", "Controls")
		messages := subscribe(t, b)
		if r := request(t, b, "POST", itsOn, turnOn); r.StatusCode != 204 {
			t.Error(r.Status)
		}
		if m := <-messages; m != "ResourceEvent.1.0.ResourcePowerStateChanged" {
			t.Errorf("the node is turned on, and the BMC tells of %q", m)
		}
	},
	"no-events": func(t *testing.T, b bmc.Account) {
		if r := request(t, b, "POST", subscriptions, `{"Destination":"http://127.0.0.1:1/","Protocol":"Redfish"}`); r.StatusCode != 400 {
			t.Errorf("a subscription: %s", r.Status)
		}
	},
	"lost-events": func(t *testing.T, b bmc.Account) {
		messages := subscribe(t, b)
		if r := request(t, b, "POST", itsOn, turnOn); r.StatusCode != 204 {
			t.Error(r.Status)
		}
		test := "ResourceEvent.1.0.ResourceChanged"
		if r := request(t, b, "POST", "/redfish/v1/EventService/Actions/EventService.SubmitTestEvent", `{"MessageId":"`+test+`"}`); r.StatusCode != 204 {
			t.Errorf("a test: %s", r.Status)
		}
		if m := <-messages; m != test { // those of power would come before
			t.Errorf("the BMC tells of %q", m)
		}
	},
	"session-only": func(t *testing.T, b bmc.Account) {
		if r := request(t, b, "GET", theNode, ""); r.StatusCode != 401 || r.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("Basic authentication: %s %v", r.Status, r.Header)
		}
	},
	"etag": func(t *testing.T, b bmc.Account) {
		etag := request(t, b, "GET", theNode, "").Header.Get("ETag")
		for given, want := range map[string]int{"": 428, `W/"another"`: 412, etag: 204} {
			if r := request(t, b, "PATCH", theNode, `{"Boot":{"BootSourceOverrideEnabled":"Disabled"}}`, "If-Match", given); r.StatusCode != want {
				t.Errorf("PATCH with %q: %s, want %d", given, r.Status, want)
			}
		}
		if r := request(t, b, "POST", itsOn, turnOn); r.StatusCode != 428 {
			t.Errorf("reset without If-Match: %s", r.Status)
		}
	},
	"task": func(t *testing.T, b bmc.Account) {
		r := request(t, b, "POST", itsOn, turnOn)
		monitor := r.Header.Get("Location")
		if r.StatusCode != 202 || monitor == "" {
			t.Fatalf("%s, monitor %q", r.Status, monitor)
		}
		for _, want := range []int{202, 204, 204} {
			if r := request(t, b, "GET", monitor, ""); r.StatusCode != want {
				t.Errorf("monitor: %s, want %d", r.Status, want)
			}
		}
		if r := request(t, b, "GET", monitor+"9", ""); r.StatusCode != 404 {
			t.Errorf("another monitor: %s", r.Status)
		}
	},
	"no-reset-types": func(t *testing.T, b bmc.Account) { offers(t, b) },
	"force-on": func(t *testing.T, b bmc.Account) {
		offers(t, b, "ForceOn", "ForceOff", "GracefulShutdown", "ForceRestart")
		if r := request(t, b, "POST", itsOn, turnOn); r.StatusCode != 400 {
			t.Errorf("On: %s", r.Status)
		}
	},
	"busy": func(t *testing.T, b bmc.Account) {
		busy := 0
		for range 10 {
			if r := request(t, b, "GET", theNode, ""); r.StatusCode == 503 && r.Header.Get("Retry-After") == "1" {
				busy++
			}
		}
		if busy != 2 {
			t.Errorf("%d of 10 requests were put off, want 2", busy)
		}
	},
	"lost-member": func(t *testing.T, b bmc.Account) {
		for _, list := range []string{"/redfish/v1/Chassis", theNode + "/Processors", theNode + "/EthernetInterfaces"} {
			if m := members(t, b, list); len(m) != 2 || request(t, b, "GET", m[1], "").StatusCode != 404 {
				t.Errorf("%s: %v", list, m)
			}
		}
	},
	"baseboard": func(t *testing.T, b bmc.Account) {
		m := members(t, b, "/redfish/v1/Systems")
		if len(m) != 3 || m[0] != "/redfish/v1/Systems/Baseboard" || request(t, b, "GET", m[0], "").StatusCode != 200 {
			t.Errorf("systems %v", m)
		}
	},
	"node-controls": func(t *testing.T, b bmc.Account) {
		limited(t, b, "/redfish/v1/Chassis/Node0", "Controls")
		if r := request(t, b, "PATCH", "/redfish/v1/Chassis/Node0/Controls/NodePowerLimit", `{"SetPoint":500}`); r.StatusCode != 405 {
			t.Errorf("PATCH of the control: %s", r.Status)
		}
	},
	"environment": func(t *testing.T, b bmc.Account) { limited(t, b, "/redfish/v1/Chassis/Node0", "EnvironmentMetrics") },
	"power":       func(t *testing.T, b bmc.Account) { limited(t, b, "/redfish/v1/Chassis/Enclosure", "Power") },
	"adapters": func(t *testing.T, b bmc.Account) {
		if r := request(t, b, "GET", theNode+"/EthernetInterfaces", ""); r.StatusCode != 404 {
			t.Error(r.Status)
		}
	},
}

// limited tells whether the chassis has the link to limits.
func limited(t *testing.T, b bmc.Account, chassis, link string) {
	t.Helper()
	var c map[string]any
	if err := json.NewDecoder(request(t, b, "GET", chassis, "").Body).Decode(&c); err != nil || c[link] == nil {
		t.Errorf("%v %v", c, err)
	}
}

func members(t *testing.T, b bmc.Account, list string) (paths []string) {
	t.Helper()
	var found struct {
		Members []struct {
			ID string `json:"@odata.id"`
		}
	}
	if err := json.NewDecoder(request(t, b, "GET", list, "").Body).Decode(&found); err != nil {
		t.Fatal(err)
	}
	for _, m := range found.Members {
		paths = append(paths, m.ID)
	}
	return paths
}

func offers(t *testing.T, b bmc.Account, want ...string) {
	t.Helper()
	var s struct {
		Actions map[string]struct {
			Types []string `json:"ResetType@Redfish.AllowableValues"`
		}
	}
	if err := json.NewDecoder(request(t, b, "GET", theNode, "").Body).Decode(&s); err != nil || strings.Join(s.Actions["#ComputerSystem.Reset"].Types, " ") != strings.Join(want, " ") {
		t.Errorf("offers %+v, %v, want %v", s, err, want)
	}
}

// The BMC of each character is what it says, and is walked and driven all the same.
func TestTheDriverMeetsEachCharacter(t *testing.T) {
	names := bmc.CharacterNames()
	f := fleet(t, newGateway(), func(o *sim.Options) { o.Nodes, o.NodesPerBMC, o.Characters = 2*len(names), 2, names })
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, n := f.BMCs()[i], f.Nodes()[2*i]
			inCharacter[name](t, b)
			d := redfish.New(4)
			defer d.Close()
			login := redfish.Login{Username: b.Username, Password: b.Password}
			inv, err := d.Walk(t.Context(), b.Address, login)
			if err != nil {
				t.Fatal(err)
			}
			first := 0
			if name == "baseboard" {
				first = 1
			}
			chassis := 1
			if name == "node-controls" || name == "environment" {
				chassis = 3
			}
			if lost := name == "lost-member"; len(inv.Systems) != 2+first || len(inv.Managers) != 1 || len(inv.Chassis) != chassis || (len(inv.Problems) > 0) != lost {
				t.Fatalf("%+v", inv)
			}
			for j, s := range inv.Systems[first:] {
				if len(s.Interfaces) != 1 || s.Interfaces[0].MAC != f.Nodes()[2*i+j].MAC() || s.ProcessorArchitecture != "x86" {
					t.Errorf("%+v", s)
				}
			}
			kind := "On"
			if name == "force-on" {
				kind = "ForceOn"
			}
			target := inv.Systems[first].ResetTarget
			patient(t, func(ctx context.Context) error { return d.Reset(ctx, b.Address, login, target, kind) })
			up(t, n)
			n.SetFaults(sim.Faults{RefusePowerOn: "fan 3 is broken", RefuseStatus: 400})
			var refused error
			patient(t, func(ctx context.Context) error {
				if refused = d.Reset(ctx, b.Address, login, target, "ForceRestart"); redfish.VerdictOf(refused) == redfish.Later {
					return refused
				}
				return nil
			})
			if refused == nil || !strings.Contains(refused.Error(), "fan 3 is broken") {
				t.Errorf("a refused reset: %v", refused)
			}
		})
	}
}

// The limit of a node's power is its own, whatever form its BMC gives it.
func TestPowerLimitsOfEachCharacter(t *testing.T) {
	names := bmc.CharacterNames()
	f := fleet(t, newGateway(), func(o *sim.Options) { o.Nodes, o.NodesPerBMC, o.Characters = 2*len(names), 2, names })
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := f.BMCs()[i]
			d := redfish.New(4)
			defer d.Close()
			login := redfish.Login{Username: b.Username, Password: b.Password}
			limit := func() (one redfish.PowerLimit) {
				patient(t, func(ctx context.Context) error {
					list, err := d.PowerLimits(ctx, b.Address, login, "/redfish/v1/Systems/Node1")
					if err == nil && len(list) != 1 {
						t.Fatalf("%+v", list)
					}
					if err == nil {
						one = list[0]
					}
					return err
				})
				return one
			}
			set := func(watts int) (refused error) {
				at := limit()
				patient(t, func(ctx context.Context) error {
					if refused = d.SetPowerLimit(ctx, b.Address, login, at, watts); redfish.VerdictOf(refused) == redfish.Later {
						return refused
					}
					return nil
				})
				return refused
			}
			if l := limit(); l.Watts != 0 || l.Min != 350 || l.Max != 925 || !l.Whole {
				t.Errorf("at first %+v", l)
			}
			n := f.Nodes()[2*i+1]
			if err := set(500); err != nil || limit().Watts != 500 || n.PowerCap() != 500 || f.Nodes()[2*i].PowerCap() != 0 {
				t.Errorf("%v, %d W, the neighbour %d W", err, n.PowerCap(), f.Nodes()[2*i].PowerCap())
			}
			if err := set(2000); err == nil || !strings.Contains(err.Error(), "350 to 925") || n.PowerCap() != 500 {
				t.Errorf("beyond the range: %v, %d W", err, n.PowerCap())
			}
			n.SetFaults(sim.Faults{RefusePowerCap: "supply 2 is missing", RefuseStatus: 400})
			if err := set(400); err == nil || !strings.Contains(err.Error(), "supply 2 is missing") || n.PowerCap() != 500 {
				t.Errorf("refused: %v, %d W", err, n.PowerCap())
			}
			n.SetFaults(sim.Faults{})
			if err := set(0); err != nil || limit().Watts != 0 || n.PowerCap() != 0 {
				t.Errorf("%v, %d W", err, n.PowerCap())
			}
		})
	}
}

// patient repeats what a busy BMC puts off.
func patient(t *testing.T, do func(context.Context) error) {
	t.Helper()
	err := do(t.Context())
	for deadline := time.Now().Add(20 * time.Second); err != nil && redfish.VerdictOf(err) == redfish.Later && time.Now().Before(deadline); {
		<-time.After(20 * time.Millisecond)
		err = do(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestBMCsAreListedWithTheirAccounts(t *testing.T) {
	f := fleet(t, newGateway(), func(o *sim.Options) { o.Nodes, o.Characters = 3, []string{"etag", "busy"} })
	w := httptest.NewRecorder()
	sim.Handler(f).ServeHTTP(w, httptest.NewRequest("GET", "/bmcs", nil))
	var list []sim.BMCView
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 3 || list[2].Character != "etag" || list[1].Character != "busy" ||
		list[1].Xname != "x1000c0s1b0" || list[1].Address != f.BMCs()[1].Address || list[1].Username != "root" || list[1].Password != "initial0" {
		t.Errorf("%s %v", w.Body, err)
	}
	if _, err := sim.New(sim.Options{Nodes: 1, Dir: t.TempDir(), Gateway: "http://gw", Characters: []string{"odd"}}); err == nil || !strings.Contains(err.Error(), "lost-member") {
		t.Errorf("an unknown character: %v", err)
	}
}
