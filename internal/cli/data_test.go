package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/progress"
)

// asData reads what a command printed, which has to be JSON and nothing else.
func asData[T any](t *testing.T, text string) (out T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return out
}

func TestWhatIsFollowedEndsAsData(t *testing.T) {
	b := newBench(t)
	b.answer = boot(nodes("on_hold", "on_hold"), nodes("stable", "failed"))
	code, out, _ := b.run("drover", "watch", "s1", "--format", "json")
	end := asData[progress.End](t, out)
	if code != 3 || end.OK || end.Session != "s1" || end.Status != "complete" || end.Seconds != 10 || end.Nodes != 2 || end.Succeeded != 1 || end.Failed != 1 || len(end.Troubles) != 1 || end.Troubles[0].Nodes[0] != "x1c0s1b0n0" ||
		end.Outcome != "session s1 complete in 0:00:10: 1 of 2 nodes succeeded, 1 failed" {
		t.Errorf("exit %d %+v", code, end)
	}
	b = newBench(t) // the one before may be asked for events yet
	b.answer = boot(slices.Repeat([]string{nodes("on_hold")}, 1000)...)
	code, out, stderr := b.run("drover", "watch", "s1", "--format", "json", "--timeout", "500ms")
	if end = asData[progress.End](t, out); code != 124 || end.Under["on_hold"] != 1 || !strings.Contains(stderr, "not over in the time") {
		t.Errorf("a session that goes on: exit %d %+v %s", code, end, stderr)
	}
	if code, out, _ = b.run("drover", "watch", "s1", "--format", "toml", "--timeout", "1ns"); code != 124 || out != "" {
		t.Errorf("a session that was not seen: exit %d %q", code, out)
	}
	b = newBench(t)
	b.answer = problem(404, `{"title": "Not Found", "detail": "no such thing"}`)
	if code, out, _ = b.run("drover", "watch", "s1", "--format", "json"); code != 2 || out != "" {
		t.Errorf("no such session: exit %d %s", code, out)
	}
}

func TestWhatIsStartedAndFollowedEndsAsData(t *testing.T) {
	b := newBench(t)
	b.answer = fleet(map[string]string{"POST": `{"transitionID": "t1", "operation": "On"}`,
		"/apis/power-control/v1/transitions/t1": `{"transitionID": "t1", "transitionStatus": "completed", "taskCounts": {"failed": 1}, "tasks": [{"xname": "x1c0s0b0n0", "taskStatus": "failed", "error": "no power"}]}`})
	code, out, _ := b.run("drover", "power", "on", "x1c0s0b0n0", "--wait", "--format", "json")
	if got := asData[struct{ Tasks []struct{ Error string } }](t, out); code != 3 || len(got.Tasks) != 1 || got.Tasks[0].Error != "no power" {
		t.Errorf("power: exit %d %+v", code, got)
	}
	b = newBench(t) // the one before may be asked for events yet
	b.answer = fleet(map[string]string{"PATCH": "{}", rosterPath: `{"nodes": [{"xname": "x1c0s0b0n0", "configuration": "site", "configuration_status": "failed"}]}`})
	code, out, _ = b.run("drover", "configure", "x1c0s0b0n0", "--wait", "--format", "json")
	if got := asData[map[string][]string](t, out); code != 3 || len(got["failed"]) != 1 {
		t.Errorf("configure: exit %d %v", code, got)
	}
	follows := boot(nodes("stable", "stable"))
	b = newBench(t)
	b.answer = func(w http.ResponseWriter, r *http.Request, body string) {
		if r.Method == http.MethodPost {
			io.WriteString(w, `{"name": "s1"}`)
		} else if strings.HasPrefix(r.URL.Path, "/apis/bos/v2/sessions/s1") || r.URL.Path == "/apis/bos/v2/components" || strings.HasSuffix(r.URL.Path, "/events") {
			follows(w, r, body)
		} else {
			fleet(nil)(w, r, body)
		}
	}
	code, out, _ = b.run("drover", "boot", "x1c0s0b0n0", "--template", "compute", "--wait", "--format", "json")
	if got := asData[progress.End](t, out); code != 0 || !got.OK || got.Nodes != 2 {
		t.Errorf("boot: exit %d %+v", code, got)
	}
	b = newBench(t)
	b.answer = ended(map[string]string{"/apis/bos/v2/sessions/new": `{"name": "new", "status": {"status": "complete"}}`, "/apis/bos/v2/sessions/new/status": "{}",
		"/apis/bos/v2/components?session=new": `[{"id": "x1c0s0b0n0", "status": {"status": "stable"}}]`})
	code, out, _ = b.run("drover", "retry", "s1", "--wait", "--format", "json")
	if got := asData[struct {
		Nodes []string
		End   progress.End
	}](t, out); code != 0 || len(got.Nodes) != 1 || !got.End.OK || got.End.Session != "new" {
		t.Errorf("retry: exit %d %+v", code, got)
	}
}

