package sim_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/sim"
)

func TestRefusedPowerOn(t *testing.T) {
	g := newGateway()
	f := fleet(t, g, nil)
	n := f.Node("x1000c0s0b0n0")
	n.SetFaults(sim.Faults{RefusePowerOn: "power supply 2 is missing", RefuseStatus: 409})
	status, text := ask(t, f, 0, "POST", "/redfish/v1/Systems/Node0/Actions/ComputerSystem.Reset", `{"ResetType":"On"}`)
	var answer struct {
		Error struct {
			Message string
			Info    []struct{ Message string } `json:"@Message.ExtendedInfo"`
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	if status != 409 || answer.Error.Message != "power supply 2 is missing" || answer.Error.Info[0].Message != "power supply 2 is missing" {
		t.Errorf("answered %d %s", status, text)
	}
	if n.PowerState() != bmc.Off || len(n.Resets()) != 1 {
		t.Errorf("node is %s after %d resets", n.PowerState(), len(n.Resets()))
	}
	n.SetFaults(sim.Faults{})
	reset(t, f, 0, "On")
	up(t, n)
}

func TestResetIsCheckedAndAuthorised(t *testing.T) {
	f := fleet(t, newGateway(), nil)
	const target = "/redfish/v1/Systems/Node0/Actions/ComputerSystem.Reset"
	for _, c := range []struct {
		path, body string
		want       int
	}{
		{target, `{"ResetType":"Nmi"}`, 400}, {target, `{}`, 400}, {target, ``, 400}, {target, `{`, 400},
		{"/redfish/v1/Systems/Node1/Actions/ComputerSystem.Reset", `{"ResetType":"On"}`, 404},
		{"/redfish/v1/Systems/Node00/Actions/ComputerSystem.Reset", `{"ResetType":"On"}`, 404},
		{"/redfish/v1/Systems", `{}`, 405},
	} {
		if status, text := ask(t, f, 0, "POST", c.path, c.body); status != c.want || !strings.Contains(text, "ExtendedInfo") {
			t.Errorf("POST %s %s: %d %s", c.path, c.body, status, text)
		}
	}
	for _, auth := range []string{"", "Basic cm9vdDpyb290", "Bearer x"} {
		req, _ := http.NewRequest("GET", "http://"+f.BMCs()[0].Address+"/redfish/v1/Systems", nil)
		req.Header.Set("Authorization", auth)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("with authorization %q: %d", auth, resp.StatusCode)
		}
	}
	if n := f.Nodes()[0]; n.PowerState() != bmc.Off || len(n.Resets()) != 0 {
		t.Errorf("bad requests changed the node: %s, %v", n.PowerState(), n.Resets())
	}
}

func TestUnreachableBMC(t *testing.T) {
	f := fleet(t, newGateway(), nil)
	f.Node("x1000c0s2b0n0").SetFaults(sim.Faults{UnreachableBMC: true})
	if resp, err := http.Get("http://" + f.BMCs()[2].Address + "/redfish/v1"); err == nil {
		t.Errorf("answered %s", resp.Status)
		resp.Body.Close()
	}
	if status, _ := ask(t, f, 1, "GET", "/redfish/v1", ""); status != 200 {
		t.Errorf("its neighbour answers %d", status)
	}
}

func TestShutdowns(t *testing.T) {
	const never = time.Hour
	for _, c := range []struct {
		name   string
		faults sim.Faults
		resets []string
		off    time.Duration // OffDelay
		want   bmc.PowerState
	}{
		{"graceful takes its time", sim.Faults{}, []string{"GracefulShutdown"}, never, bmc.PoweringOff},
		{"graceful ends off", sim.Faults{}, []string{"GracefulShutdown"}, 0, bmc.Off},
		{"forced is at once", sim.Faults{}, []string{"ForceOff"}, never, bmc.Off},
		{"forced overtakes graceful", sim.Faults{}, []string{"GracefulShutdown", "ForceOff"}, never, bmc.Off},
		{"ignored", sim.Faults{IgnoreSoftOff: true}, []string{"GracefulShutdown"}, 0, bmc.On},
		{"forced when ignored", sim.Faults{IgnoreSoftOff: true}, []string{"GracefulShutdown", "ForceOff"}, 0, bmc.Off},
		{"on while going down is late", sim.Faults{}, []string{"GracefulShutdown", "On"}, never, bmc.PoweringOff},
		{"forced restart", sim.Faults{}, []string{"ForceRestart"}, never, bmc.On},
		{"graceful restart", sim.Faults{}, []string{"GracefulRestart"}, 0, bmc.On},
		{"forced off calls off a restart", sim.Faults{}, []string{"GracefulRestart", "ForceOff"}, never, bmc.Off},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fleet(t, newGateway(), func(o *sim.Options) { o.OffDelay = c.off })
			n := f.Node("x1000c0s0b0n0")
			reset(t, f, 0, "On")
			up(t, n)
			n.SetFaults(c.faults)
			for _, r := range c.resets {
				reset(t, f, 0, r)
			}
			eventually(t, string(c.want), func() bool { return n.PowerState() == c.want })
		})
	}
}

func TestHungBoot(t *testing.T) {
	g := newGateway()
	f := fleet(t, g, nil)
	n := f.Node("x1000c0s0b0n0")
	n.SetFaults(sim.Faults{HangBoot: 1})
	reset(t, f, 0, "On")
	eventually(t, "a hang", func() bool { return n.Phase() == sim.PhaseHung })
	if n.PowerState() != bmc.On || g.count("PATCH /apis/bos/v2/components/x1000c0s0b0n0") != 0 {
		t.Error("a hung node is on and silent")
	}
	reset(t, f, 0, "ForceRestart")
	up(t, n)
	if n.Faults() != (sim.Faults{}) {
		t.Errorf("left: %+v", n.Faults())
	}
}

