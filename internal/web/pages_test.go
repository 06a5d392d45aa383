package web

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/explain"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/roster"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

// everyPage is a path of each.
var everyPage = []string{"/", "/nodes", "/nodes?stand=failed", "/nodes/x1000c0s0b0n0", "/nodes/x1000c0s0b0n0/console", "/sessions", "/sessions/bos/b1",
	"/configurations", "/tenants", "/?label=s1", "/?label=s1&host=h0001", "/hosts?name=x1"}

// gatewayOf answers with the text at a path, with its query or without; of what there is not in
// at all it is an empty list, or nothing.
func gatewayOf(at map[string]string) progress.Gateway {
	return progress.Gateway{Missing: func(err error) bool { return fault.KindOf(err) == fault.NotFound }, Get: func(_ context.Context, path string, out any) error {
		text, known := at[path]
		if !known {
			path, _, _ = strings.Cut(path, "?")
			text, known = at[path]
		}
		if !known {
			return fault.New(fault.NotFound, "nothing at %s", path)
		}
		if out == nil {
			return nil
		}
		return json.Unmarshal([]byte(text), out)
	}}
}

// fleetSite has eleven nodes in two cabinets, a boot session of three and one of CFS.
func fleetSite() *site {
	s := &site{hosts: 2, stage: cfs.StageRunning, at: map[string]string{
		"/apis/bos/v2/sessions":                `[{"name": "b1", "operation": "reboot", "template_name": "compute", "limit": "x1000c0s0b0n0,x1000c0s1b0n0,x1000c0s2b0n0", "status": {"status": "running", "start_time": "2030-01-02T11:58:30"}}]`,
		"/apis/bos/v2/sessions?status=pending": `[]`,
		"/apis/bos/v1/session":                 `["old-1"]`,
		"/apis/bos/v2/sessions/b1":             `{"name": "b1", "operation": "reboot", "template_name": "compute", "limit": "x1000c0s0b0n0,x1000c0s1b0n0,x1000c0s2b0n0", "status": {"status": "running", "start_time": "2030-01-02T11:58:30"}}`,
		"/apis/bos/v2/sessions/b1/status":      `{"managed_components_count": 3, "left_out": [{"name": "x1000c9s0b0n0", "reason": "it is locked"}], "left_out_count": 1}`,
		"/apis/bos/v2/components": `[{"id": "x1000c0s0b0n0", "error": "no power", "status": {"status": "failed"}}, {"id": "x1000c0s1b0n0", "status": {"status": "power_on_called"}},
			{"id": "x1000c0s2b0n0", "status": {"status": "stable"}}]`,
		"/apis/cfs/v3/sessions":                       `{"sessions": [{"name": "c1", "configuration": {"name": "site"}, "ansible": {"limit": "x1000c0s2b0n0,x1001c0s0b0n0"}, "status": {"session": {"status": "running"}}}]}`,
		"/apis/cfs/v3/configurations":                 `{"configurations": [{"name": "site", "layers": [{"name": "base", "clone_url": "https://h/r.git", "playbook": "site.yml", "commit": "0123456789abcdef"}]}], "next": {"after_id": "site"}}`,
		"/apis/drover/v1/nodes/x1000c0s0b0n0/console": `{"lines": ["Kernel panic <b>"]}`,
	}}
	for i := range 10 {
		s.nodes = append(s.nodes, roster.Node{Xname: fmt.Sprintf("x1000c0s%db0n0", i), Power: "on", State: "Ready", Status: "stable", Configuration: "site", ConfigStatus: "configured"})
	}
	s.nodes = append(s.nodes, roster.Node{Xname: "x1001c0s0b0n0", Power: "off", Status: "stable", Configuration: "site", ConfigStatus: "pending"}, roster.Node{Xname: "odd"})
	for i, status := range []string{"failed", "power_on_called", "stable"} {
		s.nodes[i].Status, s.nodes[i].Session = status, "b1"
	}
	s.nodes[0].Error, s.nodes[1].Error = "no power of x1000c0s0b0n0", "no power of x1000c0s1b0n0"
	s.facts = func(node string) *explain.Facts {
		c := &explain.Component{Enabled: true, Error: "no power", Session: "b1"}
		c.Status.Status = "failed"
		return &explain.Facts{Node: node, Now: noon, Component: c, Journal: []journal.Entry{
			{Time: noon.Add(-time.Minute), Source: "bos", Kind: "status", Text: "stable -> power_on_called", Key: "1"},
			{Time: noon.Add(-time.Second), Source: "pcs", Kind: "power", Text: "the BMC <i>refused</i>", Failed: true, Key: "2"}}}
	}
	return s
}

// wants has the page say all that.
func wants(t *testing.T, s *site, path string, words ...string) string {
	t.Helper()
	status, text, _ := get(t, s, path)
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s lacks %q", path, w)
		}
	}
	if status != 200 || t.Failed() {
		t.Fatalf("%s: %d\n%s", path, status, text)
	}
	return text
}

