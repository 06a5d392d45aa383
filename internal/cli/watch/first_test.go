package watch

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/progress"
)

// tree is a session of version 1 with one boot set of these phases.
func tree(t *testing.T, complete bool, phases string) *progress.Snapshot {
	t.Helper()
	f := progress.First{ID: "id-1", Operation: "boot", TemplateName: "compute", Complete: complete, StartTime: "2026-01-02T03:04:05"}
	if complete {
		f.StopTime = "2026-01-02T03:05:35"
	}
	var b progress.BootSet
	if err := json.Unmarshal([]byte(`{"name":"compute","phases":`+phases+`}`), &b); err != nil {
		t.Fatal(err)
	}
	f.BootSets = []progress.BootSet{b}
	return f.Snapshot()
}

func TestSessionsOfVersion1AreToldByPhaseAndEndWithAVerdict(t *testing.T) {
	const mixed = `[{"name":"boot","categories":[{"name":"succeeded","node_list":["x1c0s0b0n0"]},{"name":"failed","node_list":["x1c0s1b0n0"]},{"name":"excluded","node_list":["x1c0s3b0n0"]}],
			"errors":{"no power":["x1c0s1b0n0"],"it is disabled":["x1c0s3b0n0"]}},
		{"name":"configure","categories":[{"name":"in_progress","node_list":["x1c0s0b0n0"]},{"name":"excluded","node_list":["x1c0s1b0n0","x1c0s3b0n0"]}],"errors":{"failed in phase boot":["x1c0s1b0n0"]}}]`
	for name, c := range map[string]struct {
		s       *progress.Snapshot
		lines   []string
		outcome string
		over    bool
		ok      bool
	}{
		"not told of yet": {tree(t, false, `[]`), []string{"running  no nodes yet"}, "session id-1 of BOS v1 is running after 0:01:30: it had no nodes", false, false},
		"begun": {tree(t, false, `[{"name":"boot","categories":[{"name":"not_started","node_list":["x1","x2"]},{"name":"in_progress","node_list":["x3"]}]},{"name":"configure","categories":[{"name":"not_started","node_list":["x1","x2","x3"]}]}]`),
			[]string{"running  boot 3 (not started 2, in progress 1)"}, "session id-1 of BOS v1 is running after 0:01:30: 0 of 3 nodes succeeded, 3 did not finish", false, false},
		"mixed": {tree(t, false, mixed), []string{"running  configure 1 (in progress 1)  finished 1 (failed 1)", "failed x1c0s1b0n0: phase boot: no power", "left out x1c0s3b0n0: it is disabled"},
			"session id-1 of BOS v1 is running after 0:01:30: 0 of 2 nodes succeeded, 1 failed, 1 did not finish, 3 asked for, 1 left out", false, false},
		"done": {tree(t, true, strings.Replace(mixed, "in_progress", "succeeded", 1)), []string{"complete  finished 2 (succeeded 1, failed 1)"},
			"session id-1 of BOS v1 complete in 0:01:30: 1 of 2 nodes succeeded, 1 failed, 3 asked for, 1 left out", true, false},
		"good": {tree(t, true, `[{"name":"shutdown","categories":[{"name":"succeeded","node_list":["x1","x2"]}]}]`), []string{"complete  finished 2 (succeeded 2)"},
			"session id-1 of BOS v1 complete in 0:01:30: all 2 nodes succeeded", true, true},
		"nobody is in it": {tree(t, true, `[{"name":"boot","errors":{"no node is left":[]}},{"name":"configure","errors":{"no node is left":[]}}]`), []string{"complete  no nodes yet"},
			"session id-1 of BOS v1 complete in 0:01:30: it failed: boot set 'compute': no node is left", true, false},
	} {
		tally := progress.Count(c.s)
		var out bytes.Buffer
		(&Plain{W: &out}).Show(tally, start.Add(90*time.Second))
		for _, want := range c.lines {
			if !strings.Contains(out.String(), "  "+want+"\n") {
				t.Errorf("%s: no line %q in\n%s", name, want, out.String())
			}
		}
		if got := tally.Outcome(start.Add(90 * time.Second)); got != c.outcome || tally.Over() != c.over || tally.OK() != c.ok {
			t.Errorf("%s: over %v, ok %v, %s\nexpected %s", name, tally.Over(), tally.OK(), got, c.outcome)
		}
	}
}

func TestNodesThatVersion1HasAreNamedWithItsSession(t *testing.T) {
	s := snapshot("running", map[string]int{"power_off_pending": 2, stable: 1})
	for i := range s.Components {
		s.Components[i].V1Session = "id-1"
	}
	var out bytes.Buffer
	(&Plain{W: &out}).Show(progress.Count(s), start)
	if want := "  waiting x1000c0s[0-1]b0n0: session id-1 of BOS v1 has it until that session ends\n"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, out.String())
	}
}
