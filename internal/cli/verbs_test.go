package cli

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// fleet answers as services with four nodes do: the first two were booted by
// template compute, the third by uan, the fourth by nobody. More is what else is at
// paths, or is answered to a method.
func fleet(more map[string]string) func(http.ResponseWriter, *http.Request, string) {
	all := []string{"x1c0s0b0n0", "x1c0s1b0n0", "x1c0s2b0n0", "x1c0s3b0n0"}
	var hsm []string
	sessions := []string{"s1", "s2", "s3", "gone"}
	for _, n := range all {
		hsm = append(hsm, `{"ID": "`+n+`", "Role": "Compute"}`)
	}
	texts := map[string]string{
		"/apis/smd/hsm/v2/State/Components":     `{"Components": [` + strings.Join(hsm, ",") + `]}`,
		"/apis/smd/hsm/v2/groups":               "[]",
		"/apis/smd/hsm/v2/partitions":           "[]",
		"/apis/bos/v2/sessions/s1":              `{"template_name": "compute"}`,
		"/apis/bos/v2/sessions/s2":              `{"template_name": "compute"}`,
		"/apis/bos/v2/sessions/s3":              `{"template_name": "uan"}`,
		"/apis/bos/v2/sessiontemplates":         `[{"name": "compute"}, {"name": "uan"}]`,
		"/apis/bos/v2/sessiontemplates/compute": "{}",
		"/apis/bos/v2/sessiontemplates/uan":     "{}",
		"/apis/cfs/v3/configurations/site":      "{}",
	}
	for path, text := range more {
		texts[path] = text
	}
	return func(w http.ResponseWriter, r *http.Request, body string) {
		if r.URL.Path == rosterPath && texts[rosterPath] == "" {
			var list []string
			for i, n := range all {
				if ids := r.URL.Query().Get("ids"); strings.Contains(ids, n) {
					list = append(list, `{"xname": "`+n+`", "session": "`+sessions[i]+`", "configuration": "site", "configuration_status": "configured"}`)
				}
			}
			io.WriteString(w, `{"nodes": [`+strings.Join(list, ",")+`]}`)
			return
		}
		cancelled(texts)(w, r, body)
	}
}

func TestBootVerbsStartSessions(t *testing.T) {
	for line, want := range map[string]struct{ body, out string }{
		"drover boot x1c0s[0-1]b0n0": {`{"operation":"boot","template_name":"compute","limit":"x1c0s0b0n0,x1c0s1b0n0"}`,
			"session new: boot of 2 nodes (x1c0s[0-1]b0n0) by template compute\nNext: drover watch new follows it, drover cancel new ends it\n"},
		"drover reboot x1c0s2b0n0 --name again": {`{"name":"again","operation":"reboot","template_name":"uan","limit":"x1c0s2b0n0"}`,
			"session new: reboot of 1 node (x1c0s2b0n0) by template uan\n"},
		"drover off Compute --template uan": {`{"operation":"shutdown","template_name":"uan","limit":"x1c0s0b0n0,x1c0s1b0n0,x1c0s2b0n0,x1c0s3b0n0"}`,
			"session new: shutdown of 4 nodes (x1c0s[0-3]b0n0) by template uan\n"},
		"drover boot X1C0S0B0N0 --format json": {`{"operation":"boot","template_name":"compute","limit":"x1c0s0b0n0"}`, "{\n  \"name\": \"new\""},
	} {
		b := newBench(t)
		b.answer = fleet(map[string]string{"POST": `{"name": "new"}`})
		code, out, stderr := b.run(typed(line)...)
		if call := "POST /apis/bos/v2/sessions " + want.body; code != 0 || b.calls[len(b.calls)-1] != call || !strings.HasPrefix(out, want.out) {
			t.Errorf("%s: exit %d %s\n%s%q", line, code, stderr, out, b.calls[len(b.calls)-1])
		}
	}
}

