package clients

import (
	"context"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/pcs"
)

type power struct{ pcs *pcs.Client }

// Power asks PCS.
func Power(c *pcs.Client) bos.Power { return power{c} }

func (p power) Status(ctx context.Context, nodes []string) ([]bos.PowerStatus, error) {
	if len(nodes) == 0 {
		return nil, nil // none would mean all
	}
	found, err := p.pcs.PowerStatus(ctx, nodes)
	out := make([]bos.PowerStatus, len(found))
	for i, s := range found {
		out[i] = bos.PowerStatus{Node: s.Xname, State: strings.ToLower(string(s.PowerState)), Error: s.Error}
	}
	return out, err
}

func (p power) Transition(ctx context.Context, operation string, nodes []string, deadlineMinutes int) (string, error) {
	return p.pcs.Transition(ctx, operation, nodes, deadlineMinutes)
}

func (p power) Describe(ctx context.Context, id string) (bos.Transition, error) {
	t, err := p.pcs.Describe(ctx, id)
	out := bos.Transition{ID: id, Operation: string(t.Operation), Done: t.TransitionStatus.Done(), Tasks: make([]bos.Task, len(t.Tasks))}
	for i, task := range t.Tasks {
		text := task.Error
		if text == "" {
			text = task.TaskStatusDescription
		}
		out.Tasks[i] = bos.Task{Node: task.Xname, Text: text, Done: task.TaskStatus.Done() || out.Done,
			Failed: task.TaskStatus == pcs.TaskFailed || task.TaskStatus == pcs.TaskUnsupported}
	}
	return out, err
}

func (p power) Abort(ctx context.Context, id string) error { return p.pcs.Abort(ctx, id) }

func (p power) Since(ctx context.Context, operation string, at time.Time) ([]string, error) {
	all, err := p.pcs.Transitions(ctx)
	var out []string
	for _, t := range all {
		if strings.EqualFold(string(t.Operation), operation) && !t.CreateTime.Before(at) {
			out = append(out, t.TransitionID)
		}
	}
	return out, err
}
