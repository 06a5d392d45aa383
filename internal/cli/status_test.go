package cli

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const standing = `{"time": "2026-01-02T12:00:00Z", "silent": [], "nodes": [
	{"xname": "x1c0s0b0n0", "power": "on", "state": "Ready", "flag": "OK", "status": "stable", "image": "i", "desired_image": "i", "configuration": "site", "configuration_status": "configured"},
	{"xname": "x1c0s1b0n0", "power": "on", "state": "Ready", "flag": "OK", "status": "stable", "image": "i", "desired_image": "i", "configuration": "site", "configuration_status": "configured"},
	{"xname": "x1c0s2b0n0", "power": "off", "state": "Off", "flag": "OK", "status": "failed", "error": "refused\u001b[2J"}]}`

func TestStatusIsOneCall(t *testing.T) {
	b := newBench(t)
	b.answer = paths(map[string]string{"/apis/drover/v1/nodes": standing})
	for line, want := range map[string]string{
		"drover status": `NODES             POWER  STATE  STATUS  IMAGE  CONFIGURATION  SESSION  COUNT  ERROR
x1c0s[0-1]b0n0    on     Ready  stable  i      site           -        2
x1c0s2b0n0        off    Off    failed  -      -              -        1      refused[2J
`,
		"drover status --filter status=failed -o name":              "x1c0s2b0n0\n",
		"drover status -o name --sort-by -power":                    "x1c0s0b0n0\nx1c0s1b0n0\nx1c0s2b0n0\n",
		"drover status -o name --filter status=none":                "",
		"drover status --filter status=none":                        "No nodes.\n",
		"drover status --filter power=off -o csv --sort-by=session": "configuration_status,error\nx1c0s2b0n0,x1,,,,off,",
		"drover status --filter power=off -o json":                  "\"nodes\": [\n    {\n      \"xname\": \"x1c0s2b0n0\"",
		"drover status --filter power=off --format yaml":            "nodes:\n  - xname: x1c0s2b0n0\n",
		"drover status --filter power=off --format toml":            "[[nodes]]\nxname = \"x1c0s2b0n0\"\n",
	} {
		b.calls = nil
		code, out, stderr := b.run(typed(line)...)
		if code != 0 || !strings.Contains(squeezed(out), squeezed(want)) || want == "" && out != "" {
			t.Errorf("%s: exit %d %s\n%s", line, code, stderr, out)
		}
		if len(b.calls) != 1 {
			t.Errorf("%s: calls %q", line, b.calls)
		}
	}
}

// squeezed has one blank where there are several.
func squeezed(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), " ")
	}
	return strings.Join(lines, "\n")
}

func TestStatusOfSomeNodesAsksForThemByName(t *testing.T) {
	b := newBench(t)
	b.answer = paths(map[string]string{"/apis/drover/v1/nodes": standing,
		"/apis/smd/hsm/v2/State/Components": `{"Components": [{"ID": "x1c0s0b0n0", "Role": "Compute"}, {"ID": "x1c0s1b0n0", "Role": "Compute"}]}`,
		"/apis/smd/hsm/v2/groups":           "[]", "/apis/smd/hsm/v2/partitions": "[]"})
	for line, want := range map[string]string{
		"drover status Compute -o name":       "GET /apis/drover/v1/nodes?ids=x1c0s0b0n0%2Cx1c0s1b0n0",
		"drover status X1C0S0B0N0":            "GET /apis/drover/v1/nodes?ids=x1c0s0b0n0",
		"drover status x1c0s0b0n0 x1c0s1b0n0": "GET /apis/drover/v1/nodes?ids=x1c0s0b0n0%2Cx1c0s1b0n0",
	} {
		b.calls = nil
		code, _, stderr := b.run(typed(line)...)
		if code != 0 || b.calls[len(b.calls)-1] != want {
			t.Errorf("%s: exit %d %s, calls %q", line, code, stderr, b.calls)
		}
	}
	if code, _, stderr := b.run(typed("drover status x9c0s0b0n0")...); code != 1 || !strings.Contains(stderr, "no service that gave an answer knows x9c0s0b0n0") {
		t.Errorf("an unknown node: exit %d, %s", code, stderr)
	}
}

func TestStatusRefusesWhatItDoesNotKnow(t *testing.T) {
	b := newBench(t)
	for line, want := range map[string]string{
		"drover status -o xml":                  "Invalid value for '--output': invalid choice: xml.",
		"drover status --filter color=red":      "Invalid value for '--filter': there is no 'color': expected one of xname, rack,",
		"drover status --sort-by color":         "Invalid value for '--sort-by': there is no 'color'",
		"drover status --group-by color":        "Invalid value for '--group-by': invalid choice: color. (choose from rack, image, status)",
		"drover status --group-by rack -o json": "'--group-by' is for tables, not for --output json.",
		"drover status --watch -o json":         "'--watch' is for tables, not for --output json.",
	} {
		if code, _, stderr := b.run(typed(line)...); code != 2 || !strings.Contains(stderr, want) || len(b.calls) > 0 {
			t.Errorf("%s: exit %d, %s, calls %q", line, code, stderr, b.calls)
		}
	}
}

func TestStatusThatIsWatchedIsPrintedAtEachChange(t *testing.T) {
	b := newBench(t)
	looked := make(chan struct{}, 1)
	answers := []string{standing, "", standing, strings.Replace(standing, `"off"`, `"on"`, 1)}
	b.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		if r.URL.Path == "/apis/drover/v1/nodes/events" {
			for {
				fmt.Fprint(w, "data: {}\n\n")
				if http.NewResponseController(w).Flush() != nil {
					return
				}
				select {
				case <-looked:
				case <-r.Context().Done():
					return
				}
			}
		}
		if len(answers) == 0 {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if answers[0] == "" { // a balancer finds no server for a while
			w.WriteHeader(http.StatusBadGateway)
		}
		io.WriteString(w, answers[0]) //nolint:errcheck // the test sees what came
		answers = answers[1:]
		looked <- struct{}{}
	}
	code, out, stderr := b.run("drover", "status", "--watch")
	if code != 2 || !strings.Contains(stderr, "403") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if strings.Count(out, "NODES ") != 2 || strings.Count(out, " off ") != 1 {
		t.Errorf("%s", out)
	}
}
