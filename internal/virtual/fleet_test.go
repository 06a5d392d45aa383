package virtual

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/redfish"
)

// gateway answers the boot script that every node of the test gets, and tells
// who asked.
type gateway struct {
	*httptest.Server
	asked chan string // "ADDRESS PATH?mac=MAC"
}

func newGateway(t *testing.T, script string) *gateway {
	t.Helper()
	g := &gateway{asked: make(chan string, 100)}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		g.asked <- host + " " + r.URL.Path + "?mac=" + r.URL.Query().Get("mac")
		io.WriteString(w, script)
	}))
	t.Cleanup(g.Close)
	return g
}

func newFleet(t *testing.T, g *gateway, alter ...func(*Options, *Site)) *Fleet {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%v; make test installs it", err)
	}
	o := Options{Nodes: 2, Dir: t.TempDir()}
	site := Site{Gateway: "http://10.0.2.100:8080",
		Reach: []Reach{{netip.MustParseAddrPort("10.0.2.100:8080"), g.Listener.Addr().String()}},
		Lease: func(context.Context, string, string) error { return nil }}
	for _, a := range alter {
		a(&o, &site)
	}
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Stop)
	if err := f.Start(site); err != nil {
		t.Fatal(err)
	}
	return f
}

// patience bounds every wait: an emulated machine under load is slow.
const patience = 2 * time.Minute

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %s in vain for %s", patience, what)
		panic("unreachable")
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain until %s", patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

const waiting = "#!ipxe\necho The script of ${net0/mac} runs.\nsleep 3600\n"

// Firmware, iPXE and the sealed network are real: the script comes from the
// gateway, which knows the node by its address.
func TestFirmwareFetchesTheBootScript(t *testing.T) {
	t.Parallel()
	g := newGateway(t, waiting)
	leases := make(chan string, 10)
	f := newFleet(t, g, func(_ *Options, s *Site) {
		s.Lease = func(_ context.Context, mac, address string) error {
			leases <- mac + " " + address
			if len(leases) == 1 {
				return fmt.Errorf("not yet")
			}
			return nil
		}
	})
	n := f.Nodes()[1]
	told := subscribe(t, f.BMCs()[1])
	if n.Xname() != "x3000c0s2b0n0" || n.PowerState() != bmc.Off {
		t.Fatalf("%s is %s", n.Xname(), n.PowerState())
	}
	if no := n.Reset(bmc.ResetOn); no != nil {
		t.Fatal(no.Message)
	}
	if n.PowerState() != bmc.On || f.Nodes()[0].PowerState() != bmc.Off {
		t.Errorf("nodes are %s and %s", f.Nodes()[0].PowerState(), n.PowerState())
	}
	if got, want := await(t, "the boot script", g.asked), "127.122.0.2 /apis/bss/boot/v1/bootscript?mac=02:d2:00:00:00:01"; got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
	eventually(t, "the console tells of the script", func() bool {
		return slices.ContainsFunc(n.Console(), func(line string) bool { return strings.Contains(line, "The script of 02:d2:00:00:00:01 runs.") })
	})
	for range 2 {
		if got, want := await(t, "a lease", leases), "02:d2:00:00:00:01 127.122.0.2"; got != want {
			t.Errorf("lease of %q, want %q", got, want)
		}
	}
	process := n.machine.process.Pid
	if no := n.Reset(bmc.ResetOn); no != nil || n.machine.process.Pid != process {
		t.Errorf("a second On: %v", no)
	}
	if no := n.Reset(bmc.ForceRestart); no != nil || n.PowerState() != bmc.On || n.machine.process.Pid == process {
		t.Errorf("a restart: %v, %s", no, n.PowerState())
	}
	await(t, "the boot script once more", g.asked)
	if no := n.Reset(bmc.ForceOff); no != nil || n.PowerState() != bmc.Off {
		t.Errorf("cut: %v, %s", no, n.PowerState())
	}
	if before, err := os.ReadFile(n.console.path + ".1"); err != nil || !strings.Contains(string(before), "iPXE") {
		t.Errorf("the console of the boot before: %q, %v", before, err)
	}
	for i, want := range []string{"On", "Off", "On", "Off"} {
		if got := await(t, "an event of power", told); got != want {
			t.Errorf("event %d tells of %s, want %s", i, got, want)
		}
	}
}

// subscribe is told by the BMC which power its node has.
func subscribe(t *testing.T, b bmc.Account) chan string {
	t.Helper()
	told := make(chan string, 16)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct {
			Events []struct{ MessageArgs []string }
		}
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
			return
		}
		for _, e := range event.Events {
			if len(e.MessageArgs) == 2 { // the test of the way has none
				told <- e.MessageArgs[1]
			}
		}
	}))
	t.Cleanup(s.Close)
	driver := redfish.New(1)
	t.Cleanup(driver.Close)
	if _, err := driver.Subscribe(t.Context(), b.Address, redfish.Login{Username: b.Username, Password: b.Password}, redfish.Subscription{Destination: s.URL, Context: b.Xname}); err != nil {
		t.Fatal(err)
	}
	return told
}

