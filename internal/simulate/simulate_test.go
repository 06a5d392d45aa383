package simulate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/server"
	"github.com/drover-hpc/drover/internal/sim"
	"github.com/drover-hpc/drover/internal/simulate"
)

func TestMain(m *testing.M) {
	sim.ReexecIfChild()
	os.Exit(m.Run())
}

// soon waits for something that happens at its own pace.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func get(t *testing.T, url string, into any) bool {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(into) == nil
}

// A fleet in a process of its own is known to a server that simulates nothing,
// and boots and reports by that server's published interfaces alone.
func TestFleetMakesItselfKnownAndIsPoweredByTheServices(t *testing.T) {
	s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", S3Listen: "127.0.0.1:0", Data: t.TempDir(), SSHPort: 22,
		MaxSessions: 2, PollPower: time.Second, BootRetry: time.Second, JobOrphan: time.Hour, VCSMaxPush: 1}, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	dir := t.TempDir()
	start := func() *simulate.Simulation {
		fleet, err := simulate.Start(context.Background(), simulate.Config{Nodes: 3, ARM: true, Dir: dir, Way: simulate.Way{Gateway: s.URL() + "/"}, Listen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		return fleet
	}
	fleet := start()
	var groups []struct {
		Label   string
		Members struct{ IDs []string }
	}
	soon(t, "the nodes are grouped", func() bool {
		return get(t, s.URL()+"/apis/smd/hsm/v2/groups", &groups) && len(groups) == 3
	})
	for _, g := range groups {
		if want := map[string]int{"x86_64": 2, "aarch64": 1, "cabinet_x1000": 3}[g.Label]; len(g.Members.IDs) != want {
			t.Errorf("group %s has %v", g.Label, g.Members.IDs)
		}
	}
	soon(t, "PCS knows that the nodes are off", func() bool {
		var power struct{ Status []struct{ PowerState string } }
		return get(t, s.URL()+"/apis/power-control/v1/power-status?powerStateFilter=off", &power) && len(power.Status) == 3
	})
	resp, err := http.Post(s.URL()+"/apis/power-control/v1/transitions", "application/json",
		strings.NewReader(`{"operation":"On","location":[{"xname":"x1000c0s1b0n0"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var n sim.Counters
	soon(t, "the node is on and asked for its boot script", func() bool {
		return get(t, fleet.Control()+"/counters", &n) && n.Requests >= 2
	})
	if n.BMCConnections == 0 || n.BMCRequests < n.BMCConnections {
		t.Errorf("the BMCs counted %+v", n)
	}
	fleet.Stop()
	fleet = start() // HSM knows the BMCs already
	t.Cleanup(fleet.Stop)
	var node sim.NodeView
	if !get(t, fleet.Control()+"/nodes/x1000c0s1b0n0", &node) || node.Power != "On" || len(node.Resets) == 0 {
		t.Errorf("after a restart the node is %+v", node)
	}
}

// asked is a server that remembers what it was asked, and how.
type asked struct {
	mu    sync.Mutex
	calls []string
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, r.Host+" "+r.Header.Get("Authorization")+" "+r.URL.Path)
	w.Write([]byte("{}"))
}

func (a *asked) has(call string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.calls {
		if c == call {
			return true
		}
	}
	return false
}

// An installation without a gateway, with a token and an object store whose name
// resolves elsewhere only.
func TestServicesAreReachedWhereTheyAre(t *testing.T) {
	gateway, hsm, store := serve(t), serve(t), serve(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	way := simulate.Way{Gateway: gateway.url, HSM: hsm.url + "/hsm/v2/", S3: strings.TrimPrefix(store.url, "http://"), Token: file}
	client, err := way.Client()
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{gateway.url + "/apis/bos/v2/components/x", gateway.url + "/apis/smd/hsm/v2/State/Components/x", "http://rgw.example/boot-images/k"} {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	for s, want := range map[*service]string{gateway: gateway.host() + " Bearer secret /apis/bos/v2/components/x",
		hsm: hsm.host() + " Bearer secret /hsm/v2/State/Components/x", store: "rgw.example  /boot-images/k"} {
		if !s.has(want) {
			t.Errorf("no %q among %q", want, s.calls)
		}
	}
}

// Hardware that HSM knows under the name of a simulated BMC keeps its address,
// and nothing else is written either.
func TestSimulatedBMCsTakeNoHardwaresPlace(t *testing.T) {
	var changes []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			changes = append(changes, r.Method+" "+r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"RedfishEndpoints": [{"ID": "x1000c0s0b0", "FQDN": "127.101.0.1:9"}, {"ID": "x1000c0s1b0", "FQDN": "https://10.2.0.2"}]}`))
	}))
	t.Cleanup(s.Close)
	api := hsm.NewClient(httpapi.NewClient("HSM", s.URL, http.DefaultTransport))
	bmcs := []bmc.Account{{Xname: "x1000c0s0b0", Address: "127.101.0.1:10"}, {Xname: "x1000c0s1b0", Address: "127.101.0.2:10"}, {Xname: "x1000c0s2b0", Address: "127.101.0.3:10"}}
	err := simulate.Introduce(t.Context(), api, bmcs)
	if err == nil || !strings.Contains(err.Error(), "x1000c0s1b0 is in HSM at https://10.2.0.2") || len(changes) > 0 {
		t.Errorf("%v, and HSM was asked for %q", err, changes)
	}
	if err := simulate.Introduce(t.Context(), api, bmcs[:1]); err != nil || len(changes) != 1 {
		t.Errorf("a BMC on this machine is moved: %v, %q", err, changes)
	}
}

