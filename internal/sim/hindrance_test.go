package sim_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/sim"
)

const (
	system      = "/redfish/v1/Systems/Node0"
	resetTarget = system + "/Actions/ComputerSystem.Reset"
)

// watch is a time that a test moves.
type watch struct{ at atomic.Int64 }

func (w *watch) now() time.Time           { return time.Unix(1_000_000, w.at.Load()) }
func (w *watch) advance(by time.Duration) { w.at.Add(int64(by)) }
func (w *watch) set(options *sim.Options) { options.Now = w.now }
func wantRecord(t *testing.T, n *sim.Node, want ...sim.ResetRecord) {
	t.Helper()
	got := n.Resets()
	if len(got) != len(want) {
		t.Fatalf("record %+v, want %+v", got, want)
	}
	for i, w := range want {
		if w.Time, w.Read = got[i].Time, got[i].Read; got[i] != w || w.Time.IsZero() {
			t.Errorf("record %d is %+v, want %+v", i, got[i], w)
		}
	}
}

// try sends a request as PCS does; a nil error is a success.
func try(t *testing.T, f *sim.Fleet, kind string) (*redfish.Error, error) {
	t.Helper()
	b := f.BMCs()[0]
	err := redfish.New(1).Reset(t.Context(), b.Address, redfish.Login{Username: b.Username, Password: b.Password}, resetTarget, kind)
	answer, _ := err.(*redfish.Error)
	return answer, err
}

func TestBusyBMCRefusesResetsForAWhileFromTheFirstOn(t *testing.T) {
	for _, retryAfter := range []time.Duration{0, 1500 * time.Millisecond} {
		var w watch
		f := fleet(t, newGateway(), w.set)
		n := f.Nodes()[0]
		n.SetFaults(sim.Faults{BusyResets: 4 * time.Second, RetryAfter: retryAfter})
		w.advance(time.Hour) // nobody asks: the fault waits
		for range 2 {
			answer, err := try(t, f, "On")
			if answer == nil || answer.Status != http.StatusServiceUnavailable || answer.RetryAfter != map[bool]time.Duration{true: 2 * time.Second}[retryAfter > 0] {
				t.Fatalf("retry after %s: %+v, %v", retryAfter, answer, err)
			}
			if status, _ := ask(t, f, 0, "GET", system, ""); status != 200 {
				t.Errorf("a read is answered %d", status)
			}
			w.advance(3 * time.Second)
		}
		reset(t, f, 0, "On")
		reset(t, f, 0, "On")
		up(t, n)
		busy := sim.ResetRecord{Type: "On", Answer: sim.Busy, Power: bmc.Off}
		wantRecord(t, n, busy, busy, sim.ResetRecord{Type: "On", Answer: sim.Accepted, Power: bmc.Off}, sim.ResetRecord{Type: "On", Answer: sim.Accepted, Power: bmc.On})
		if got := n.Faults(); got != (sim.Faults{RetryAfter: retryAfter}) {
			t.Errorf("a fault that is over is still set: %+v", got)
		}
	}
}

func TestBusyBMCDoesNotTellThePower(t *testing.T) {
	var w watch
	f := fleet(t, newGateway(), w.set)
	f.Nodes()[0].SetFaults(sim.Faults{BusyReads: 4 * time.Second})
	for range 2 {
		if status, text := ask(t, f, 0, "GET", system, ""); status != 503 || !strings.Contains(text, "ServiceTemporarilyUnavailable") {
			t.Fatalf("%d %s", status, text)
		}
		w.advance(2 * time.Second)
	}
	if status, text := ask(t, f, 0, "GET", system, ""); status != 200 || !strings.Contains(text, `"PowerState":"Off"`) {
		t.Errorf("%d %s", status, text)
	}
	f.Nodes()[0].SetFaults(sim.Faults{BusyReads: time.Second})
	if status, _ := ask(t, f, 0, "GET", "/redfish/v1/Systems", ""); status != 200 {
		t.Errorf("another resource is answered %d", status)
	}
	reset(t, f, 0, "On")
}

func TestResetsConflictAfterPowerOn(t *testing.T) {
	var w watch
	f := fleet(t, newGateway(), w.set)
	n := f.Nodes()[0]
	n.SetFaults(sim.Faults{ConflictAfterOn: 10 * time.Second})
	for range 2 { // after each power-on
		reset(t, f, 0, "On")
		up(t, n)
		w.advance(9 * time.Second)
		if answer, err := try(t, f, "ForceOff"); answer == nil || answer.Status != http.StatusConflict {
			t.Fatalf("%v", err)
		}
		w.advance(time.Second)
		reset(t, f, 0, "ForceOff")
	}
	on, no := sim.ResetRecord{Type: "On", Answer: sim.Accepted, Power: bmc.Off}, sim.ResetRecord{Type: "ForceOff", Answer: sim.Busy, Power: bmc.On}
	off := sim.ResetRecord{Type: "ForceOff", Answer: sim.Accepted, Power: bmc.On}
	wantRecord(t, n, on, no, off, on, no, off)
}

