package clients

import (
	"context"
	"slices"
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
		out.Tasks[i] = bos.Task{Node: task.Xname, Text: text, Done: task.TaskStatus.Done() || out.Done, Answer: answer(&task)}
	}
	return out, err
}

// answer sorts what PCS says of a task. Texts are those of the published
// service: it has no other way to tell a BMC that is busy from one that refuses.
func answer(t *pcs.Task) bos.Answer {
	has := func(list ...string) bool {
		return slices.ContainsFunc(list, func(s string) bool {
			return strings.Contains(t.TaskStatusDescription, s) || strings.Contains(t.Error, s)
		})
	}
	switch t.TaskStatus {
	case pcs.TaskSucceeded:
		return bos.AnswerAccepted
	case pcs.TaskUnsupported:
		return bos.AnswerNever
	case pcs.TaskFailed:
		switch {
		case has("Timeout waiting for transition"):
			return bos.AnswerAccepted
		case has("BMC answered 501"):
			return bos.AnswerNever
		case has(laterWords...):
			return bos.AnswerLater
		}
		return bos.AnswerRefused
	}
	if strings.HasPrefix(t.TaskStatusDescription, "Waiting for power") {
		return bos.AnswerAccepted
	}
	return bos.AnswerWaiting
}

// laterWords are in what says nothing about the node itself.
var laterWords = []string{"nable to reserve component", "Reservation expired", "Transition aborted", "No answer from the BMC",
	"Unable to ask the Hardware State Manager", "BMC answered 408", "BMC answered 409", "BMC answered 423", "BMC answered 425",
	"BMC answered 429", "BMC answered 502", "BMC answered 503", "BMC answered 504"}

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