func TestAFleetThatRunsKeepsItsBMCs(t *testing.T) {
	running, err := sim.New(sim.Options{Nodes: 2, Dir: t.TempDir(), Gateway: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Stop)
	if err := running.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	its := running.BMCs()
	var changes int
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			changes++
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"RedfishEndpoints": [{"ID": %q, "FQDN": %q}]}`, its[0].Xname, its[0].Address)
	}))
	t.Cleanup(s.Close)
	api := hsm.NewClient(httpapi.NewClient("HSM", s.URL, http.DefaultTransport))
	other := []bmc.Account{{Xname: its[0].Xname, Address: "127.101.0.1:9"}}
	if err := simulate.Introduce(t.Context(), api, other); err == nil || !strings.Contains(err.Error(), "another fleet of simulated nodes runs") || changes > 0 {
		t.Errorf("%v, %d changes", err, changes)
	}
	if err := simulate.Introduce(t.Context(), api, its); err != nil {
		t.Errorf("its own: %v", err)
	}
}

func TestWhatCannotWorkIsRefused(t *testing.T) {
	good := simulate.Config{Nodes: 1, Dir: t.TempDir(), Way: simulate.Way{Gateway: "http://127.0.0.1:1"}, Unannounced: true}
	for want, change := range map[string]func(*simulate.Config){
		"nodes: expected 1 to 100000, got 0":                    func(c *simulate.Config) { c.Nodes = 0 },
		"boot-failures: expected a share":                       func(c *simulate.Config) { c.Failures = 2 },
		"gateway: expected a URL such as":                       func(c *simulate.Config) { c.Gateway = "localhost" },
		"hsm-url: expected a URL such as":                       func(c *simulate.Config) { c.HSM = "x" },
		"s3: expected HOST:PORT":                                func(c *simulate.Config) { c.S3 = "host" },
		"without: expected bos or cfs, got \"hsm\"":             func(c *simulate.Config) { c.Without = []string{"hsm"} },
		"token: open /nowhere/token: no such file or directory": func(c *simulate.Config) { c.Token = "/nowhere/token" },
	} {
		c := good
		change(&c)
		s, err := simulate.Start(t.Context(), c)
		if err == nil {
			s.Stop()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, got %v", want, err)
		}
	}
}

type service struct {
	asked
	url string
}

func (s *service) host() string { return strings.TrimPrefix(s.url, "http://") }

func serve(t *testing.T) *service {
	s := &service{}
	server := httptest.NewServer(&s.asked)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}
