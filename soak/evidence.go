package main

import (
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/sim"
)

// Evidence is what the judge knows.
type Evidence struct {
	Requests   []Request
	Tasks      []Task
	Kills      []time.Time
	Sessions   []Session
	Configured []Disk
	Notes      []Note
	Facts      []Fact
	// OffWait is BOS's max_power_off_wait_time.
	OffWait time.Duration
}

// Request is a reset that a BMC was asked for.
type Request struct {
	Time   time.Time      `json:"time"`
	Node   string         `json:"node"`
	Type   string         `json:"type"`
	Answer sim.Answer     `json:"answer"`
	Before bmc.PowerState `json:"before"`
	// Cannot marks a refusal that says: never gracefully.
	Cannot bool `json:"cannot,omitempty"`
	// Read is when the BMC had last answered a read of the power.
	Read time.Time `json:"read,omitzero"`
}

func (r Request) accepted() bool { return r.Answer == sim.Accepted }

func (r Request) turnsOff() bool { return r.Type == bmc.ForceOff || r.Type == bmc.GracefulShutdown }

// Task is what a transition of PCS was to do to a node.
type Task struct {
	Transition string
	Created    time.Time
	Operation  string
	Node       string
	// Told is when PCS was first seen to say that the task is over; zero if it
	// never was.
	Told time.Time
}

// asksFor tells whether the task's operation sends such resets.
func (t Task) asksFor(reset string) bool {
	switch t.Operation {
	case "On":
		return reset == bmc.ResetOn
	case "Soft-Off":
		return reset == bmc.GracefulShutdown
	case "Force-Off":
		return reset == bmc.ForceOff
	case "Off":
		return reset == bmc.GracefulShutdown || reset == bmc.ForceOff
	}
	return true // restarts: all of them
}

// Session is one of BOS or CFS.
type Session struct {
	Service, Name, Status string
	// End and Forced are of BOS only: when it ended, to the second, and the
	// nodes that its status calls forced off.
	End    time.Time
	Forced []string
}

// Disk is what a node that CFS calls configured holds.
type Disk struct {
	Node string
	// Wanted is the mark of the playbook's last task, Found what is there.
	Wanted, Found string
}

// Note is a line of BOS's in a node's journal.
type Note struct {
	Node, Session string
	Time          time.Time
	// Forced notes tell of a forced power-off.
	Forced bool
}

// byNode sorts the requests by time and splits them.
func byNode(requests []Request) map[string][]Request {
	sorted := slices.SortedStableFunc(slices.Values(requests), func(a, b Request) int { return a.Time.Compare(b.Time) })
	nodes := map[string][]Request{}
	for _, r := range sorted {
		nodes[r.Node] = append(nodes[r.Node], r)
	}
	return nodes
}

func tasksByNode(tasks []Task) map[string][]Task {
	nodes := map[string][]Task{}
	for _, t := range tasks {
		nodes[t.Node] = append(nodes[t.Node], t)
	}
	return nodes
}

// newest is the last of the tasks that was created by then and fulfils the
// condition; ok is false if there is none.
func newest(tasks []Task, by time.Time, is func(Task) bool) (last Task, ok bool) {
	for _, t := range tasks {
		if !t.Created.After(by) && is(t) && (!ok || t.Created.After(last.Created)) {
			last, ok = t, true
		}
	}
	return last, ok
}