func TestNodesAreExplainedAsData(t *testing.T) {
	b := newBench(t)
	b.answer = paths(map[string]string{
		"/apis/bos/v2/components/x1000c0s0b0n0":       `{"id": "x", "enabled": false, "error": "no power", "status": {"status": "failed"}}`,
		"/apis/drover/v1/nodes/x1000c0s0b0n0/journal": `[{"node": "x1000c0s0b0n0", "time": "2026-01-02T03:04:05Z", "source": "pcs", "kind": "power", "text": "told to power on", "key": "k"}]`,
		"/apis/smd/hsm/v2/State/Components":           `{"Components": [{"ID": "x1000c0s0b0n0"}, {"ID": "x1000c0s1b0n0"}]}`,
		"/apis/smd/hsm/v2/groups":                     "[]", "/apis/smd/hsm/v2/partitions": "[]",
	})
	type report struct {
		Node, Verdict, Words, Why string
		Advice                    []string
		Journal                   []struct{ Text string }
	}
	for line, n := range map[string]int{"drover explain x1000c0s0b0n0 --format json": 1, "drover explain x1000c0s[0-1]b0n0 --format json": 2} {
		code, out, stderr := b.run(typed(line)...)
		got := asData[struct{ Nodes []report }](t, out)
		if code != 0 || len(got.Nodes) != n || got.Nodes[0].Node != "x1000c0s0b0n0" || got.Nodes[0].Verdict != "failed" || got.Nodes[0].Why != "no power" || got.Nodes[0].Words != "failed." ||
			len(got.Nodes[0].Advice) == 0 || len(got.Nodes[0].Journal) != 1 || got.Nodes[0].Journal[0].Text != "told to power on" {
			t.Errorf("%s: exit %d %s %+v", line, code, stderr, got)
		}
	}
}

func TestDiscoveriesAndConsolesAsData(t *testing.T) {
	b := newBench(t)
	b.answer = paths(map[string]string{
		"/apis/smd/hsm/v2/Inventory/RedfishEndpoints": `{"RedfishEndpoints": [{"ID": "x1c0s0b0", "DiscoveryInfo": {"LastDiscoveryAttempt": "today", "LastDiscoveryStatus": "HTTPsGetFailed", "LastDiscoveryError": "401"}}]}`,
		"/apis/smd/hsm/v2/Inventory/Discover":         "{}", "/apis/smd/hsm/v2/Inventory/EthernetInterfaces": "[]",
		"/apis/smd/hsm/v2/State/Components":        `{"Components": [{"ID": "x1c0s0b0n0"}]}`,
		"/apis/drover/v1/nodes/x1c0s0b0n0/console": `{"lines": ["one", "two"]}`,
		"/apis/smd/hsm/v2/groups":                  "[]", "/apis/smd/hsm/v2/partitions": "[]",
	})
	code, out, _ := b.run(typed("drover discover 10.0.0.1=x1c0s0b0 --password p --format json")...)
	if got := asData[discovery](t, out); code != 1 || len(got.BMCs) != 1 || got.BMCs[0].Status != "HTTPsGetFailed" || got.BMCs[0].Error != "401" || len(got.Nodes) != 1 || len(got.WithoutMAC) != 1 {
		t.Errorf("discover: exit %d %+v", code, got)
	}
	code, out, _ = b.run("drover", "console", "x1c0s0b0n0", "--format", "json")
	if got := asData[struct{ Consoles []consoleOf }](t, out); code != 0 || len(got.Consoles) != 1 || got.Consoles[0].Xname != "x1c0s0b0n0" || len(got.Consoles[0].Lines) != 2 {
		t.Errorf("console: exit %d %+v", code, got)
	}
}

func TestFormatsOfTextAreRefused(t *testing.T) {
	for _, line := range []string{"drover logs s1 --format json", "drover cfs sessions log s1 --format yaml", "drover cfs sessions shell s1 --format json"} {
		b := newBench(t)
		if code, _, stderr := b.run(typed(line)...); code != 2 || !strings.Contains(stderr, "'--format' is not for ") || len(b.calls) > 0 {
			t.Errorf("%s: exit %d %s %q", line, code, stderr, b.calls)
		}
		b.env["CRAY_FORMAT"] = "json"
		line, _, _ = strings.Cut(line, " --format")
		if _, _, stderr := b.run(typed(line)...); strings.Contains(stderr, "'--format' is not for ") {
			t.Errorf("%s with CRAY_FORMAT: %s", line, stderr)
		}
	}
}
