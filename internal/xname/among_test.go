package xname

import (
	"slices"
	"testing"
)

func TestALongBracketThatMeansAllIsAnAsterisk(t *testing.T) {
	all, err := Expand("x1000c[0-5]s[0-63]b[0-1]n0,x2000c0s[0-9]b0n0,nid[1-9]")
	if err != nil {
		t.Fatal(err)
	}
	among := NewAmong(all)
	for expr, want := range map[string]string{
		"x1000c[0-3]s[0-63]b0n0":     "x1000c[0-3]s*b0n0",
		"x1000c[0-5]s[0-63]b[0-1]n0": "x1000c[0-5]s*b[0-1]n0",
		"x1000c0s[0-62]b0n0":         "x1000c0s[0-62]b0n0",
		"x1000c[0-5]s[1-63]b0n0":     "x1000c[0-5]s[1-63]b0n0",
		"x2000c0s[0-9]b0n0":          "x2000c0s[0-9]b0n0", // it is short
		"x1000c[0-5]s7b0n0":          "x1000c[0-5]s7b0n0",
		"x1000c[0,2-5]s[0-63]b0n0":   "x1000c[0,2-5]s*b0n0",
		"x9c0s[0-63]b0n0":            "x9c0s[0-63]b0n0", // not among all
		"":                           "",
	} {
		names, err := Expand(expr)
		if err != nil {
			t.Fatal(err)
		}
		if got := among.Fold(names); got != want {
			t.Errorf("%s: %s, want %s", expr, got, want)
		}
	}
}

func TestNamesAreOrderedByTheValueOfTheirNumbers(t *testing.T) {
	want := []string{"nid1", "nid02", "nid10", "x2", "x10", "x10c0", "x10c0s9b0n0", "x10c0s10b0n0", "x10c1"}
	got := slices.Clone(want)
	slices.Reverse(got)
	if slices.SortFunc(got, Compare); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if Compare("x1", "x1") != 0 || Compare("x01", "x1") != 0 {
		t.Error("equal names differ")
	}
}
