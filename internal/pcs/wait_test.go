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
