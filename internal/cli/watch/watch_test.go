package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/drover-hpc/drover/internal/progress"
)

func snapshot(status string, counts map[string]int) *progress.Snapshot {
	s := &progress.Snapshot{}
	s.Session.Name, s.Session.Operation, s.Session.TemplateName = "s1", "reboot", "compute"
	s.Session.Status.Status, s.Session.Status.StartTime = status, "2026-01-02T03:04:05"
	for _, row := range progress.Count(s).Rows() {
		for _, part := range row.Parts {
			for range counts[part.Status] {
				c := progress.Component{ID: fmt.Sprintf("x1000c0s%db0n0", len(s.Components))}
				c.Status.Status = part.Status
				if part.Status == failed {
					c.Error = "BMC says: no"
				}
				s.Components = append(s.Components, c)
			}
		}
	}
	s.Extended.Managed = len(s.Components)
	return s
}

const (
	stable = "stable"
	failed = "failed"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestTheHeadingFoldsTheLimit(t *testing.T) {
	for limit, want := range map[string]string{"x1000c0s0b0n0,x1000c0s1b0n0,x1000c0s2b0n0": "limit x1000c0s[0-2]b0n0 ", "Compute,!x1000c0s0b0n0": "limit Compute,!x1000c0s0b0n0 "} {
		s := snapshot("running", map[string]int{"configuring": 1})
		s.Session.Limit = limit
		if got := (&Screen{}).heading(progress.Count(s), start, 120); !strings.Contains(got, want) {
			t.Errorf("%s: %s", limit, got)
		}
	}
}

func TestOutcome(t *testing.T) {
	text := "no such template"
	broken := snapshot("complete", nil)
	broken.Session.Status.Error = &text
	ended, by := snapshot("complete", map[string]int{stable: 2, failed: 1}), "cancelled by ann"
	ended.Session.Status.Error = &by
	gone := snapshot("complete", nil)
	gone.Extended.Managed, gone.Extended.Successful, gone.Extended.Failed = 3, 66.67, 33.33
	forced := snapshot("complete", map[string]int{stable: 2})
	if err := json.Unmarshal([]byte(`{"forced_off":[{"name":"x1000c0s1b0n0","at":"2026-01-02T03:04:05","reason":"it did not go down"}]}`), &forced.Extended); err != nil {
		t.Fatal(err)
	}
	left := snapshot("complete", map[string]int{stable: 1})
	left.Extended.LeftOut, left.Extended.LeftOutCount = []progress.Told{{Name: "x9", Reason: "it is locked"}}, 1
	staged := snapshot("complete", nil)
	staged.Extended.Managed, staged.Extended.Staged = 2, 100
	taken := snapshot("complete", map[string]int{stable: 1})
	taken.Session.Components = "x1000c0s0b0n0,x1000c0s1b0n0,x1000c0s2b0n0"
	allTaken := snapshot("complete", nil)
	allTaken.Session.Components = "x1000c0s0b0n0"
	for _, c := range []struct {
		want string
		s    *progress.Snapshot
		ok   bool
	}{
		{"session s1 complete in 0:01:30: 1 of 1 node succeeded, 2 nodes taken over before the end, by another session or by hand", taken, false},
		{"session s1 complete in 0:01:30: 1 node taken over before the end, by another session or by hand", allTaken, false},
		{"session s1 complete in 0:01:30: all 3 nodes succeeded", snapshot("complete", map[string]int{stable: 3}), true},
		{"session s1 complete in 0:01:30: 1 of 1 node succeeded", snapshot("complete", map[string]int{stable: 1}), true},
		{"session s1 complete in 0:01:30: 2 of 3 nodes succeeded, 1 failed", snapshot("complete", map[string]int{stable: 2, failed: 1}), false},
		{"session s1 complete in 0:01:30: 1 of 2 nodes succeeded, 1 did not finish", snapshot("complete", map[string]int{stable: 1, "on_hold": 1}), false},
		{"session s1 is running after 0:01:30: 0 of 1 node succeeded, 1 did not finish", snapshot("running", map[string]int{"configuring": 1}), false},
		{"session s1 complete in 0:01:30: it failed: no such template", broken, false},
		{"session s1 complete in 0:01:30: it was cancelled by ann, 2 of 3 nodes succeeded, 1 failed", ended, false},
		{"session s1 complete in 0:01:30: it had no nodes", snapshot("complete", nil), true},
		{"session s1 complete in 0:01:30: 2 of 3 nodes succeeded, 1 failed", gone, false},
		{"session s1 complete in 0:01:30: all 2 nodes succeeded, 1 forced off", forced, true},
		{"session s1 complete in 0:01:30: 1 of 1 node succeeded, 2 asked for, 1 left out", left, true},
		{"session s1 complete in 0:01:30: staged for 2 nodes", staged, true},
	} {
		tally := progress.Count(c.s)
		if got := tally.Outcome(start.Add(90 * time.Second)); got != c.want || tally.OK() != c.ok {
			t.Errorf("got %q, ok %v; want %q, ok %v", got, tally.OK(), c.want, c.ok)
		}
	}
}

func TestFailuresAreFolded(t *testing.T) {
	tally := progress.Count(snapshot("running", map[string]int{stable: 1, failed: 3}))
	if len(tally.Failures) != 1 || tally.Failures[0].String() != "failed x1000c0s[1-3]b0n0: BMC says: no" {
		t.Errorf("failures %v", tally.Failures)
	}
	kept := snapshot("complete", nil)
	kept.Extended.Managed, kept.Extended.Failed = 12, 100
	kept.Extended.Errors = map[string]struct {
		Count int    `json:"count"`
		List  string `json:"list"`
	}{"late": {12, "x1c0s0b0n0,x1c0s1b0n0..."}}
	if got := progress.Count(kept).Failures[0].String(); got != "failed x1c0s[0-1]b0n0 and 10 more: late" {
		t.Errorf("failure %q", got)
	}
}

// script gives one snapshot after the other; an error stays until the next.
type script struct {
	steps   []any
	changes chan struct{}
	asked   int
}

func (s *script) Snapshot(context.Context) (*progress.Snapshot, error) {
	step := s.steps[min(s.asked, len(s.steps)-1)]
	s.asked++
	if err, ok := step.(error); ok {
		return nil, err
	}
	return step.(*progress.Snapshot), nil
}

func (s *script) Changes(context.Context) <-chan struct{} { return s.changes }

func TestPlainFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		from := &script{changes: make(chan struct{}), steps: []any{
			snapshot("pending", nil),
			snapshot("running", map[string]int{"on_hold": 2}),
			snapshot("running", map[string]int{"on_hold": 2}),
			errors.New("connection refused"),
			snapshot("running", map[string]int{"power_on_called": 1, failed: 1}),
			snapshot("complete", map[string]int{stable: 1, failed: 1}),
		}}
		close(from.changes) // changes cannot be told
		began := time.Now()
		tally, err := Follow(t.Context(), from, &Plain{W: &out}, DefaultPace)
		if err != nil || tally.OK() || from.asked != 6 {
			t.Fatalf("%v, ok %v, asked %d times", err, tally.OK(), from.asked)
		}
		if took := time.Since(began); took != 5*DefaultPace.Poll {
			t.Errorf("took %v, want five polls", took)
		}
		var got []string
		for _, l := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			if _, rest, ok := strings.Cut(l, "  "); ok {
				l = rest
			}
			got = append(got, l)
		}
		want := []string{"pending  no nodes yet", "running  waiting 2", "no answer from the server; trying again",
			"running  powering on 1 (called 1)  finished 1 (failed 1)", "failed x1000c0s1b0n0: BMC says: no",
			"complete  finished 2 (succeeded 1, failed 1)"}
		if len(got) != len(want)+1 || strings.Join(got[:len(want)], "\n") != strings.Join(want, "\n") ||
			!strings.HasSuffix(got[len(want)], "1 of 2 nodes succeeded, 1 failed") {
			t.Errorf("printed\n%s", out.String())
		}
	})
}

func TestFollowWakesOnChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &script{changes: make(chan struct{}, 1), steps: []any{
			snapshot("running", map[string]int{"on_hold": 1}), snapshot("complete", map[string]int{stable: 1})}}
		go func() {
			time.Sleep(time.Second)
			from.changes <- struct{}{}
		}()
		began := time.Now()
		tally, err := Follow(t.Context(), from, &Plain{W: &bytes.Buffer{}}, DefaultPace)
		if err != nil || !tally.OK() || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestFollowGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("connection refused")
		if tally, err := Follow(t.Context(), &script{steps: []any{refused}}, &Plain{W: &bytes.Buffer{}}, DefaultPace); tally != nil || !errors.Is(err, refused) {
			t.Errorf("%v without a first answer", err)
		}
		began := time.Now()
		_, err := Follow(t.Context(), &script{steps: []any{snapshot("running", nil), refused}}, &Plain{W: &bytes.Buffer{}}, DefaultPace)
		if took := time.Since(began); !errors.Is(err, refused) || took < DefaultPace.Patience || took > DefaultPace.Patience+time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestFrameFits(t *testing.T) {
	s := &Screen{}
	full := snapshot("running", map[string]int{"on_hold": 1, "power_off_pending": 2, "power_off_gracefully_called": 3, "power_off_forcefully_called": 1000,
		"power_on_pending": 1, "power_on_called": 1, "configuring": 7, stable: 4000, failed: 12})
	full.Session.Limit = strings.Repeat("x1000c0s0b0n0,", 20)
	for i := range full.Components {
		full.Components[i].Error = strings.Repeat("long words ", i%40)
	}
	for _, columns := range []int{40, 80, 200} {
		lines := s.lines(progress.Count(full), start.Add(time.Hour), columns, 24)
		if len(lines) > 23 {
			t.Errorf("%d lines for 24 rows", len(lines))
		}
		for _, l := range lines {
			if n := utf8.RuneCountInString(l); n > columns {
				t.Errorf("%d columns for %d: %q", n, columns, l)
			}
		}
	}
}

