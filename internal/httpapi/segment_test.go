package httpapi

import "testing"

func TestDotsAreNames(t *testing.T) {
	for name, want := range map[string]string{".": "%2E", "..": "%2E%2E", "...": "...", "a/b": "a%2Fb", "x1000c0s0b0n0": "x1000c0s0b0n0", ".a": ".a"} {
		if got := Segment(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