// Nothing but what is named can be reached from inside.
func TestNetworkIsSealed(t *testing.T) {
	t.Parallel()
	other := newGateway(t, "")
	port := netip.MustParseAddrPort(other.Listener.Addr().String()).Port()
	g := newGateway(t, fmt.Sprintf("#!ipxe\nimgfetch http://10.1.0.3:%d/escape || echo sealed\nimgfetch http://10.1.0.2/done ||\nsleep 3600\n", port))
	f := newFleet(t, g, func(_ *Options, s *Site) { // where QEMU itself has its place by default
		s.Gateway, s.Reach[0].Inside = "http://10.1.0.2", netip.MustParseAddrPort("10.1.0.2:80")
	})
	f.Nodes()[0].Reset(bmc.ResetOn)
	await(t, "the boot script", g.asked)
	if got := await(t, "the script's end", g.asked); !strings.Contains(got, "/done") {
		t.Errorf("asked %s", got)
	}
	if len(other.asked) > 0 {
		t.Errorf("a service that is not named was reached: %s", <-other.asked)
	}
}

// A machine that stands still obeys no button; its power can be cut all the same.
func TestPowerOfAMachineThatStandsStill(t *testing.T) {
	t.Parallel()
	f := newFleet(t, newGateway(t, waiting))
	n := f.Nodes()[0]
	n.Reset(bmc.ResetOn)
	if err := syscall.Kill(n.machine.process.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if no := n.Reset(bmc.GracefulShutdown); no != nil || n.PowerState() != bmc.On {
		t.Errorf("graceful: %v, %s", no, n.PowerState())
	}
	if no := n.Reset(bmc.ForceOff); no != nil || n.PowerState() != bmc.Off {
		t.Errorf("forced: %v, %s", no, n.PowerState())
	}
}

// The override counts for one boot and outlives the process.
func TestBootFromTheDisk(t *testing.T) {
	t.Parallel()
	g := newGateway(t, waiting)
	var dir string
	f := newFleet(t, g, func(o *Options, _ *Site) { dir = o.Dir })
	once := bmc.BootOverride{Enabled: bmc.Once, Target: bmc.Disk}
	if no := f.Nodes()[0].SetBootOverride(once); no != nil {
		t.Fatal(no.Message)
	}
	f.Stop()
	f = newFleet(t, g, func(o *Options, _ *Site) { o.Dir = dir })
	n := f.Nodes()[0]
	if n.BootOverride() != once {
		t.Fatalf("after a restart: %+v", n.BootOverride())
	}
	n.Reset(bmc.ResetOn)
	if n.BootOverride() != (bmc.BootOverride{}) {
		t.Errorf("after the boot: %+v", n.BootOverride())
	}
	eventually(t, "firmware finds no disk", func() bool { return strings.Contains(strings.Join(n.Console(), "\n"), "No bootable device") })
	if len(g.asked) > 0 {
		t.Errorf("it asked %s", <-g.asked)
	}
}

// Over Redfish: QEMU's own words tell why a node does not start.
func TestNodeThatCannotStart(t *testing.T) {
	t.Parallel()
	f := newFleet(t, newGateway(t, waiting))
	taken, err := net.Listen("tcp4", netip.AddrPortFrom(f.Nodes()[0].address(), uint16(f.SSHPort())).String())
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	b := f.BMCs()[0]
	login := redfish.Login{Username: b.Username, Password: b.Password}
	driver := redfish.New(1)
	inventory, err := driver.Walk(t.Context(), b.Address, login)
	if err != nil {
		t.Fatal(err)
	}
	s := inventory.Systems[0]
	if s.Model != "Virtual node" || s.Interfaces[0].MAC != f.Nodes()[0].MAC() {
		t.Errorf("%+v", s)
	}
	err = driver.Reset(t.Context(), b.Address, login, s.ResetTarget, bmc.ResetOn)
	if err == nil || !strings.Contains(err.Error(), "Could not set up host forwarding rule") {
		t.Errorf("start with the SSH port taken: %v", err)
	}
	if state, err := driver.PowerState(t.Context(), b.Address, login, s.OdataID); err != nil || state != "Off" {
		t.Errorf("it is %s, %v", state, err)
	}
}

// A restart that waits for the system is off the table once the power is cut.
func TestForceOffCancelsAGracefulRestart(t *testing.T) {
	t.Parallel()
	f := newFleet(t, newGateway(t, waiting))
	n := f.Nodes()[0]
	n.Reset(bmc.ResetOn)
	m := n.running()
	n.Reset(bmc.GracefulRestart)
	if !m.startsAgain() {
		t.Error("a graceful restart does not ask for another start")
	}
	n.Reset(bmc.ForceOff)
	f.Stop() // waits for whoever would start it
	if n.running() != nil || n.last() != m {
		t.Error("it was started again")
	}
}

func TestStopLeavesNoProcess(t *testing.T) {
	t.Parallel()
	f := newFleet(t, newGateway(t, waiting))
	for _, n := range f.Nodes() {
		n.Reset(bmc.ResetOn)
	}
	f.Stop()
	for _, n := range f.Nodes() {
		if err := syscall.Kill(n.machine.process.Pid, 0); err == nil {
			t.Errorf("%s still runs", n.Xname())
		}
		if no := n.Reset(bmc.ResetOn); no == nil {
			t.Errorf("%s was powered on after the stop", n.Xname())
		}
	}
	if _, err := os.Stat(filepath.Join(f.opts.Dir, "ssh.port")); err != nil {
		t.Error(err)
	}
}
