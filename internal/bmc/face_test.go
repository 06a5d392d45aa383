package bmc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stmcginnis/gofish"
	"github.com/stmcginnis/gofish/schemas"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/redfish"
)

// machine is a System that does as it is told.
type machine struct {
	power   bmc.PowerState
	boot    bmc.BootOverride
	console []string
	refuse  *bmc.Refusal
}

func (m *machine) Hardware() bmc.Hardware {
	return bmc.Hardware{Manufacturer: "Maker", Model: "M1", MAC: "02:00:00:00:00:01", Processor: "P", Cores: 2, Threads: 4, MemoryGiB: 0.375}
}
func (m *machine) PowerState() bmc.PowerState     { return m.power }
func (m *machine) BootOverride() bmc.BootOverride { return m.boot }
func (m *machine) Console() []string              { return m.console }
func (m *machine) SetBootOverride(o bmc.BootOverride) *bmc.Refusal {
	if m.refuse == nil {
		m.boot = o
	}
	return m.refuse
}

func (m *machine) Reset(kind string) *bmc.Refusal {
	if m.refuse == nil {
		m.power = map[bool]bmc.PowerState{true: bmc.Off, false: bmc.On}[kind == bmc.ForceOff]
	}
	return m.refuse
}

// connect returns the machine as a client that knows nothing of this program
// finds it.
func connect(t *testing.T, m *machine) (_ *gofish.APIClient, _ *schemas.ComputerSystem, address string) {
	t.Helper()
	face := bmc.NewFace(func(netip.Addr) (bmc.Controller, bool) {
		return bmc.Controller{Model: "Controller", UUID: "d20e0000-0200-4000-8000-000000000000", Systems: []bmc.System{m}}, true
	}, "root", "secret")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go face.Serve(l) //nolint:errcheck // ends with Close
	t.Cleanup(face.Close)
	c, err := gofish.ConnectContext(t.Context(), gofish.ClientConfig{Endpoint: "http://" + l.Addr().String(), Username: "root", Password: "secret", BasicAuth: true})
	if err != nil {
		t.Fatal(err)
	}
	systems, err := c.Service.Systems()
	if err != nil || len(systems) != 1 {
		t.Fatalf("systems: %v, %v", systems, err)
	}
	return c, systems[0], l.Addr().String()
}

func TestBootSourceOverride(t *testing.T) {
	m := &machine{power: bmc.Off}
	_, s, _ := connect(t, m)
	if s.Boot.BootSourceOverrideEnabled != schemas.DisabledBootSourceOverrideEnabled || s.Boot.BootSourceOverrideTarget != schemas.NoneBootSource {
		t.Errorf("without an override: %+v", s.Boot)
	}
	err := s.SetBoot(&schemas.Boot{BootSourceOverrideEnabled: schemas.OnceBootSourceOverrideEnabled, BootSourceOverrideTarget: schemas.HddBootSource})
	if err != nil || m.boot != (bmc.BootOverride{Enabled: bmc.Once, Target: bmc.Disk}) {
		t.Errorf("override is %+v, %v", m.boot, err)
	}
	m.boot = bmc.BootOverride{Target: bmc.Disk}
	if err := s.SetBoot(&schemas.Boot{BootSourceOverrideEnabled: schemas.ContinuousBootSourceOverrideEnabled}); err != nil || m.boot != (bmc.BootOverride{Enabled: bmc.Continuous, Target: bmc.Disk}) {
		t.Errorf("enabled with the target of before: %+v, %v", m.boot, err)
	}
	if err := s.SetBoot(&schemas.Boot{BootSourceOverrideTarget: "Floppy"}); err == nil || !strings.Contains(err.Error(), "Floppy") {
		t.Errorf("an unknown target: %v", err)
	}
	if err := s.SetBoot(&schemas.Boot{BootSourceOverrideEnabled: schemas.DisabledBootSourceOverrideEnabled}); err != nil || m.boot != (bmc.BootOverride{}) {
		t.Errorf("disabled: %+v, %v", m.boot, err)
	}
	m.refuse = &bmc.Refusal{Status: http.StatusConflict, Message: "locked"}
	if err := s.SetBoot(&schemas.Boot{BootSourceOverrideTarget: schemas.PxeBootSource}); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("a refusal: %v", err)
	}
}

func TestNextBoot(t *testing.T) {
	for o, want := range map[bmc.BootOverride][]any{
		{}:                                       {bmc.Network, bmc.BootOverride{}},
		{Enabled: bmc.Once, Target: "Hdd"}:       {bmc.Disk, bmc.BootOverride{}},
		{Enabled: bmc.Once, Target: "None"}:      {bmc.Network, bmc.BootOverride{Enabled: bmc.Once, Target: "None"}},
		{Enabled: bmc.Continuous, Target: "Hdd"}: {bmc.Disk, bmc.BootOverride{Enabled: bmc.Continuous, Target: "Hdd"}},
	} {
		if target, left := o.Next(); target != want[0] || left != want[1] {
			t.Errorf("%+v: boots from %s, leaves %+v", o, target, left)
		}
	}
}

func TestConsoleIsALogOfItsLines(t *testing.T) {
	m := &machine{}
	for i := range 5 {
		m.console = append(m.console, fmt.Sprintf("line %d", i))
	}
	c, s, address := connect(t, m)
	services, err := s.LogServices()
	if err != nil || len(services) != 1 {
		t.Fatalf("log services: %v, %v", services, err)
	}
	entries, err := services[0].Entries()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Message)
	}
	slices.Sort(got)
	if !slices.Equal(got, m.console) {
		t.Errorf("entries %q", got)
	}
	login := redfish.Login{Username: "root", Password: "secret"}
	for lines, want := range map[int][]string{2: m.console[3:], 5: m.console, 9: m.console} {
		got, err := redfish.New(1).Console(t.Context(), address, login, "/redfish/v1/Systems/Node0", lines)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("the driver's last %d lines: %q, %v", lines, got, err)
		}
	}
	var refused *redfish.Error
	if _, err := redfish.New(1).Console(t.Context(), address, login, "/redfish/v1/Systems/Node7", 1); !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		t.Errorf("the console of a system that is not there: %v", err)
	}
	resp, err := c.Get("/redfish/v1/Systems/Node0/LogServices/HostLogger/Entries?$skip=3&$top=9")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var page struct {
		Count   int `json:"Members@odata.count"`
		Members []struct{ ID, Message string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || page.Count != 5 || len(page.Members) != 2 || page.Members[0].Message != "line 3" {
		t.Errorf("from line 3 on: %+v, %v", page, err)
	}
}

func TestRefusedResetCarriesTheWords(t *testing.T) {
	m := &machine{refuse: &bmc.Refusal{Status: http.StatusInternalServerError, Message: "fan 3 is broken"}}
	_, s, _ := connect(t, m)
	if _, err := s.Reset(schemas.OnResetType); err == nil || !strings.Contains(err.Error(), "fan 3 is broken") {
		t.Errorf("refused: %v", err)
	}
	if _, err := s.Reset("Nmi"); err == nil {
		t.Error("a reset that is not offered was accepted")
	}
}