func TestBootVerbsTakeOtherImages(t *testing.T) {
	const started = `{"session": "new", "plan": {}}`
	for line, want := range map[string]struct{ call, out string }{
		"drover boot x1c0s[0-1]b0n0 --image compute-9 --desired-config site": {
			`POST /apis/drover/v1/sessions {"operation":"boot","template_name":"compute","image":"compute-9","configuration":"site","limit":"x1c0s0b0n0,x1c0s1b0n0"}`,
			"session new: boot of 2 nodes (x1c0s[0-1]b0n0) by template compute with image compute-9 and configuration site\n"},
		"drover reboot x1c0s2b0n0 --desired-config site": {
			`POST /apis/drover/v1/sessions {"operation":"reboot","template_name":"uan","configuration":"site","limit":"x1c0s2b0n0"}`,
			"session new: reboot of 1 node (x1c0s2b0n0) by template uan with configuration site\n"},
	} {
		b := newBench(t)
		b.answer = fleet(map[string]string{"POST": started, "/apis/bos/v2/sessions/new": `{"name": "new"}`})
		code, out, stderr := b.run(typed(line)...)
		if code != 0 || !slices.Contains(b.calls, want.call) || !strings.HasPrefix(out, want.out) {
			t.Errorf("%s: exit %d %s%s\n%q", line, code, out, stderr, b.calls)
		}
	}
	b := newBench(t)
	b.answer = fleet(map[string]string{"/apis/bos/v2/sessiontemplates": `[]`, "POST": started, "/apis/bos/v2/sessions/new": `{"name": "new"}`})
	if code, out, stderr := b.run("drover", "boot", "x1c0s3b0n0", "--image", "compute-9"); code != 0 || !strings.HasPrefix(out, "session new: boot of 1 node (x1c0s3b0n0) with image compute-9\n") {
		t.Errorf("no template: exit %d %s%s", code, out, stderr)
	}
	for _, line := range []string{"drover boot x1c0s0b0n0 --desired-config none", "drover off x1c0s0b0n0 --image compute-9", "drover boot x1c0s[0-2]b0n0 --image compute-9"} {
		b := newBench(t)
		b.answer = fleet(nil)
		if code, out, _ := b.run(typed(line)...); code == 0 || strings.Contains(strings.Join(b.calls, " "), "POST") {
			t.Errorf("%s: exit %d %s%q", line, code, out, b.calls)
		}
	}
}

func TestBootVerbsRefuseToGuess(t *testing.T) {
	for line, want := range map[string]string{
		"drover boot x1c0s[0-2]b0n0":   "Missing option '--template': the nodes do not say which is meant (x1c0s[0-1]b0n0 booted last by compute; x1c0s2b0n0 booted last by uan).",
		"drover reboot x1c0s[1,3]b0n0": "(x1c0s3b0n0 in no session whose template there is; x1c0s1b0n0 booted last by compute).",
		"drover off x1c0s9b0n0":        "HSM does not know x1c0s9b0n0",
		"drover boot nosuch":           "HSM does not know nosuch",
		"drover boot":                  "Missing argument 'NODES'.",
	} {
		b := newBench(t)
		b.answer = fleet(nil)
		code, _, stderr := b.run(typed(line)...)
		if code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d %s", line, code, stderr)
		}
		for _, call := range b.calls {
			if !strings.HasPrefix(call, "GET ") {
				t.Errorf("%s: %s", line, call)
			}
		}
	}
	b := newBench(t)
	b.answer = fleet(map[string]string{"/apis/bos/v2/sessiontemplates": `[{"name": "only"}]`, "POST": `{"name": "new"}`})
	if code, out, stderr := b.run("drover", "boot", "x1c0s3b0n0"); code != 0 || !strings.Contains(out, "by template only\n") {
		t.Errorf("the only template: exit %d %s%s", code, stderr, out)
	}
	b.answer = fleet(map[string]string{"/apis/bos/v2/sessiontemplates": `[]`})
	if code, _, stderr := b.run("drover", "boot", "x1c0s3b0n0"); code != 1 || !strings.Contains(stderr, "there is no session template") {
		t.Errorf("no template: exit %d %s", code, stderr)
	}
}