func TestTheFirstPageShowsTheFleetAndWhatIsWrong(t *testing.T) {
	s := fleetSite()
	s.silent = []roster.Silence{{Service: roster.PCS, Error: "503 away"}}
	text := wants(t, s, "/", "as of", "12:00:00", "PCS gives no answer", `<a href="/nodes/x1000c0s0b0n0" class=f aria-label="x1000c0s0b0n0 failed">`, `aria-label="x1001c0s0b0n0 off"`,
		`data-codes="umfssss`[:12], "1 failed</a>", "no power of NODE", "x1000c0s[0-1]b0n0", `href="/sessions/bos/b1"`, `aria-label="succeeded 1, failed 1, powering on 1"`,
		`href="/?label=c1"`, `aria-label="configured 1, pending 1"`, `data-events="/apis/drover/v1/events"`)
	names := regexp.MustCompile(`data-names="([^"]+)"`).FindStringSubmatch(text)[1]
	again := wants(t, s, "/?names="+names, `data-codes="`)
	if strings.Contains(again, "x1001c0s0b0n0") {
		t.Error("a browser that has the racks gets them again")
	}
	s.nodes = s.nodes[1:]
	if text := wants(t, s, "/?names="+names); !strings.Contains(text, `class=rack`) {
		t.Error("a browser that has other racks does not get them")
	}
}

func TestABootSessionIsShownByPhaseWithWhatWentWrong(t *testing.T) {
	wants(t, fleetSite(), "/sessions/bos/b1", "session b1 is running after 0:01:30", `data-events="/apis/drover/v1/sessions/b1/events"`, `aria-label="powering on 1"`,
		"called 1", "left out", "it is locked", "no power", `href="/nodes/x1000c0s0b0n0"`, "still powering on", ">x1000c0s[0-2]b0n0</dd>", "drover cancel b1")
	s := fleetSite()
	s.at["/apis/bos/v2/sessions/b1"] = strings.Replace(s.at["/apis/bos/v2/sessions/b1"], "running", "complete", 1)
	if text := wants(t, s, "/sessions/bos/b1", "drover retry b1"); strings.Contains(text, "data-events") {
		t.Error("a session that is over is followed")
	}
}

func TestANodeIsExplained(t *testing.T) {
	wants(t, fleetSite(), "/nodes/X1000C0S0B0N0", "x1000c0s0b0n0 failed.", `class="state verdict failed"`, "no power", "stable -&gt; power on called", "&#43;59s", "the BMC &lt;i&gt;refused", "What to do", `href="/sessions/bos/b1"`)
	wants(t, fleetSite(), "/nodes/x1000c0s0b0n0/console", "Kernel panic &lt;b&gt;", `data-every="5"`)
}

func TestNodesThatStandAlikeShareALine(t *testing.T) {
	text := wants(t, fleetSite(), "/nodes?stand=stable", "8 nodes", "x1000c0s[3-9]b0n0")
	if strings.Contains(text, "x1001c0s0b0n0") {
		t.Error("one that is off is among those that are stable")
	}
	wants(t, fleetSite(), "/nodes?filter=status%3Dfailed+x1000c0*", "1 node;", "no power of x1000c0s0b0n0")
}

func TestConfigurationsNameTheirCommitsAndNodes(t *testing.T) {
	wants(t, fleetSite(), "/configurations", "0123456789abcdef", "site.yml", "x1000c0s[0-9]b0n0", ">configured<", ">pending<", "/configurations?after=site")
}

func TestSessionsOfAllKindsAreListed(t *testing.T) {
	wants(t, fleetSite(), "/sessions", `href="/sessions/bos/b1"`, ">x1000c0s[0-2]b0n0</td>", `href="/sessions/bos/old-1"`, `href="/?label=s1"`)
	wants(t, &site{}, "/sessions", "BOS: nothing at /apis/bos/v2/sessions", `href="/?label=s1"`)
}

// Results are told by host and task; hosts that fared alike share a line.
func TestTasksByHost(t *testing.T) {
	var m matrix
	result := func(host, name string, status cfs.Outcome) cfs.TaskResult {
		return cfs.TaskResult{Host: host, Task: name, Play: "p", Status: status}
	}
	m.fill([]cfs.TaskResult{result("x1c0s0b0n0", "one", "ok"), result("x1c0s1b0n0", "one", "ok"), result("x1c0s2b0n0", "one", "unreachable"), result("x1c0s0b0n0", "one", "changed"), result("x1c0s1b0n0", "one", "changed")},
		[]string{"x1c0s2b0n0", "x1c0s1b0n0", "x1c0s0b0n0"})
	if len(m.Tasks) != 2 || len(m.Lines) != 2 || m.Lines[0].Host != "x1c0s2b0n0" || m.Lines[1].Folded != "x1c0s[0-1]b0n0" || m.Lines[1].Count != 2 {
		t.Fatalf("%+v", m)
	}
	if got := fmt.Sprint(m.Lines[0].Cells[0].Mark(), m.Lines[0].Cells[1].Mark(), m.Lines[1].Cells[1].Words); got != "!one: changed" && got != "! one: changed" {
		t.Error(got)
	}
}

