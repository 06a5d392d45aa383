package pcs

import (
	"testing"
	"time"
)

func TestBackOff(t *testing.T) {
	for _, tt := range []struct {
		n        int
		after    time.Duration
		from, to time.Duration
	}{
		{1, 0, 100 * time.Millisecond, 200 * time.Millisecond},
		{3, 0, 400 * time.Millisecond, 800 * time.Millisecond},
		{99, 0, 5 * time.Second, 10 * time.Second},
		{1, 30 * time.Second, 30 * time.Second, 33 * time.Second},
	} {
		if from, to := backOff(tt.n, tt.after, 0), backOff(tt.n, tt.after, 1); from != tt.from || to != tt.to {
			t.Errorf("after %d answers, Retry-After %v: %v to %v, want %v to %v", tt.n, tt.after, from, to, tt.from, tt.to)
		}
	}
}

func TestDeadlineCountsFromTheTurn(t *testing.T) {
	const allowed = time.Minute
	began := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	turn := began.Add(time.Hour) // of a component behind thousands of others
	sent := turn.Add(time.Second)
	for name, tt := range map[string]struct {
		task task
		want time.Time
	}{
		"first visit":           {task{}, turn.Add(allowed)},
		"below a starting slot": {task{patient: true}, turn.Add(bootPatience)},
		"after a restart":       {task{resumed: true}, began.Add(allowed)},
		"accepted":              {task{taskRecord: taskRecord{Sent: sent}}, sent.Add(allowed)},
		"accepted, restarted":   {task{taskRecord: taskRecord{Sent: sent}, resumed: true}, sent.Add(allowed)},
	} {
		tt.task.Began = began
		if got := tt.task.deadlineAt(turn, allowed); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