func TestConfigureChangesComponents(t *testing.T) {
	for line, want := range map[string]string{
		"drover configure x1c0s0b0n0":                       `PATCH /apis/cfs/v3/components [{"id":"x1c0s0b0n0","state":[],"error_count":0,"enabled":true}]`,
		"drover configure x1c0s0b0n0 --desired-config site": `PATCH /apis/cfs/v3/components [{"id":"x1c0s0b0n0","desired_config":"site","error_count":0,"enabled":true}]`,
	} {
		b := newBench(t)
		b.answer = fleet(map[string]string{"PATCH": "{}"})
		code, out, stderr := b.run(typed(line)...)
		if code != 0 || b.calls[len(b.calls)-1] != want || !strings.HasSuffix(out, "Next: drover status x1c0s0b0n0\n") {
			t.Errorf("%s: exit %d %s\n%s%q", line, code, stderr, out, b.calls[len(b.calls)-1])
		}
	}
	b := newBench(t)
	b.answer = fleet(map[string]string{"PATCH": `{"component_ids": ["x1c0s0b0n0"]}`})
	if _, out, _ := b.run("drover", "configure", "x1c0s0b0n0", "--format", "yaml"); out != "component_ids:\n  - x1c0s0b0n0\n" {
		t.Errorf("as YAML: %s", out)
	}
	bare := map[string]string{rosterPath: `{"nodes": [{"xname": "x1c0s0b0n0"}]}`}
	for line, want := range map[string]string{
		"drover configure x1c0s0b0n0":                       "Missing option '--desired-config': x1c0s0b0n0 should have no configuration.",
		"drover configure x1c0s0b0n0 --desired-config none": "no such thing",
	} {
		b := newBench(t)
		b.answer = fleet(bare)
		if code, _, stderr := b.run(typed(line)...); code != 2 || !strings.Contains(stderr, want) || strings.Contains(strings.Join(b.calls, ""), "PATCH") {
			t.Errorf("%s: exit %d %s %q", line, code, stderr, b.calls)
		}
	}
}

func TestConfigureWaits(t *testing.T) {
	for status, want := range map[string]struct {
		code int
		out  string
	}{"configured": {0, "configured 1, pending 0, failed 0\n"}, "failed": {3, "configured 0, pending 0, failed 1\n"}, "pending": {124, "configured 0, pending 1, failed 0\n"}} {
		b := newBench(t)
		b.answer = fleet(map[string]string{"PATCH": "{}", rosterPath: `{"nodes": [{"xname": "x1c0s0b0n0", "configuration": "site", "configuration_status": "` + status + `"}]}`})
		code, out, stderr := b.run("drover", "configure", "x1c0s0b0n0", "--wait", "--timeout", "300ms")
		if code != want.code || !strings.HasSuffix(out, want.out) || code != 0 && !strings.Contains(stderr, "x1c0s0b0n0") {
			t.Errorf("%s: exit %d %s\n%s", status, code, stderr, out)
		}
	}
}

func TestPowerVerbs(t *testing.T) {
	started := `{"transitionID": "t1", "operation": "Off"}`
	for line, operation := range map[string]string{"drover power on x1c0s0b0n0": "on", "drover power off x1c0s0b0n0": "off", "drover power reset x1c0s0b0n0": "hard-restart"} {
		b := newBench(t)
		b.answer = fleet(map[string]string{"POST": started})
		code, out, stderr := b.run(typed(line)...)
		if want := `POST /apis/power-control/v1/transitions {"location":[{"xname":"x1c0s0b0n0"}],"operation":"` + operation + `"}`; code != 0 || b.calls[len(b.calls)-1] != want ||
			!strings.HasPrefix(out, "transition t1: Off of 1 node (x1c0s0b0n0)\nNext: drover power transition describe t1 ") {
			t.Errorf("%s: exit %d %s\n%s%q", line, code, stderr, out, b.calls[len(b.calls)-1])
		}
	}
	for tasks, want := range map[string]struct {
		status string
		code   int
		out    string
	}{
		`{"xname": "x1c0s0b0n0", "taskStatus": "succeeded"}`:                         {"completed", 0, "succeeded 1, under way 0, failed 0\n"},
		`{"xname": "x1c0s0b0n0", "taskStatus": "failed", "error": "no\u001b power"}`: {"completed", 3, "failed x1c0s0b0n0: no power\n"},
		`{"xname": "x1c0s0b0n0", "taskStatus": "in-progress"}`:                       {"in-progress", 124, "succeeded 1, under way 0, failed 0\n"},
	} {
		b := newBench(t)
		b.answer = fleet(map[string]string{"POST": started, "/apis/power-control/v1/transitions/t1": `{"transitionStatus": "` + want.status + `", "taskCounts": {"succeeded": 1}, "tasks": [` + tasks + `]}`})
		if code, out, stderr := b.run("drover", "power", "off", "x1c0s0b0n0", "-w", "--timeout", "300ms"); code != want.code || !strings.HasSuffix(out, want.out) {
			t.Errorf("%s: exit %d %s\n%s", tasks, code, stderr, out)
		}
	}
	b := newBench(t)
	if code, _, _ := b.run("cray", "power", "off", "x1c0s0b0n0"); code != 2 {
		t.Errorf("under the name cray: exit %d", code)
	}
}

