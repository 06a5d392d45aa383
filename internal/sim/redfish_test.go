package sim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stmcginnis/gofish"
	"github.com/stmcginnis/gofish/schemas"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/sim"
)

// A client that knows nothing of this program finds its way.
func TestGofishDrivesABMC(t *testing.T) {
	for _, basic := range []bool{true, false} {
		t.Run(fmt.Sprintf("basic=%v", basic), func(t *testing.T) {
			f := fleet(t, newGateway(), func(o *sim.Options) { o.NodesPerBMC, o.ARMHalf = 2, true })
			b := f.BMCs()[1]
			if b.Xname != "x1000c0s1b0" {
				t.Fatalf("BMC is called %s", b.Xname)
			}
			c, err := gofish.ConnectContext(t.Context(), gofish.ClientConfig{Endpoint: "http://" + b.Address,
				Username: b.Username, Password: b.Password, BasicAuth: basic})
			if err != nil {
				t.Fatal(err)
			}
			systems, err := c.Service.Systems()
			if err != nil || len(systems) != 2 {
				t.Fatalf("systems: %v, %v", systems, err)
			}
			slices.SortFunc(systems, func(a, b *schemas.ComputerSystem) int { return strings.Compare(a.ID, b.ID) })
			checkSystem(t, systems[1])
			checkServices(t, c)
			if _, err := systems[1].Reset(schemas.OnResetType); err != nil {
				t.Fatal(err)
			}
			up(t, f.Node("x1000c0s1b0n1"))
			if f.Node("x1000c0s1b0n0").PowerState() != bmc.Off {
				t.Error("the other node was powered on")
			}
			c.Logout()
			if _, err := systems[1].Reset(schemas.ForceOffResetType); !basic && err == nil {
				t.Error("the session works after logout")
			}
		})
	}
}

func checkSystem(t *testing.T, s *schemas.ComputerSystem) {
	t.Helper()
	if s.ID != "Node1" || s.PowerState != schemas.OffPowerState || s.SystemType != schemas.PhysicalSystemType ||
		*s.ProcessorSummary.Count != 1 || *s.MemorySummary.TotalSystemMemoryGiB != 256 {
		t.Errorf("system: %s %s %s", s.ID, s.PowerState, s.SystemType)
	}
	types, err := s.GetSupportedResetTypes()
	if err != nil || !slices.Contains(types, schemas.GracefulShutdownResetType) {
		t.Errorf("reset types: %v, %v", types, err)
	}
	interfaces, err := s.EthernetInterfaces()
	if err != nil || len(interfaces) != 1 || interfaces[0].MACAddress != "02:d0:00:00:00:03" {
		t.Errorf("interfaces: %v, %v", interfaces, err)
	}
	processors, err := s.Processors()
	isARM := func(p *schemas.Processor) bool { return p.ProcessorArchitecture == "ARM" }
	if err != nil || len(processors) != 2 || !slices.ContainsFunc(processors, isARM) {
		t.Errorf("processors: %v, %v", processors, err)
	}
}

func checkServices(t *testing.T, c *gofish.APIClient) {
	t.Helper()
	chassis, err := c.Service.Chassis()
	if err != nil || len(chassis) != 1 || chassis[0].ChassisType != schemas.RackMountChassisType {
		t.Errorf("chassis: %v, %v", chassis, err)
	}
	managers, err := c.Service.Managers()
	if err != nil || len(managers) != 1 || managers[0].ManagerType != schemas.BMCManagerType {
		t.Fatalf("managers: %v, %v", managers, err)
	}
	if _, err := managers[0].Reset(schemas.GracefulRestartResetType); err != nil {
		t.Errorf("reset of the manager: %v", err)
	}
	events, err := c.Service.EventService()
	if err != nil {
		t.Fatal(err)
	}
	if subscriptions, err := events.Subscriptions(); err != nil || len(subscriptions) != 0 {
		t.Errorf("subscriptions: %v, %v", subscriptions, err)
	}
	if _, err := c.Service.AccountService(); err != nil {
		t.Error(err)
	}
}

// Every link of the tree leads somewhere.
func TestDriverWalksABMC(t *testing.T) {
	f := fleet(t, newGateway(), func(o *sim.Options) { o.ARMHalf = true })
	b := f.BMCs()[1]
	login := redfish.Login{Username: b.Username, Password: b.Password}
	d := redfish.New(4)
	inv, err := d.Walk(t.Context(), b.Address, login)
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Systems) != 1 || len(inv.Managers) != 1 || len(inv.Chassis) != 1 || inv.UUID == "" {
		t.Fatalf("%+v", inv)
	}
	s := inv.Systems[0]
	if s.ProcessorArchitecture != "ARM" || s.PowerState != "Off" || len(s.Interfaces) != 1 || s.Interfaces[0].MAC != f.Nodes()[1].MAC() {
		t.Errorf("%+v", s)
	}
	if err := d.Reset(t.Context(), b.Address, login, s.ResetTarget, "On"); err != nil {
		t.Fatal(err)
	}
	up(t, f.Nodes()[1])
	if state, err := d.PowerState(t.Context(), b.Address, login, s.OdataID); err != nil || state != "On" {
		t.Errorf("power state: %s, %v", state, err)
	}
	f.Nodes()[1].SetFaults(sim.Faults{RefusePowerOn: "fan 3 is broken"})
	err = d.Reset(t.Context(), b.Address, login, s.ResetTarget, "ForceRestart")
	if refused, ok := err.(*redfish.Error); !ok || refused.Message != "fan 3 is broken" || refused.Status != http.StatusInternalServerError {
		t.Errorf("refusal: %#v", err)
	}
}
