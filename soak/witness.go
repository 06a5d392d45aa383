package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/sim"
)

// recordFile, in the directory, keeps the BMCs' record as lines of JSON.
const recordFile = "record.jsonl"

// lookEvery is short enough for a BMC's record, which is bounded, to lose
// nothing.
const lookEvery = 300 * time.Millisecond

// witness writes down what BMCs were asked for, and what PCS tells of its
// tasks, while it happens.
type witness struct {
	c        *cluster
	file     *os.File
	seen     map[string]time.Time // node: its last request written down
	requests []Request
	told     map[string]time.Time // transition and node: when its task was told to be over
	over     map[string]bool      // transitions
}

func newWitness(c *cluster) (*witness, error) {
	file, err := os.Create(filepath.Join(c.plan.dir, recordFile))
	if err != nil {
		return nil, err
	}
	return &witness{c: c, file: file, seen: map[string]time.Time{}, told: map[string]time.Time{}, over: map[string]bool{}}, nil
}

func (w *witness) watch(ctx context.Context) {
	for pause(ctx, lookEvery) == nil {
		w.record()
		w.transitions(ctx) //nolint:errcheck // the server is killed now and then
	}
}

// record takes over what is new in the BMCs' records.
func (w *witness) record() {
	out := json.NewEncoder(w.file)
	for i, n := range w.c.nodes {
		for _, r := range n.Resets() {
			if !r.Time.After(w.seen[n.Xname()]) {
				continue
			}
			w.seen[n.Xname()] = r.Time
			q := Request{Time: r.Time, Node: n.Xname(), Type: r.Type, Answer: r.Answer, Before: r.Power, Read: r.Read,
				Cannot: w.c.plan.faults && r.Answer == sim.Refused && r.Type == bmc.GracefulShutdown && temper(i).NoSoftOff}
			w.requests = append(w.requests, q)
			out.Encode(q) //nolint:errcheck // a copy for the reader; the judge has its own
		}
	}
}

// transitions notes what PCS tells to be over. The time is taken after the
// answer: it was told by then.
func (w *witness) transitions(ctx context.Context) error {
	var list struct{ Transitions []pcs.Transition }
	if err := w.c.get(ctx, "/apis/power-control/v1/transitions", &list); err != nil {
		return err
	}
	for _, t := range list.Transitions {
		if w.over[t.TransitionID] {
			continue
		}
		if err := w.look(ctx, t.TransitionID); err != nil {
			return err
		}
	}
	return nil
}

func (w *witness) look(ctx context.Context, id string) error {
	var t pcs.Transition
	if err := w.c.get(ctx, "/apis/power-control/v1/transitions/"+id, &t); err != nil {
		return err
	}
	now := time.Now()
	for _, task := range t.Tasks {
		if key := id + task.Xname; task.TaskStatus.Done() && w.told[key].IsZero() {
			w.told[key] = now
		}
	}
	w.over[id] = t.TransitionStatus.Done()
	return nil
}

// testify is all the evidence, once the storm is over.
func (w *witness) testify(ctx context.Context) (e Evidence, err error) {
	w.record()
	w.file.Close()
	e = Evidence{Requests: w.requests, Kills: w.c.killed(), OffWait: w.c.plan.offWait}
	if e.Sessions, err = w.c.allSessions(ctx); err != nil {
		return e, err
	}
	over := count(e.Sessions, func(s Session) bool { return s.Status != "complete" }) == 0
	if e.Tasks, err = w.tasks(ctx, over); err != nil {
		return e, err
	}
	for i := range e.Sessions {
		if err := w.forced(ctx, &e.Sessions[i]); err != nil {
			return e, err
		}
	}
	if e.Configured, err = w.disks(ctx); err != nil {
		return e, err
	}
	e.Notes, err = w.notes(ctx)
	return e, err
}

// forced has the session know whom its status calls forced off.
func (w *witness) forced(ctx context.Context, s *Session) error {
	if s.Service != "BOS" {
		return nil
	}
	var status struct {
		Forced []struct{ Name string } `json:"forced_off"`
	}
	err := w.c.get(ctx, "/apis/bos/v2/sessions/"+s.Name+"/status", &status)
	for _, f := range status.Forced {
		s.Forced = append(s.Forced, f.Name)
	}
	return err
}

// notes are BOS's lines in the journals of all nodes.
func (w *witness) notes(ctx context.Context) (all []Note, err error) {
	for _, n := range w.c.nodes {
		var lines []journal.Entry
		if err := w.c.get(ctx, "/apis/drover/v1/nodes/"+n.Xname()+"/journal", &lines); err != nil {
			return nil, err
		}
		for _, l := range lines {
			if l.Source == "bos" {
				all = append(all, Note{n.Xname(), l.Session, l.Time, l.Kind == "forced-off"})
			}
		}
	}
	return all, nil
}

// tasks are those of all transitions; the time at which they were told to be
// over is the witness's own. Once the sessions are over, all tasks have to be.
func (w *witness) tasks(ctx context.Context, over bool) (all []Task, err error) {
	var list struct{ Transitions []pcs.Transition }
	if err := w.c.get(ctx, "/apis/power-control/v1/transitions", &list); err != nil {
		return nil, err
	}
	for _, t := range list.Transitions {
		var whole pcs.Transition
		if err := w.c.get(ctx, "/apis/power-control/v1/transitions/"+t.TransitionID, &whole); err != nil {
			return nil, err
		}
		if over && !whole.TransitionStatus.Done() {
			return nil, fmt.Errorf("transition %s is %s though every session is over", t.TransitionID, whole.TransitionStatus)
		}
		for _, task := range whole.Tasks {
			all = append(all, Task{Transition: t.TransitionID, Created: t.CreateTime, Operation: string(t.Operation), Node: task.Xname,
				Told: w.told[t.TransitionID+task.Xname]})
		}
	}
	return all, nil
}

// disks are those of nodes that are up and that CFS calls configured.
func (w *witness) disks(ctx context.Context) (list []Disk, err error) {
	var cfs struct {
		Components []struct {
			ID     string
			Status string `json:"configuration_status"`
			Wanted string `json:"desired_config"`
		}
	}
	if err := w.c.get(ctx, "/apis/cfs/v3/components?limit=100000", &cfs); err != nil {
		return nil, err
	}
	for _, component := range cfs.Components {
		n := w.c.fleet.Node(component.ID)
		if component.Status != "configured" || component.Wanted == "" || n == nil || n.Phase() != sim.PhaseUp {
			continue
		}
		mark, _ := os.ReadFile(filepath.Join(n.RootDir(), "etc/motd")) // absent is an empty mark
		list = append(list, Disk{component.ID, lastMark, string(mark)})
	}
	return list, nil
}
