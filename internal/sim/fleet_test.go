package sim_test

import (
	"context"
	"crypto/md5" //nolint:gosec // S3's ETag
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/sim"
)

func TestMain(m *testing.M) {
	sim.ReexecIfChild()
	os.Exit(m.Run())
}

// gateway stands for the services that a node calls, and remembers the calls.
type gateway struct {
	mu        sync.Mutex
	calls     []string // "METHOD path body"
	counts    map[string]int
	artifacts map[string][]byte
	trust     string
	refuse    func(call string) int // status to answer instead; 0: as usual
	script    func(mac string) string
}

func newGateway() *gateway {
	g := &gateway{counts: map[string]int{}, trust: "ssh-ed25519 AAAA none",
		artifacts: map[string][]byte{"/s3/kernel": []byte("a kernel"), "/s3/initrd": []byte("an initrd")}}
	g.script = func(mac string) string {
		return "#!ipxe\nkernel --name kernel http://s3/s3/kernel?sig=1 console=ttyS0 xname=" + g.xname(mac) +
			" bss_referral_token=token-1 bos_update_frequency=4h || goto boot_retry\n" +
			"initrd --name initrd http://s3/s3/initrd?sig=1 || goto boot_retry\nimgstat || echo none\nboot || goto boot_retry\n" +
			":boot_retry\nsleep 30\nchain http://gw/apis/bss/boot/v1/bootscript?mac=" + mac + "&retry=1\n"
	}
	return g
}