// However small the screen is, it tells that a node failed, and how far the session is.
func TestASmallScreenHidesNoFailure(t *testing.T) {
	s := snapshot("running", map[string]int{"power_on_called": 1, "configuring": 1, stable: 5, failed: 1})
	for rows := 5; rows <= 24; rows++ {
		lines := (&Screen{}).lines(progress.Count(s), start, 80, rows)
		text := strings.Join(lines, "\n")
		if !strings.Contains(text, "failed x1000c0s7b0n0: BMC says: no") || !strings.Contains(lines[0], " 75% of 8 nodes ") || len(lines) >= rows {
			t.Errorf("%d rows:\n%s", rows, text)
		}
		if late := strings.Contains(text, "still configuring: x1000c0s1b0n0"); late != (rows > 10) {
			t.Errorf("%d rows: late %v\n%s", rows, late, text)
		}
	}
}

func TestLateAreTheLastFew(t *testing.T) {
	for _, c := range []struct {
		status string
		counts map[string]int
		want   string
	}{
		{"running", map[string]int{"on_hold": 1, "configuring": 2, stable: 3}, "[{waiting [x1000c0s0b0n0]} {configuring [x1000c0s1b0n0 x1000c0s2b0n0]}]"},
		{"running", map[string]int{"configuring": 2, failed: 1}, "[]"},
		{"running", map[string]int{"configuring": 11, stable: 100}, "[]"},
		{"complete", map[string]int{"configuring": 1, stable: 3}, "[]"},
	} {
		if got := fmt.Sprint(progress.Count(snapshot(c.status, c.counts)).Late); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.status, c.counts, got, c.want)
		}
	}
}

func TestBars(t *testing.T) {
	for _, c := range [][4]int{{0, 10, 20, 0}, {1, 1000, 20, 1}, {999, 1000, 20, 19}, {1000, 1000, 20, 20}, {5, 10, 20, 10}, {0, 0, 20, 0}} {
		if got := cellsOf(c[0], c[1], c[2], c[2]); got != c[3] {
			t.Errorf("%d of %d in %d cells: %d, want %d", c[0], c[1], c[2], got, c[3])
		}
	}
}