func TestPowerStatusFoldsNodesThatAreAlike(t *testing.T) {
	const path = "/apis/power-control/v1/power-status"
	status := `{"status": [{"xname": "x1c0s2b0n0", "powerState": "undefined", "managementState": "unavailable", "error": "x1c0s2b0n0 is\u001b mute", "supportedPowerTransitions": null},
		{"xname": "x1c0s1b0n0", "powerState": "on", "managementState": "available", "error": ""}, {"xname": "x1c0s0b0n0", "powerState": "on", "managementState": "available", "error": ""}]}`
	b := newBench(t)
	b.answer = fleet(map[string]string{"POST": status, path: status})
	code, out, stderr := b.run("drover", "power", "status", "x1c0s[0-2]b0n0")
	want := `NODES           POWER      BMC          COUNT  ERROR
x1c0s[0-1]b0n0  on         available    2
x1c0s2b0n0      undefined  unavailable  1      x1c0s2b0n0 is mute
`
	if call := `POST ` + path + ` {"xname":["x1c0s0b0n0","x1c0s1b0n0","x1c0s2b0n0"]}`; code != 0 || out != want || b.calls[len(b.calls)-1] != call {
		t.Errorf("exit %d %s\n%s%q", code, stderr, out, b.calls)
	}
	if _, out, _ = b.run("drover", "power", "status", "x1c0s0b0n0", "--format", "yaml"); !strings.HasPrefix(out, "status:\n  - xname: x1c0s2b0n0\n    powerState: undefined\n") {
		t.Errorf("as YAML: %s", out)
	}
	b.calls = nil
	if code, _, _ = b.run("drover", "power", "status"); code != 0 || len(b.calls) != 1 || b.calls[0] != "POST "+path+" {}" {
		t.Errorf("all: exit %d %q", code, b.calls)
	}
	b.calls = nil
	if code, _, stderr = b.run("drover", "power", "status", "lst"); code != 2 || !strings.Contains(stderr, "HSM does not know lst") {
		t.Errorf("an unknown name: exit %d %s", code, stderr)
	}
	for line, call := range map[string]string{"drover power status list --powerfilter on": "GET " + path + "?powerStateFilter=on", "cray power status describe x1": "GET " + path + "?xname=x1"} {
		b.calls = nil
		if code, _, stderr := b.run(typed(line)...); code != 0 || b.calls[0] != call {
			t.Errorf("%s: exit %d %s %q", line, code, stderr, b.calls)
		}
	}
	if code, _, _ := b.run("cray", "power", "status", "x1c0s0b0n0"); code != 2 {
		t.Errorf("under the name cray: exit %d", code)
	}
	if _, out, _ := b.run("drover", "power", "status", "--help"); !strings.HasPrefix(out, "Usage: drover power status [OPTIONS] [NODES]...\n") || !strings.Contains(out, "describe") {
		t.Errorf("help: %s", out)
	}
}

// While another server takes the place of the one that was asked, a wait goes on.
func TestWaitsOutliveAServer(t *testing.T) {
	b := newBench(t)
	answers := fleet(map[string]string{"POST": `{"transitionID": "t1", "operation": "On"}`,
		"/apis/power-control/v1/transitions/t1": `{"transitionID": "t1", "transitionStatus": "completed", "taskCounts": {"succeeded": 1}}`})
	var away []int
	b.answer = func(w http.ResponseWriter, r *http.Request, body string) {
		if strings.HasSuffix(r.URL.Path, "/t1") && len(away) > 0 {
			w.WriteHeader(away[0])
			away = away[1:]
			return
		}
		answers(w, r, body)
	}
	for _, c := range []struct {
		away []int
		code int
	}{{[]int{http.StatusBadGateway, http.StatusServiceUnavailable}, 0}, {[]int{http.StatusForbidden}, 2}} {
		away = c.away
		if code, out, stderr := b.run("drover", "power", "on", "x1c0s0b0n0", "--wait"); code != c.code || len(away) > 0 {
			t.Errorf("after %v: exit %d %s %s", c.away, code, out, stderr)
		}
	}
}
