package xname

import (
	"slices"
	"testing"
)

func TestCanonical(t *testing.T) {
	got := CanonicalAll([]string{"X1000C0S00B0N0", "x1000c0s0b0n0", "Compute", "nid000001", "X01", "FF287206-6ff7-4659-92ad-6e732821c6b4", ""})
	want := []string{"x1000c0s0b0n0", "x1000c0s0b0n0", "Compute", "nid000001", "x1", "FF287206-6ff7-4659-92ad-6e732821c6b4", ""}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