func TestPartsOfABarStandSideBySide(t *testing.T) {
	got := fmt.Sprint(newBar(8, piece{"a", "good", 2}, piece{"b", "bad", 0}, piece{"c", "ugly", 5}), newBar(0, piece{"a", "good", 0}))
	if want := "{good 2, ugly 5 [{a 0.00% 25.00%} {c 25.00% 62.50%}]} { []}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Which task failed a node is asked once for each time that it fails.
func TestNodesThatFailedByTheSameTaskAreOneProblem(t *testing.T) {
	asked := 0
	s := fleetSite()
	s.at["/apis/cfs/v3/components"] = `{"components": [{"state": [{"status": "failed", "session_name": "c1"}]}]}`
	s.at["/apis/cfs/v3/sessions/c1/results"] = `{"results": [{"host": "x1000c0s3b0n0", "task": "mount", "status": "failed", "message": "no disk for x1000c0s3b0n0"},
		{"host": "x1000c0s4b0n0", "task": "mount", "status": "failed", "message": "no disk for x1000c0s4b0n0"}]}`
	gateway := gatewayOf(s.at)
	get := gateway.Get
	gateway.Get = func(ctx context.Context, path string, out any) error { asked++; return get(ctx, path, out) }
	c := causes{gateway: gateway}
	for i, at := range []time.Time{noon, noon, noon.Add(time.Second)} {
		nodes := append([]roster.Node(nil), s.nodes[3:5]...)
		for k := range nodes {
			nodes[k].Status, nodes[k].Error, nodes[k].Since = "failed", progress.ConfigurationFailed, &at
		}
		c.say(t.Context(), noon, nodes)
		if nodes[0].Error != nodes[1].Error || nodes[0].Error != progress.ConfigurationFailed+": task 'mount' failed: no disk for this node" {
			t.Errorf("%q, %q", nodes[0].Error, nodes[1].Error)
		}
		if want := []int{2, 2, 4}[i]; asked != want {
			t.Errorf("asked %d times, want %d", asked, want)
		}
	}
}

// CFS tells of a task after the node failed: a reason that is not known yet is asked for
// again, ever more seldom.
func TestReasonsThatComeLaterAreTold(t *testing.T) {
	asked := 0
	s := fleetSite()
	gateway := gatewayOf(s.at)
	get := gateway.Get
	gateway.Get = func(ctx context.Context, path string, out any) error { asked++; return get(ctx, path, out) }
	c := causes{gateway: gateway}
	at := func(second int) string {
		node := roster.Node{Xname: "x1000c0s3b0n0", Error: progress.ConfigurationFailed, Since: &noon}
		nodes := []roster.Node{node}
		c.say(t.Context(), noon.Add(time.Duration(second)*time.Second), nodes)
		return nodes[0].Error
	}
	for _, one := range []struct{ second, asked int }{{0, 1}, {1, 2}, {2, 3}, {3, 3}, {4, 4}, {7, 4}, {8, 5}, {10_000, 6}, {10_299, 6}, {10_300, 7}} {
		if why := at(one.second); asked != one.asked || why != progress.ConfigurationFailed {
			t.Errorf("after %d s: asked %d times, want %d; %s", one.second, asked, one.asked, why)
		}
	}
	s.at["/apis/cfs/v3/components"] = `{"components": [{"state": [{"status": "failed", "session_name": "c1"}]}]}`
	s.at["/apis/cfs/v3/sessions/c1/results"] = `{"results": [{"host": "x1000c0s3b0n0", "task": "mount", "status": "failed", "message": "no disk"}]}`
	for _, second := range []int{11_000, 99_000} {
		if why := at(second); why != progress.ConfigurationFailed+": task 'mount' failed: no disk" {
			t.Error(why)
		}
	}
	if asked != 9 {
		t.Errorf("asked %d times", asked)
	}
}

// Browsers that are told of the same change are answered by the same look, and never by
// one that began before.
func TestBrowsersShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		f := newFleet(func(context.Context) (*roster.Answer, error) {
			looks++
			time.Sleep(time.Second) // virtual time
			return &roster.Answer{Nodes: []roster.Node{{Xname: fmt.Sprintf("x1c0s%db0n0", looks)}}}, nil
		}, progress.Gateway{})
		first := make(chan string, 1)
		others := make(chan string, 5)
		ask := func(to chan string) {
			s, err := f.now(t.Context())
			if err != nil {
				t.Error(err)
			}
			if in := s.layout.racks[0].chassis[0].slots[0].nodes[0]; in != s.Nodes[0].Xname {
				t.Errorf("%s is in the racks, not %s", in, s.Nodes[0].Xname)
			}
			to <- s.Nodes[0].Xname
		}
		go ask(first)
		synctest.Wait() // it looks
		for range 5 {
			go ask(others)
		}
		if got := <-first; got != "x1c0s1b0n0" {
			t.Error(got)
		}
		for range 5 {
			if got := <-others; got != "x1c0s2b0n0" {
				t.Error(got)
			}
		}
		if looks != 2 {
			t.Errorf("%d looks", looks)
		}
	})
}