func TestDroppedConnections(t *testing.T) {
	f := fleet(t, newGateway(), nil)
	n := f.Nodes()[0]
	get := func() error { // on a connection of its own, so that no client asks twice by itself
		c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := c.Get("http://" + f.BMCs()[0].Address + "/redfish/v1")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	n.SetFaults(sim.Faults{Drop: 2, DropResets: 1})
	if err := get(); err == nil {
		t.Error("a request is answered that was to be dropped")
	}
	for range 2 { // the other of any two, and that of resets
		if answer, err := try(t, f, "On"); err == nil || answer != nil {
			t.Errorf("answered %v", answer)
		}
	}
	if err := get(); err != nil {
		t.Error(err)
	}
	reset(t, f, 0, "On")
	no := sim.ResetRecord{Type: "On", Answer: sim.Dropped, Power: bmc.Off}
	wantRecord(t, n, no, no, sim.ResetRecord{Type: "On", Answer: sim.Accepted, Power: bmc.Off})
	if n.Faults() != (sim.Faults{}) {
		t.Errorf("left of the faults: %+v", n.Faults())
	}
}

func TestRefusedShutdowns(t *testing.T) {
	for name, c := range map[string]struct {
		faults  sim.Faults
		status  int
		verdict redfish.Verdict
		words   string
	}{
		"in words":              {sim.Faults{RefuseSoftOff: "The host does not respond."}, 500, redfish.Refused, "The host does not respond."},
		"with a status":         {sim.Faults{RefuseSoftOff: "No.", RefuseStatus: 403}, 403, redfish.Refused, "No."},
		"as no value it can do": {sim.Faults{NoSoftOff: true}, 400, redfish.Never, "not in the list of acceptable values"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fleet(t, newGateway(), nil)
			n := f.Nodes()[0]
			n.SetFaults(c.faults)
			reset(t, f, 0, "On")
			up(t, n)
			answer, err := try(t, f, "GracefulShutdown")
			if answer == nil || answer.Status != c.status || redfish.VerdictOf(err) != c.verdict || !strings.Contains(answer.Message, c.words) {
				t.Errorf("%#v", err)
			}
			if n.PowerState() != bmc.On {
				t.Errorf("the node is %s", n.PowerState())
			}
			reset(t, f, 0, "ForceOff")
			wantRecord(t, n, sim.ResetRecord{Type: "On", Answer: sim.Accepted, Power: bmc.Off},
				sim.ResetRecord{Type: "GracefulShutdown", Answer: sim.Refused, Power: bmc.On},
				sim.ResetRecord{Type: "ForceOff", Answer: sim.Accepted, Power: bmc.On})
		})
	}
}

// Only what was answered was seen.
func TestResetRecordTellsWhenThePowerWasLastRead(t *testing.T) {
	var w watch
	f := fleet(t, newGateway(), w.set)
	n := f.Nodes()[0]
	lastRead := func(kind string) time.Time {
		t.Helper()
		reset(t, f, 0, kind)
		list := n.Resets()
		return list[len(list)-1].Read
	}
	if at := lastRead("On"); !at.IsZero() {
		t.Errorf("nobody has read, and the record says %s", at)
	}
	read := w.now()
	if status, _ := ask(t, f, 0, "GET", system, ""); status != 200 {
		t.Fatalf("a read is answered %d", status)
	}
	w.advance(time.Second)
	ask(t, f, 0, "GET", "/redfish/v1/Systems", "")
	n.PowerState() // not through the BMC
	n.SetFaults(sim.Faults{BusyReads: time.Minute})
	if status, _ := ask(t, f, 0, "GET", system, ""); status != http.StatusServiceUnavailable {
		t.Fatalf("a busy BMC answers a read with %d", status)
	}
	if at := lastRead("ForceOff"); !at.Equal(read) {
		t.Errorf("last read at %s, want %s", at, read)
	}
	w.advance(2 * time.Minute)
	ask(t, f, 0, "GET", system, "")
	if at := lastRead("On"); !at.Equal(w.now()) {
		t.Errorf("last read at %s, want %s", at, w.now())
	}
}

func TestResetRecordIsBoundedAndSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	f := fleet(t, newGateway(), func(o *sim.Options) { o.Dir = dir })
	f.Nodes()[0].SetFaults(sim.Faults{DropResets: 70})
	ask(t, f, 0, "GET", system, "")
	for range 70 {
		f.Nodes()[0].Reset("On")
	}
	f.Nodes()[0].Reset("On")
	before := f.Nodes()[0].Resets()
	f.Stop()
	after := fleet(t, newGateway(), func(o *sim.Options) { o.Dir = dir }).Nodes()[0].Resets()
	if len(before) != 64 || len(after) != 64 || before[0].Answer != sim.Dropped || before[63].Answer != sim.Accepted {
		t.Fatalf("%d records before, %d after; the last one is %+v", len(before), len(after), before[len(before)-1])
	}
	for i := range after {
		if !after[i].Time.Equal(before[i].Time) || after[i].Answer != before[i].Answer || after[i].Power != before[i].Power || !after[i].Read.Equal(before[i].Read) {
			t.Errorf("record %d was %+v and is %+v", i, before[i], after[i])
		}
	}
}
