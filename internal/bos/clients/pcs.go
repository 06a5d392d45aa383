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
		if s.PowerState == pcs.PowerUndefined && s.ManagementState == pcs.Unavailable && s.Error == "" {
			out[i].Error = "its BMC does not answer"
		}
	}
	return out, err
}

func (p power) Transition(ctx context.Context, operation string, nodes []string, deadlineMinutes int) (string, error) {
	return p.pcs.Transition(ctx, operation, nodes, deadlineMinutes)
}

func (p power) Describe(ctx context.Context, id string) (bos.Transition, error) {
	t, err := p.pcs.Describe(ctx, id)
	out := transition(&t)
	out.ID, out.Tasks = id, make([]bos.Task, len(t.Tasks))
	for i, task := range t.Tasks {
		done := task.TaskStatus.Done() || out.Done
		out.Tasks[i] = bos.Task{Node: task.Xname, Text: words(&task, done), Done: done, Answer: answer(&task)}
	}
	return out, err
}

func transition(t *pcs.Transition) bos.Transition {
	return bos.Transition{ID: t.TransitionID, Operation: string(t.Operation), Created: t.CreateTime, Done: t.TransitionStatus.Done()}
}

// words are what there is to say of a task. One under way is worth words only
// while its BMC has it wait.
func words(t *pcs.Task, done bool) string {
	switch {
	case !done && !strings.Contains(t.TaskStatusDescription, "asking again"):
		return ""
	case t.Error != "":
		return t.Error
	}
	return t.TaskStatusDescription
}

// answer sorts what PCS says of a task. Drover's own says it in fields; of
// another one only texts tell a BMC that is busy from one that refuses.
func answer(t *pcs.Task) bos.Answer {
	switch {
	case !t.Accepted.IsZero() || t.TaskStatus == pcs.TaskSucceeded:
		return bos.AnswerAccepted
	case t.TaskStatus == pcs.TaskUnsupported:
		return bos.AnswerNever
	case t.TaskStatus != pcs.TaskFailed:
		return bos.AnswerWaiting
	case t.Failure == "":
		return foreignAnswer(t.TaskStatusDescription + " " + t.Error)
	}
	switch t.Failure {
	case pcs.FailureRefused:
		return bos.AnswerRefused
	case pcs.FailureUnsupported:
		return bos.AnswerNever
	}
	return bos.AnswerLater
}

func foreignAnswer(text string) bos.Answer {
	switch {
	case strings.Contains(text, "Timeout waiting for transition"):
		return bos.AnswerAccepted
	case slices.ContainsFunc(laterWords, func(w string) bool { return strings.Contains(text, w) }):
		return bos.AnswerLater
	}
	return bos.AnswerRefused
}

// laterWords are in what the published service says where it says nothing
// about the node.
var laterWords = []string{"nable to reserve component", "Reservation expired", "Transition aborted"}

func (p power) Abort(ctx context.Context, id string) error { return p.pcs.Abort(ctx, id) }

func (p power) Since(ctx context.Context, operation string, at time.Time) ([]bos.Transition, error) {
	all, err := p.pcs.Transitions(ctx)
	var out []bos.Transition
	for i := range all {
		if t := &all[i]; strings.EqualFold(string(t.Operation), operation) && !t.CreateTime.Before(at) {
			out = append(out, transition(t))
		}
	}
	return out, err
}
