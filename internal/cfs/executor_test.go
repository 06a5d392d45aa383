package cfs

import (
	"slices"
	"testing"
)

func TestNodesOutsideOfAJob(t *testing.T) {
	nodes := []string{"x1c0s0b0n0", "X1C0S1B0N0", "x1c0s2b0n0"}
	for name, tt := range map[string]struct {
		job  Job
		want []string
	}{
		"no limit":                 {Job{RecordState: true}, nil},
		"nodes":                    {Job{RecordState: true, Limit: "x1c0s0b0n0,x1c0s01b0n0"}, nodes[2:]},
		"nodes with colons":        {Job{RecordState: true, Limit: "x1c0s0b0n0:x1c0s2b0n0"}, nodes[1:2]},
		"a group":                  {Job{RecordState: true, Limit: "Compute"}, nil},
		"a group and a node":       {Job{RecordState: true, Limit: "Compute,x1c0s0b0n0"}, nil},
		"and the server":           {Job{RecordState: true, Limit: "localhost,x1c0s0b0n0,x1c0s1b0n0"}, nodes[2:]},
		"but for others":           {Job{RecordState: true, Limit: "x1c0s0b0n0,x1c0s1b0n0,!x1c0s9b0n0:&Compute"}, nodes[2:]},
		"all but one":              {Job{RecordState: true, Limit: "all:!x1c0s0b0n0"}, nil},
		"a pattern":                {Job{RecordState: true, Limit: "x1c0s*"}, nil},
		"it reports nothing, ever": {Job{}, nodes},
	} {
		if got := tt.job.Outside(nodes); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
