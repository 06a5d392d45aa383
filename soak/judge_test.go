package main

import (
	"slices"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/sim"
)

const wait = 20 * time.Second

var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

func request(seconds float64, kind string, answer sim.Answer, before bmc.PowerState) Request {
	return Request{Time: at(seconds), Node: "n", Type: kind, Answer: answer, Before: before}
}

func task(seconds float64, operation string, told float64) Task {
	t := Task{Transition: operation, Created: at(seconds), Operation: operation, Node: "n"}
	if told > 0 {
		t.Told = at(told)
	}
	return t
}

// reboot is evidence of one that went well: down at 0, up at 5.
func reboot() Evidence {
	return Evidence{OffWait: wait,
		Requests: []Request{request(1, bmc.GracefulShutdown, sim.Accepted, bmc.On), request(6, bmc.ResetOn, sim.Accepted, bmc.Off)},
		Tasks:    []Task{task(0, "Soft-Off", 4), task(5, "On", 8)},
		Sessions: []Session{{Service: "BOS", Name: "s", Status: "complete", End: at(9)}, {Service: "CFS", Name: "c", Status: "complete"}}, Configured: []Disk{{"n", "done", "done"}},
		Facts: []Fact{{"session s", "yes", "yes"}}}
}

// forced is evidence of a node that ignored the request at 11 and was forced
// off at 31.
func forced() Evidence {
	e := reboot()
	e.Requests = append(e.Requests, request(11, bmc.GracefulShutdown, sim.Accepted, bmc.On), request(31, bmc.ForceOff, sim.Accepted, bmc.On))
	e.Tasks = append(e.Tasks, task(10, "Soft-Off", 31), task(30.9, "Force-Off", 33))
	e.Notes = []Note{{"n", "s", at(30.8), true}}
	e.Sessions[0].End, e.Sessions[0].Forced = at(40), []string{"n"}
	return e
}

// again has the shutdown of reboot repeated at 2, after a kill at 1.5; the
// node's power was last read then, 0 for never.
func again(e *Evidence, read float64) {
	r := request(2, bmc.GracefulShutdown, sim.Accepted, bmc.PoweringOff)
	if read > 0 {
		r.Read = at(read)
	}
	e.Requests = slices.Insert(e.Requests, 1, r)
	e.Kills = []time.Time{at(1.5)}
}