func TestForcedOffIsToldOnce(t *testing.T) {
	s := snapshot("running", map[string]int{"power_off_forcefully_called": 1})
	if err := json.Unmarshal([]byte(`{"forced_off":[{"name":"x1000c0s0b0n0","reason":"it did not go down"}]}`), &s.Extended); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := &Plain{W: &out}
	p.Show(progress.Count(s), start)
	p.Show(progress.Count(s), start)
	want := "0:00:00  forced off x1000c0s0b0n0: it did not go down\n"
	if strings.Count(out.String(), want) != 1 {
		t.Errorf("%q, want once %q", out.String(), want)
	}
}

func TestWhatConfiguresNodesIsTold(t *testing.T) {
	s := snapshot("running", map[string]int{"configuring": 20, failed: 1})
	s.Work = []progress.Work{{Session: "c1", Configuration: "site", Playbook: "site.yml", Task: "mount scratch", Nodes: 20}}
	var out bytes.Buffer
	p := &Plain{W: &out}
	p.Show(progress.Count(s), start)
	s.Work[0].Task = "start slurmd"
	p.Show(progress.Count(s), start)
	s.Work[0].Playbook = "net.yml"
	p.Show(progress.Count(s), start)
	if text := out.String(); strings.Count(text, "site on 20 nodes: ") != 2 || !strings.Contains(text, "0:00:00  site on 20 nodes: site.yml, task 'mount scratch'\n") || !strings.Contains(text, "net.yml, task 'start slurmd'") {
		t.Errorf("a line for each playbook is wanted:\n%s", text)
	}
	for rows, want := range map[int][]string{24: {"BMC says: no", "net.yml, task 'start slurmd'"}, 7: {"BMC says: no"}} {
		frame := strings.Join((&Screen{}).lines(progress.Count(s), start, 80, rows), "\n")
		for _, text := range want {
			if !strings.Contains(frame, text) {
				t.Errorf("%d rows lack %q:\n%s", rows, text, frame)
			}
		}
	}
}

// A staged session does nothing by itself: what it waits for is told, and the
// watch ends.
func TestStagedSessionIsNotWaitedFor(t *testing.T) {
	staged := func(counts map[string]int) *progress.Snapshot {
		s := snapshot("running", counts)
		s.Session.Stage, s.Session.Components = true, "x1000c0s0b0n0,x1000c0s1b0n0"
		s.Extended.Managed, s.Extended.Staged = 2, 100
		return s
	}
	leftOut := func(s *progress.Snapshot) *progress.Snapshot {
		s.Extended.LeftOut, s.Extended.LeftOutCount = []progress.Told{{Name: "x9", Reason: "it is locked"}}, 1
		return s
	}
	for _, c := range []struct {
		steps []any
		want  string
		ok    bool
	}{
		{[]any{snapshot("pending", nil), staged(nil)}, "session s1 waits for applystaged: staged for 2 nodes, x1000c0s[0-1]b0n0", true},
		{[]any{leftOut(staged(nil))}, "staged for 2 nodes, x1000c0s[0-1]b0n0, 3 asked for, 1 left out", true},
		{[]any{staged(map[string]int{"on_hold": 1}), staged(map[string]int{stable: 1})},
			"session s1 waits for applystaged: staged for 1 node, x1000c0s1b0n0, 1 of 1 node succeeded", true},
		{[]any{staged(map[string]int{stable: 1, "configuring": 1}), staged(map[string]int{stable: 1, failed: 1})},
			"session s1 was applied to all its nodes: 1 of 2 nodes succeeded, 1 failed", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var out bytes.Buffer
			tally, err := Follow(ctx, &script{steps: c.steps}, &Plain{W: &out}, DefaultPace)
			if err != nil || tally.OK() != c.ok || !strings.HasSuffix(out.String(), c.want+"\n") {
				t.Errorf("%v, ok %v\n%s\nwant %s", err, tally != nil && tally.OK(), out.String(), c.want)
			}
		})
	}
}
