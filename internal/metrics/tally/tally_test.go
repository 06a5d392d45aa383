package tally_test

import (
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/metrics/tally"
)

func TestDurationsAreCountedWithinTheirBounds(t *testing.T) {
	d := tally.NewDurations([]time.Duration{time.Second, time.Minute})
	for _, so := range []time.Duration{0, time.Second, time.Second + 1, time.Hour} {
		d.Took(so)
	}
	within, count, sum := d.Read()
	if within[time.Second] != 2 || within[time.Minute] != 3 || count != 4 || sum != time.Hour+2*time.Second+1 {
		t.Errorf("%v, %d, %v", within, count, sum)
	}
	if n := testing.AllocsPerRun(100, func() { d.Took(time.Second) }); n != 0 {
		t.Errorf("counting allocates %v times", n)
	}
}

func TestAnswersAreCountedByClass(t *testing.T) {
	var a tally.Answers
	for _, status := range []int{0, 101, 200, 204, 304, 404, 503, 599, 700} {
		a.Add(status)
	}
	for class, want := range []int64{1, 2, 1, 1, 2} {
		if got := a.Of(class); got != want {
			t.Errorf("%s: %d, want %d", tally.Classes[class], got, want)
		}
	}
}

func TestMethodsAreAClosedSet(t *testing.T) {
	for method, want := range map[string]string{"GET": "GET", "DELETE": "DELETE", "PROPFIND": "other", "": "other"} {
		if got := tally.Methods[tally.MethodOf(method)]; got != want {
			t.Errorf("%q: %s, want %s", method, got, want)
		}
	}
}