// Each breach that is seeded into good evidence is found, and nothing else is.
func TestJudgeFindsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		from func() Evidence
		seed func(*Evidence)
		want []Rule
	}{
		{"a good reboot", reboot, func(*Evidence) {}, nil},
		{"a node that ignored the request", forced, func(*Evidence) {}, nil},
		{"forced too early", forced, func(e *Evidence) { e.Requests[3].Time = at(30.95) }, []Rule{Causeless}},
		{"asked, but the BMC was busy", forced, func(e *Evidence) { e.Requests[2].Answer = sim.Busy }, []Rule{Causeless}},
		{"asked, but the BMC did not answer", forced, func(e *Evidence) { e.Requests[2].Answer = sim.Dropped }, []Rule{Causeless}},
		{"asked before it was last turned on only", forced, func(e *Evidence) { e.Requests = slices.Delete(e.Requests, 2, 3) }, []Rule{Causeless}},
		{"a cut that the BMC was too busy for", forced, func(e *Evidence) {
			e.Requests[2].Answer, e.Requests[3].Answer = sim.Busy, sim.Busy
		}, []Rule{Causeless}},
		{"refused for the whole wait", forced, func(e *Evidence) { e.Requests[2].Answer = sim.Refused }, nil},
		{"refused just now", forced, func(e *Evidence) {
			e.Requests[2].Answer, e.Requests[3].Time = sim.Refused, at(30.95)
		}, []Rule{Causeless}},
		{"cannot be shut down gracefully", forced, func(e *Evidence) {
			e.Requests[2].Answer, e.Requests[2].Cannot, e.Requests[3].Time = sim.Refused, true, at(30.95)
		}, nil},
		{"forced off and not told", forced, func(e *Evidence) { e.Notes = nil }, []Rule{Untold}},
		{"the journal tells something else", forced, func(e *Evidence) { e.Notes[0].Forced = false }, []Rule{Untold}},
		{"forced off and not in the session's status", forced, func(e *Evidence) { e.Sessions[0].Forced = nil }, []Rule{Unnamed}},
		{"another node is in the session's status", forced, func(e *Evidence) { e.Sessions[0].Forced[0] = "m" }, []Rule{Unnamed}},
		{"in the status of another session", forced, func(e *Evidence) { e.Notes[0].Session = "r" }, []Rule{Unnamed}},
		{"forced off, not named, and taken over by a newer session", forced, func(e *Evidence) {
			e.Sessions[0].Forced = nil
			e.Notes = append(e.Notes, Note{"n", "r", at(35), false})
		}, []Rule{Unnamed}},
		{"told of another node", forced, func(e *Evidence) { e.Notes[0].Node = "m" }, []Rule{Unnamed, Untold}},
		{"told of another time", forced, func(e *Evidence) { e.Notes[0].Time = at(-60) }, []Rule{Untold}},
		{"repeated", reboot, func(e *Evidence) {
			e.Requests = slices.Insert(e.Requests, 1, request(2, bmc.GracefulShutdown, sim.Accepted, bmc.PoweringOff))
		}, []Rule{Repeated}},
		{"repeated after a kill and a look", reboot, func(e *Evidence) { again(e, 1.8) }, nil},
		{"repeated after a kill, with a look before it only", reboot, func(e *Evidence) { again(e, 1.2) }, []Rule{Blind}},
		{"repeated after a kill without any look", reboot, func(e *Evidence) { again(e, 0) }, []Rule{Blind}},
		{"repeated after two kills, with a look between them only", reboot, func(e *Evidence) {
			again(e, 1.6)
			e.Kills = append(e.Kills, at(1.7))
		}, []Rule{Blind}},
		{"repeated after a kill before the first", reboot, func(e *Evidence) {
			e.Requests = slices.Insert(e.Requests, 1, request(2, bmc.GracefulShutdown, sim.Accepted, bmc.PoweringOff))
			e.Kills = []time.Time{at(0.5)}
		}, []Rule{Repeated}},
		{"repeated because the BMC was busy", reboot, func(e *Evidence) {
			e.Requests = slices.Insert(e.Requests, 0, request(0.5, bmc.GracefulShutdown, sim.Busy, bmc.On))
		}, nil},
		{"repeated by a new transition", reboot, func(e *Evidence) {
			e.Requests = slices.Insert(e.Requests, 1, request(3, bmc.GracefulShutdown, sim.Accepted, bmc.PoweringOff))
			e.Tasks = append(e.Tasks, task(2.5, "Soft-Off", 4))
		}, nil},
		{"repeated after a kill though the outcome was told", reboot, func(e *Evidence) {
			e.Requests = append(e.Requests, request(9, bmc.ResetOn, sim.Accepted, bmc.Off))
			e.Requests[2].Read = at(8.9)
			e.Kills = []time.Time{at(7)}
		}, []Rule{AfterOutcome}},
		{"an off of an older transition", reboot, func(e *Evidence) {
			e.Requests = append(e.Requests, request(9, bmc.GracefulShutdown, sim.Accepted, bmc.On))
			e.Tasks[0].Told = time.Time{}
		}, []Rule{Late}},
		{"an off of an older transition, refused by a busy BMC", reboot, func(e *Evidence) {
			e.Requests = append(e.Requests, request(9, bmc.GracefulShutdown, sim.Busy, bmc.On))
			e.Tasks[0].Told = time.Time{}
		}, []Rule{Late}},
		{"asked for by an older transition whose component a newer one did not get", reboot, func(e *Evidence) {
			e.Tasks = append(e.Tasks, task(0.5, "Soft-Off", 0.6))
			e.Requests[0].Time = at(0.9)
		}, nil},
		{"a reset that nobody asked for", reboot, func(e *Evidence) { e.Tasks = e.Tasks[:1] }, []Rule{AfterOutcome}},
		{"a session that hangs", reboot, func(e *Evidence) { e.Sessions[0].Status = "running" }, []Rule{Open}},
		{"a configuration session that hangs", reboot, func(e *Evidence) { e.Sessions[1].Status = "pending" }, []Rule{Open}},
		{"a playbook that broke off", reboot, func(e *Evidence) { e.Configured[0].Found = "begun" }, []Rule{Unmarked}},
		{"a line that is gone", reboot, func(e *Evidence) { e.Facts = []Fact{{"journal: on", "yes", ""}} }, []Rule{Forgotten}},
		{"an end that changed", reboot, func(e *Evidence) { e.Facts = []Fact{{"end of session s", "12:00:00", "12:00:01"}} }, []Rule{Forgotten}},
		{"a playbook that never ran", reboot, func(e *Evidence) { e.Configured[0].Found = "" }, []Rule{Unmarked}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := c.from()
			c.seed(&e)
			slices.Reverse(e.Requests) // in no order
			var got []Rule
			for _, v := range judge(e) {
				got = append(got, v.Rule)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("found %v, want %v", judge(e), c.want)
			}
		})
	}
}
