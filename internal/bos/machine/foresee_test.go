package machine

import (
	"slices"
	"testing"

	"github.com/drover-hpc/drover/internal/bos"
)

// The steps themselves are Next's, which is tried cell by cell.
func TestForeseeSaysWhatWillBeDone(t *testing.T) {
	for words, want := range map[string]Prospect{
		"off":                               {Effects: []Effect{CallPowerOn, Configure}},
		"off, CFS failed":                   {Effects: []Effect{CallPowerOn, Configure}},
		"off, CFS silent":                   {Effects: []Effect{CallPowerOn}, Waits: "CFS does not answer: down"},
		"off, CFS unlisted":                 {Waits: "Component information was not returned by cfs"},
		"on":                                {Effects: []Effect{CallSoftOff, CallPowerOn, Configure}},
		"on, reported another":              {Effects: []Effect{CallSoftOff, CallPowerOn, Configure}},
		"on, reported":                      {},
		"on, reported, pending":             {Effects: []Effect{Configure}},
		"on, reported, CFS other":           {Effects: []Effect{Configure}},
		"on, reported, CFS failed":          {Waits: "cfs configuration failed"},
		"on, wants off":                     {Effects: []Effect{CallSoftOff}},
		"off, wants off":                    {},
		"off, an agent's":                   {Waits: "waits for session 'a1' of BOS v1, whose agent moves the node"},
		"undefined":                         {Waits: "PCS cannot tell whether the node is on: no route"},
		"silent":                            {Waits: "PCS does not answer: down"},
		"power_on_called, accepted, off":    {Waits: ""},
		"off, no attempts left":             {Waits: "The retry limit has been hit for this component, but no services have reported specific errors"},
		"off, wants off, powered on before": {Waits: "The node was powered on before it was to be off, and may come on yet"},
	} {
		s := situation(t, words)
		before := s.c.Engine
		got := Foresee(s.c, s.f, bos.DefaultOptions(), t0)
		if !slices.Equal(got.Effects, want.Effects) || got.Waits != want.Waits {
			t.Errorf("%s: %v, waits %q; want %v, %q", words, got.Effects, got.Waits, want.Effects, want.Waits)
		}
		if s.c.Engine != before {
			t.Errorf("%s: the record was changed", words)
		}
	}
}