func TestPoweringOnIsSeen(t *testing.T) {
	f := fleet(t, newGateway(), func(o *sim.Options) { o.OnDelay = time.Hour })
	reset(t, f, 0, "On")
	if _, text := ask(t, f, 0, "GET", "/redfish/v1/Systems/Node0", ""); !strings.Contains(text, `"PowerState":"PoweringOn"`) {
		t.Error(text)
	}
}

func TestTheFleetGoesOnAfterARestart(t *testing.T) {
	g := newGateway()
	dir := t.TempDir()
	options := func(o *sim.Options) { o.Nodes, o.Dir = 5, dir }
	f := fleet(t, g, options)
	reset(t, f, 0, "On")                                               // will be up
	f.Node("x1000c0s1b0n0").SetFaults(sim.Faults{HangBoot: 1})         // will be booting
	reset(t, f, 1, "On")                                               //
	reset(t, f, 2, "On")                                               // will be off again
	up(t, f.Node("x1000c0s2b0n0"))                                     //
	reset(t, f, 2, "ForceOff")                                         //
	f.Node("x1000c0s3b0n0").SetFaults(sim.Faults{RefusePowerOn: "no"}) // stays refusing
	const cfs0 = "PATCH /apis/cfs/v3/components/x1000c0s0b0n0"
	eventually(t, "first reports", func() bool { return g.count(cfs0) == 1 })
	eventually(t, "a hang", func() bool { return f.Node("x1000c0s1b0n0").Phase() == sim.PhaseHung })
	address := f.BMCs()[0].Address
	f.Stop()

	f = fleet(t, g, options)
	if f.BMCs()[0].Address != address {
		t.Errorf("the BMC moved from %s to %s", address, f.BMCs()[0].Address)
	}
	up(t, f.Node("x1000c0s0b0n0"))
	up(t, f.Node("x1000c0s1b0n0"))
	eventually(t, "the booting node's reports", func() bool { return g.count("PATCH /apis/cfs/v3/components/x1000c0s1b0n0") == 1 })
	if g.count(cfs0) != 1 {
		t.Error("a node that was up told CFS to start over")
	}
	for i, want := range []struct {
		power  bmc.PowerState
		resets int
	}{{bmc.On, 1}, {bmc.On, 1}, {bmc.Off, 2}, {bmc.Off, 0}} {
		n := f.Nodes()[i]
		if n.PowerState() != want.power || len(n.Resets()) != want.resets {
			t.Errorf("%s is %s after resets %v, want %v", n.Xname(), n.PowerState(), n.Resets(), want)
		}
	}
	if f.Nodes()[3].Faults().RefusePowerOn != "no" {
		t.Error("a fault was forgotten")
	}
}

func TestSilentNodesComeUpAndSayNothing(t *testing.T) {
	g := newGateway()
	f := fleet(t, g, nil)
	f.Nodes()[0].SetFaults(sim.Faults{Silent: true})
	reset(t, f, 0, "On")
	up(t, f.Nodes()[0])
	reset(t, f, 1, "On")
	eventually(t, "its neighbour's report", func() bool { return g.count("PATCH /apis/cfs/v3/components/x1000c0s1b0n0") == 1 })
	if n := g.count("PATCH /apis/bos/v2/components/x1000c0s0b0n0"); n != 0 {
		t.Errorf("%d reports", n)
	}
}

func TestEveryBootFailsAtRateOne(t *testing.T) {
	f := fleet(t, newGateway(), nil)
	n := f.Nodes()[0]
	n.SetFaults(sim.Faults{BootFailureRate: 1})
	for range 3 {
		reset(t, f, 0, "ForceRestart")
		eventually(t, "a hang", func() bool { return n.Phase() == sim.PhaseHung })
	}
}

func TestBOSHearsAgainAndAgain(t *testing.T) {
	g := newGateway()
	script := g.script
	g.script = func(mac string) string {
		return strings.ReplaceAll(script(mac), "bos_update_frequency=4h", "bos_update_frequency=1s")
	}
	f := fleet(t, g, nil)
	reset(t, f, 0, "On")
	eventually(t, "three reports", func() bool { return g.count("PATCH /apis/bos/v2/components/x1000c0s0b0n0") >= 3 })
	if n := g.count("PATCH /apis/cfs/v3/components/x1000c0s0b0n0"); n != 1 {
		t.Errorf("%d reports to CFS, want 1", n)
	}
}

// A node that is told to boot from its disk has none; the next boot is from the
// network again.
func TestBootSourceOverride(t *testing.T) {
	f := fleet(t, newGateway(), nil)
	n := f.Nodes()[0]
	n.SetBootOverride(bmc.BootOverride{Enabled: bmc.Once, Target: bmc.Disk})
	n.Reset(bmc.ResetOn)
	eventually(t, "the boot from the disk", func() bool {
		return slices.Contains(n.Console(), "nothing to boot: it was told to boot from its disk and has none")
	})
	if n.BootOverride() != (bmc.BootOverride{}) || n.PowerState() != bmc.On || n.Phase() == sim.PhaseUp {
		t.Errorf("override %+v, power %s, phase %s", n.BootOverride(), n.PowerState(), n.Phase())
	}
	n.Reset(bmc.ForceRestart)
	up(t, n)
}
