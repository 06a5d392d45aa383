package capmc

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/pcs"
)

// Caps tells the power caps of the nodes, of all if no NIDs are given.
func (s *Service) Caps(ctx context.Context, nids []int) (Caps, error) {
	out := Caps{NIDs: []CappedNode{}}
	good, by, bad, err := s.snapshot(ctx, nids)
	for _, e := range bad {
		out.NIDs = append(out.NIDs, CappedNode{NID: e.NID, E: e.E, ErrMsg: e.ErrMsg})
	}
	for _, nid := range good {
		n := CappedNode{NID: nid}
		for _, l := range by[nid].PowerCapLimits {
			n.Controls = append(n.Controls, Control{l.Name, l.CurrentValue})
		}
		out.NIDs = append(out.NIDs, n)
	}
	slices.SortFunc(out.NIDs, func(a, b CappedNode) int { return a.NID - b.NID })
	out.Result = capResult(len(bad))
	return out, err
}

// Capabilities tells what the nodes' power can be limited to.
func (s *Service) Capabilities(ctx context.Context, nids []int) (Capabilities, error) {
	good, by, bad, err := s.snapshot(ctx, nids)
	return Capabilities{Result: capResult(len(bad)), Groups: group(good, by), NIDs: bad}, err
}

// snapshot asks PCS for the nodes' caps.
func (s *Service) snapshot(ctx context.Context, nids []int) (good []int, by map[int]*pcs.CappedComponent, bad []NIDError, err error) {
	nodes, err := s.nodes(ctx, nids)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(nids) == 0 { // all whose caps can be asked for
		nodes = slices.DeleteFunc(nodes, func(n node) bool { return n.precondition() != nil })
	}
	nodes, bad = fit(nodes)
	return s.capTask(ctx, nodes, bad, func(names []string) (string, error) { return s.power.SnapshotCaps(ctx, names) })
}

// SetCaps sets the power caps of the nodes.
func (s *Service) SetCaps(ctx context.Context, wanted []NodeCaps) (NIDOutcome, error) {
	if len(wanted) == 0 {
		return NIDOutcome{}, refuse(http.StatusBadRequest, "Bad Request: Required nids list is empty")
	}
	nids := make([]int, len(wanted))
	controls := make(map[int][]pcs.CapControl, len(wanted))
	for i, w := range wanted {
		nids[i] = w.NID
		if len(w.Controls) == 0 {
			return NIDOutcome{}, refuse(http.StatusBadRequest, "Bad Request: no controls for NID %d", w.NID)
		}
		for _, c := range w.Controls {
			switch {
			case c.Val == nil:
				return NIDOutcome{}, refuse(http.StatusBadRequest, "Bad Request: NID %d: control '%s' without val: expected watts, or 0 for no cap", w.NID, c.Name)
			case c.Name == "" || *c.Val < 0:
				return NIDOutcome{}, refuse(http.StatusBadRequest, "Bad Request: NID %d: control '%s' with the value %d: expected a name and watts, or 0 for no cap", w.NID, c.Name, *c.Val)
			}
			controls[w.NID] = append(controls[w.NID], pcs.CapControl{Name: c.Name, Value: *c.Val})
		}
	}
	nodes, err := s.nodes(ctx, nids)
	if err != nil {
		return NIDOutcome{}, err
	}
	nodes, bad := fit(nodes)
	_, _, bad, err = s.capTask(ctx, nodes, bad, func([]string) (string, error) {
		orders := make([]pcs.CapOrder, len(nodes))
		for i, n := range nodes {
			orders[i] = pcs.CapOrder{Xname: n.component.ID, Controls: controls[n.nid]}
		}
		return s.power.SetCaps(ctx, orders)
	})
	return NIDOutcome{capResult(len(bad)), append([]NIDError{}, bad...)}, err
}

// fit are the nodes whose power may be capped, and what is wrong with the others.
func fit(nodes []node) (good []node, bad []NIDError) {
	for _, n := range nodes {
		if e := n.precondition(); e != nil {
			bad = append(bad, *e)
		} else {
			good = append(good, n)
		}
	}
	return good, bad
}

// capTask has PCS begin a task for the nodes, waits for its end, and adds to
// the nodes that failed. PCS bounds the time that it takes.
func (s *Service) capTask(ctx context.Context, nodes []node, bad []NIDError, begin func(names []string) (string, error)) (
	good []int, by map[int]*pcs.CappedComponent, _ []NIDError, _ error) {
	by = make(map[int]*pcs.CappedComponent, len(nodes))
	if len(nodes) == 0 {
		return nil, by, bad, nil
	}
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.component.ID
	}
	id, err := begin(names)
	if err != nil {
		return nil, nil, nil, unreachable("PCS", err)
	}
	task, err := s.awaitCaps(ctx, id)
	if err != nil {
		return nil, nil, nil, err
	}
	found := make(map[string]*pcs.CappedComponent, len(task.Components))
	for i := range task.Components {
		found[task.Components[i].Xname] = &task.Components[i]
	}
	for _, n := range nodes {
		c := found[n.component.ID]
		if e := capError(n.nid, c); e != nil {
			bad = append(bad, *e)
			continue
		}
		by[n.nid] = c
		good = append(good, n.nid)
	}
	slices.SortFunc(bad, func(a, b NIDError) int { return a.NID - b.NID })
	return good, by, bad, nil
}

func (s *Service) awaitCaps(ctx context.Context, id string) (pcs.CapTask, error) {
	for wait := firstPause; ; wait = min(wait*3/2, lastPause) {
		task, err := s.power.CapTask(ctx, id)
		switch {
		case err != nil && (ctx.Err() != nil || fault.Is(err, fault.NotFound)):
			return task, unreachable("PCS", err)
		case err != nil:
			slog.Warn("PCS does not tell of a power cap task; will be asked again", "task", id, "error", err)
		case task.TaskStatus == pcs.CapCompleted:
			return task, nil
		}
		if !pause(ctx, min(wait, time.Second)) {
			return task, ctx.Err()
		}
	}
}
