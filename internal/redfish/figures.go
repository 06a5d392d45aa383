package redfish

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// Outcomes are what requests to BMCs come to: an answer that is a success, one that
// is not, or none.
var Outcomes = [...]string{"ok", "refused", "no answer"}

const (
	outcomeOK = iota
	outcomeRefused
	outcomeSilent
)

// figures count what was asked of BMCs.
type figures struct {
	requests [len(tally.Methods)][len(Outcomes)]atomic.Int64
	took     *tally.Durations
}

// note counts a request and what it came to.
func (f *figures) note(method string, err error, took time.Duration) {
	outcome := outcomeOK
	var refusal *Error
	switch {
	case errors.As(err, &refusal):
		outcome = outcomeRefused
	case err != nil:
		outcome = outcomeSilent
	}
	f.requests[tally.MethodOf(method)][outcome].Add(1)
	f.took.Took(took)
}

// note counts a request and, for who debugs, has the log tell of it.
func (d *Driver) note(ctx context.Context, address string, r *request, status int, err error, took time.Duration) {
	d.figures.note(r.method, err, took)
	if log := slog.Default(); log.Enabled(ctx, slog.LevelDebug) {
		log.Debug("request to a BMC", "bmc", address, "method", r.method, "path", r.path, "status", status, "took", took, "error", err)
	}
}

// Requests tells how many requests with the method, by its place among
// tally.Methods, came to the outcome, by its place among Outcomes.
func (d *Driver) Requests(method, outcome int) int64 {
	return d.figures.requests[method][outcome].Load()
}

// Took is how long requests took, but for the wait for their turn.
func (d *Driver) Took() *tally.Durations { return d.figures.took }

// Connections are those in use now, and those that are kept for later.
func (d *Driver) Connections() (used, kept int) {
	d.kept.mu.Lock()
	defer d.kept.mu.Unlock()
	return len(d.slots), d.kept.order.Len()
}
