package traces_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/traces"
)

var write = flag.Bool("write", false, "write what is expected anew")

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// evening is the session of testdata: a reboot of nodes of which one hung, one did not go
// down, one did not take its configuration and one's BMC refused.
func evening() *bos.Session {
	start := time.Date(2026, 11, 30, 9, 22, 5, 700_000_000, time.UTC)
	return &bos.Session{Name: "evening", Operation: bos.OperationReboot, TemplateName: "compute", Limit: "all",
		Status: bos.SessionStatus{Status: bos.SessionComplete, StartTime: start, EndTime: start.Add(20 * time.Second)}}
}

func entriesOf(t *testing.T, node string) (list []journal.Entry) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", node+".json"))
	must(t, err)
	must(t, json.Unmarshal(text, &list))
	return list
}

// drawn is the trace as a tree, times since the session's start in milliseconds.
func drawn(spans []traces.Span, below traces.SpanID, start time.Time, indent string) string {
	var out strings.Builder
	at := func(t time.Time) int64 { return t.Sub(start).Milliseconds() }
	for _, s := range spans {
		if s.Parent != below || s.ID == below {
			continue
		}
		fmt.Fprintf(&out, "%s%s  %d to %d", indent, s.Name, at(s.Start), at(s.End))
		for _, a := range s.Attributes {
			fmt.Fprintf(&out, "  %s=%v", a.Key, a.Value)
		}
		if s.Failed {
			fmt.Fprintf(&out, "  FAILED: %s", s.Error)
		}
		out.WriteString("\n")
		for _, e := range s.Events {
			fmt.Fprintf(&out, "%s    . %d %s", indent, at(e.Time), e.Name)
			for _, a := range e.Attributes {
				fmt.Fprintf(&out, "  %s=%v", a.Key, a.Value)
			}
			out.WriteString("\n")
		}
		out.WriteString(drawn(spans, s.ID, start, indent+"  "))
	}
	return out.String()
}

func TestJournalsAsSpans(t *testing.T) {
	s := evening()
	root := traces.Root(&traces.Facts{Session: s, Nodes: 6, Succeeded: 4, Failed: 2, Shown: 4})
	spans := []traces.Span{root}
	for _, node := range []string{"x1000c0s1b0n0", "x1000c0s2b0n0", "x1000c0s3b0n0", "x1000c0s5b0n0"} {
		spans = append(spans, traces.Spans(&root, s, traces.Node{Name: node, Entries: entriesOf(t, node)})...)
	}
	got := drawn(spans, traces.SpanID{}, s.Status.StartTime, "")
	golden := filepath.Join("testdata", "evening.txt")
	if *write {
		must(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("go test ./internal/traces -run JournalsAsSpans -write has it as it is now:\n%s", diff)
	}
	ids := map[traces.SpanID]string{}
	for _, span := range spans {
		if other, twice := ids[span.ID]; twice {
			t.Errorf("%s and %s have one ID", span.Name, other)
		}
		ids[span.ID] = span.Name
		if span.Trace != root.Trace {
			t.Errorf("%s is of another trace", span.Name)
		}
		if span.End.Before(span.Start) {
			t.Errorf("%s ends before it begins", span.Name)
		}
	}
}

// What is told again is the same, and another session's is another.
func TestIDsFollowFromTheSession(t *testing.T) {
	again := traces.Root(&traces.Facts{Session: evening()})
	if root := traces.Root(&traces.Facts{Session: evening()}); root.Trace != again.Trace || root.ID != again.ID {
		t.Error("the same session has other IDs")
	}
	for what, alter := range map[string]func(*bos.Session){
		"name":   func(s *bos.Session) { s.Name = "night" },
		"tenant": func(s *bos.Session) { s.Tenant = "vcluster-a" },
		"start":  func(s *bos.Session) { s.Status.StartTime = s.Status.StartTime.Add(time.Nanosecond) },
	} {
		s := evening()
		alter(s)
		if traces.Root(&traces.Facts{Session: s}).Trace == again.Trace {
			t.Errorf("a session of another %s has the same trace", what)
		}
	}
}

func line(second int, session, kind, text string) journal.Entry {
	return journal.Entry{Time: evening().Status.StartTime.Add(time.Duration(second) * time.Second), Source: "bos", Kind: kind, Session: session, Text: text, Failed: strings.Contains(text, "failed:")}
}

func TestOutcomesOfNodes(t *testing.T) {
	moved := line(1, "evening", "status", "stable -> on_hold")
	for outcome, entries := range map[string][]journal.Entry{
		traces.Unknown:    {line(0, "", "discovery", "discovered in HSM")},
		traces.Unfinished: {moved, line(2, "evening", "status", "on_hold -> power_on_pending")},
		traces.Taken:      {moved, line(2, "night", "status", "on_hold -> power_on_pending"), line(3, "night", "status", "power_on_pending -> stable")},
		traces.Succeeded:  {moved, line(2, "evening", "status", "on_hold -> stable"), line(3, "night", "status", "stable -> failed: no")},
		traces.Failed:     {moved, line(2, "evening", "status", "on_hold -> failed: PCS is away"), line(3, "", "power", "power On requested (transition 1)")},
	} {
		s := evening()
		root := traces.Root(&traces.Facts{Session: s})
		node := traces.Spans(&root, s, traces.Node{Name: "x1c0s0b0n0", Entries: entries})[0]
		if node.Attributes[1] != (traces.Attribute{Key: "drover.node.outcome", Value: outcome}) {
			t.Errorf("%s: %v", outcome, node.Attributes)
		}
		if node.Failed != (outcome == traces.Failed) || node.Failed && node.Error != "PCS is away" {
			t.Errorf("%s: failed is %v: %s", outcome, node.Failed, node.Error)
		}
		if want := s.Status.StartTime.Add(2 * time.Second); (outcome == traces.Succeeded || outcome == traces.Failed) && !node.End.Equal(want) {
			t.Errorf("%s: it ends at %s, not at %s", outcome, node.End, want)
		}
	}
}

// A collector is read by others than the journal.
func TestWhatLetsSomebodyInIsNotTold(t *testing.T) {
	s := evening()
	root := traces.Root(&traces.Facts{Session: s})
	spans := traces.Spans(&root, s, traces.Node{Name: "x1c0s0b0n0", Entries: []journal.Entry{
		line(1, "evening", "status", "stable -> power_on_called"),
		line(2, "", "boot-script", "boot script served (kernel s3://k, token d2ec5d6f-edf1, retry 1)"),
		{Time: s.Status.StartTime.Add(3 * time.Second), Source: "cfs", Kind: "configuration", Session: "batcher-1", Text: "playbook site.yml of https://me:secret@git.example.org/site.git at 9310aeb0 failed", Failed: true},
		line(4, "evening", "status", "configuring -> failed: clone of https://me:se@secret@git.example.org/site.git"),
	}})
	text := fmt.Sprint(spans)
	for _, no := range []string{"d2ec5d6f", "secret"} {
		if strings.Contains(text, no) {
			t.Errorf("%q is told: %s", no, text)
		}
	}
	for _, want := range []string{"(kernel s3://k, token ..., retry 1)", "https://...@git.example.org/site.git"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not told: %s", want, text)
		}
	}
}