// xname is what BSS knows of the MAC: the place of the node, 8 slots a chassis.
func (g *gateway) xname(mac string) string {
	var i int
	b, _ := hex.DecodeString(strings.ReplaceAll(mac[6:], ":", ""))
	for _, x := range b {
		i = i<<8 + int(x)
	}
	return fmt.Sprintf("x%dc%ds%db0n0", 1000+i/64, i/8%8, i%8)
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	call := r.Method + " " + r.URL.Path + " " + string(body)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, call)
	g.counts[r.Method+" "+r.URL.Path]++
	if g.refuse != nil {
		if status := g.refuse(call); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	switch {
	case g.artifacts[r.URL.Path] != nil:
		data := g.artifacts[r.URL.Path]
		sum := md5.Sum(data) //nolint:gosec // S3's ETag
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
		w.Write(data)
	case r.URL.Path == "/apis/bss/boot/v1/bootscript":
		io.WriteString(w, g.script(r.URL.Query().Get("mac")))
	case r.URL.Path == "/apis/bss/meta-data":
		json.NewEncoder(w).Encode(g.trust)
	case r.Method == http.MethodPatch:
		io.WriteString(w, "{}")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (g *gateway) count(call string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.counts[call]
}

func (g *gateway) called(call string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Contains(g.calls, call)
}

// fleet starts a fleet on the gateway; a test may change the options first.
func fleet(t testing.TB, g http.Handler, change func(*sim.Options)) *sim.Fleet {
	t.Helper()
	opts := sim.Options{Nodes: 4, Dir: t.TempDir(), Gateway: "http://gw", Pace: 0.001,
		HTTP: &http.Client{Transport: httpapi.Local(g)}, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&opts)
	}
	f, err := sim.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Stop)
	return f
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// ask sends a request to the i-th BMC.
func ask(t testing.TB, f *sim.Fleet, i int, method, path, body string) (int, string) {
	t.Helper()
	b := f.BMCs()[i]
	req, err := http.NewRequest(method, "http://"+b.Address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(b.Username, b.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func reset(t testing.TB, f *sim.Fleet, i int, kind string) {
	t.Helper()
	status, text := ask(t, f, i, "POST", "/redfish/v1/Systems/Node0/Actions/ComputerSystem.Reset", `{"ResetType":"`+kind+`"}`)
	if status != http.StatusNoContent {
		t.Fatalf("reset %s: %d %s", kind, status, text)
	}
}

func up(t testing.TB, n *sim.Node) {
	t.Helper()
	eventually(t, n.Xname()+" is up", func() bool { return n.Phase() == sim.PhaseUp })
}

func TestANodeBootsAsRealOnesDo(t *testing.T) {
	g := newGateway()
	f := fleet(t, g, nil)
	n := f.Node("x1000c0s1b0n0")
	if n.PowerState() != bmc.Off {
		t.Fatalf("a new node is %s", n.PowerState())
	}
	reset(t, f, 1, "On")
	const cfs = `PATCH /apis/cfs/v3/components/x1000c0s1b0n0 {"state":[],"enabled":true}`
	eventually(t, "the CFS report", func() bool { return g.called(cfs) })
	for _, want := range []string{
		`PATCH /apis/smd/hsm/v2/Inventory/EthernetInterfaces/02d000000001 {"IPAddresses":[{"IPAddress":"127.111.0.2"}]}`,
		"GET /apis/bss/boot/v1/bootscript ", "GET /s3/kernel ", "GET /s3/initrd ",
		`PATCH /apis/smd/hsm/v2/State/Components/x1000c0s1b0n0/StateData {"State":"Ready","Flag":"OK"}`,
		`PATCH /apis/bos/v2/components/x1000c0s1b0n0 {"id":"x1000c0s1b0n0","actual_state":{"bss_token":"token-1"}}`,
		"GET /apis/bss/meta-data ",
	} {
		if !g.called(want) {
			t.Errorf("the node never called %s", want)
		}
	}
	if n.Phase() != sim.PhaseUp || n.PowerState() != bmc.On {
		t.Errorf("node is %s, %s", n.Phase(), n.PowerState())
	}
	if f.Node("x1000c0s0b0n0").PowerState() != bmc.Off {
		t.Error("another node is not off any more")
	}
	reset(t, f, 1, "GracefulShutdown")
	eventually(t, "off", func() bool { return n.PowerState() == bmc.Off })
	if r := n.Resets(); len(r) != 2 || r[0].Type != "On" || r[1].Type != "GracefulShutdown" {
		t.Errorf("resets: %v", r)
	}
}

func TestReportersTryUntilTheyAreHeard(t *testing.T) {
	g := newGateway()
	left := map[string]int{"PATCH /apis/bos": 3, "PATCH /apis/cfs": 2, "GET /apis/bss/meta": 2, "PATCH /apis/smd/hsm/v2/State": 1, "GET /apis/bss/boot": 2}
	g.refuse = func(call string) int {
		for prefix := range left {
			if strings.HasPrefix(call, prefix) && left[prefix] > 0 {
				left[prefix]--
				return http.StatusConflict
			}
		}
		return 0
	}
	f := fleet(t, g, nil)
	reset(t, f, 0, "On")
	eventually(t, "all reports", func() bool {
		return g.count("PATCH /apis/bos/v2/components/x1000c0s0b0n0") == 4 && g.count("PATCH /apis/cfs/v3/components/x1000c0s0b0n0") == 3 &&
			g.count("PATCH /apis/smd/hsm/v2/State/Components/x1000c0s0b0n0/StateData") == 2
	})
}

func TestDamagedArtifactIsFetchedAgain(t *testing.T) {
	for _, broken := range []struct {
		name   string
		answer func(http.ResponseWriter)
	}{
		{"wrong checksum", func(w http.ResponseWriter) {
			w.Header().Set("ETag", `"00000000000000000000000000000000"`)
			io.WriteString(w, "a kernel")
		}},
		{"expired signature", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }},
		{"too short", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "a kernel")
		}},
	} {
		t.Run(broken.name, func(t *testing.T) {
			g := newGateway()
			var once sync.Once
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				done := true
				if r.URL.Path == "/s3/kernel" {
					once.Do(func() { broken.answer(w); done = false })
				}
				if done {
					g.ServeHTTP(w, r)
				}
			}))
			defer server.Close()
			script := g.script
			g.script = func(mac string) string {
				return strings.ReplaceAll(strings.ReplaceAll(script(mac), "http://s3", server.URL), "http://gw", server.URL)
			}
			f := fleet(t, g, func(o *sim.Options) { o.Gateway, o.HTTP = server.URL, nil })
			reset(t, f, 0, "On")
			up(t, f.Node("x1000c0s0b0n0"))
			if got := g.count("GET /apis/bss/boot/v1/bootscript"); got != 2 {
				t.Errorf("the boot script was fetched %d times, want 2", got)
			}
		})
	}
}

func TestSharedArtifactsAreFetchedOnce(t *testing.T) {
	g := newGateway()
	f := fleet(t, g, func(o *sim.Options) { o.Nodes, o.ShareArtifacts = 20, true })
	for i := range 20 {
		reset(t, f, i, "On")
	}
	for _, n := range f.Nodes() {
		up(t, n)
	}
	if k, s := g.count("GET /s3/kernel"), g.count("GET /apis/bss/boot/v1/bootscript"); k != 1 || s != 20 {
		t.Errorf("kernel fetched %d times, boot script %d times", k, s)
	}
}
