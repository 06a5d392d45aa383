package capmc

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/xname"
)

// Outcome is the answer to a command.
type Outcome struct {
	Result
	Xnames []XnameError `json:"xnames,omitempty" doc:"What went wrong with which component; the others succeeded, or are under way"`
}

// Do has the components powered on or off or restarted. It returns when that is
// done, or when it takes long and PCS has begun with all of them.
func (s *Service) Do(ctx context.Context, c Command, w Wish) (Outcome, error) {
	sel, err := s.choose(ctx, w, c != On)
	if err != nil {
		return Outcome{}, err
	}
	audit.Tell(ctx, audit.About{What: strings.TrimSuffix(fmt.Sprintf("%s: %s", c, w.Reason), ": "), Nodes: sel.names})
	if len(sel.names) == 0 {
		return sel.outcome(c, nil, len(sel.out)), nil
	}
	if !s.started() {
		return Outcome{}, errNotRunning
	}
	keys, refused, err := s.leases.take(ctx, slices.Concat(sel.names, sel.below))
	if err != nil {
		return Outcome{}, unreachable("HSM", err)
	}
	lacking := unreserved(&sel, refused)
	if len(lacking) > 0 && (!w.Continue || len(sel.names) == 0) {
		if err := s.leases.drop(context.WithoutCancel(ctx), keys); err != nil {
			slog.Warn("reservations not released; they end by themselves", "error", err)
		}
		return Outcome{Result{noLock, fmt.Sprintf("Error: Failed to reserve components while performing a %s.", c)}, append(sel.out, lacking...)}, nil
	}
	slog.Info("power command", "command", c, "components", len(sel.names), "force", w.Force, "reason", w.Reason)
	o := order{ID: uuid.NewString(), Created: s.now().UTC(), Command: c, Force: w.Force, Steps: c.steps(w.Force), Names: sel.names, Keys: keys, Failed: lacking}
	if err := s.orders.Put(ctx, o); err != nil {
		s.leases.drop(context.WithoutCancel(ctx), keys) //nolint:errcheck // they end by themselves
		return Outcome{}, refuse(http.StatusInternalServerError, "Error: the command is not recorded: %v", err)
	}
	total := len(sel.names) + len(lacking) + len(sel.out) - sel.ignored
	work := s.launch(o)
	if work == nil {
		return Outcome{}, errNotRunning
	}
	failures, err := work.answer(ctx, s.answerAfter)
	if err != nil {
		return Outcome{}, err
	}
	return sel.outcome(c, failures, total), nil
}

var errNotRunning = refuse(http.StatusServiceUnavailable, "Error: power control is stopping; a command that was begun goes on when it starts again")

// unreserved are those that HSM does not reserve. A component is left out if
// one below it is not reserved.
func unreserved(sel *selection, refused map[string]string) []XnameError {
	var out []XnameError
	for _, n := range slices.Concat(sel.names, sel.below) {
		if why := refused[n]; why != "" {
			out = append(out, XnameError{n, noLock, "not reserved: " + why})
		}
	}
	sel.names = slices.DeleteFunc(sel.names, func(n string) bool {
		return slices.ContainsFunc(out, func(e XnameError) bool { return xname.Within(e.Xname, n) })
	})
	return out
}

// answer waits for what can be told: the outcome, or after a while what failed
// so far, if PCS has begun with everything.
func (w *work) answer(ctx context.Context, after time.Duration) ([]XnameError, error) {
	timer := time.NewTimer(after)
	defer timer.Stop()
	var begun chan struct{}
	for {
		select {
		case <-w.finished:
			if !w.carried {
				return nil, errNotRunning
			}
			return w.order.Failed, nil
		case <-timer.C:
			begun = w.begun
		case <-begun:
			w.s.mu.Lock()
			defer w.s.mu.Unlock()
			return w.early, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// outcome is the answer when these failed of so many.
func (sel *selection) outcome(c Command, failures []XnameError, total int) Outcome {
	out := Outcome{Xnames: slices.Concat(sel.out, failures)}
	slices.SortFunc(out.Xnames, func(a, b XnameError) int { return strings.Compare(a.Xname, b.Xname) })
	if bad := len(out.Xnames) - sel.ignored; bad > 0 {
		out.Result = Result{failed, fmt.Sprintf("Errors encountered with %d/%d Xnames issued %s", bad, total, c)}
	}
	return out
}
