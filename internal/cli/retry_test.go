package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// ended answers as a server with the boot session s1, which is complete: of its six
// nodes one failed and is its still, one is well, v1 has one that failed, and session s2
// has three, of which BOS names two as failed. More is what else there is.
func ended(more map[string]string) func(http.ResponseWriter, *http.Request, string) {
	texts := map[string]string{
		"/apis/bos/v2/sessions/s1": `{"name": "s1", "operation": "reboot", "template_name": "compute", "include_disabled": true, "components": "x1c0s0b0n0,x1c0s1b0n0,x1c0s2b0n0,x1c0s3b0n0,x1c0s4b0n0,x1c0s5b0n0",
			"status": {"status": "complete", "start_time": "2026-01-02T03:04:05", "error": null}}`,
		"/apis/bos/v2/sessions/s1/status": `{"managed_components_count": 6, "percent_successful": 0.0, "percent_failed": 100.0,
			"error_summary": {"no power": {"count": 6, "list": "x1c0s0b0n0,x1c0s1b0n0,x1c0s2b0n0,x1c0s3b0n0,x1c0s4b0n0..."}}}`,
		"/apis/bos/v2/components?session=s1": `[{"id": "x1c0s0b0n0", "session": "s1", "error": "no power", "status": {"status": "failed"}},
			{"id": "x1c0s1b0n0", "session": "s1", "status": {"status": "stable"}},
			{"id": "x1c0s2b0n0", "session": "s1", "v1_session": "id-1", "status": {"status": "failed"}}]`,
		"/apis/bos/v2/components?ids=x1c0s3b0n0,x1c0s4b0n0": `[{"id": "x1c0s3b0n0", "session": "s2", "status": {"status": "stable"}}, {"id": "x1c0s4b0n0", "session": "", "status": {"status": "stable"}}]`,
		"POST": `{"name": "new"}`,
	}
	for path, text := range more {
		texts[path] = text
	}
	return func(w http.ResponseWriter, r *http.Request, body string) {
		for _, q := range []string{"session", "ids", "status"} {
			if text := texts[r.URL.Path+"?"+q+"="+r.URL.Query().Get(q)]; text != "" && r.Method == http.MethodGet {
				io.WriteString(w, text)
				return
			}
		}
		cancelled(texts)(w, r, body)
	}
}

func TestRetryTakesWhatFailedAndNobodyElseHas(t *testing.T) {
	b := newBench(t)
	b.answer = ended(nil)
	code, out, stderr := b.run("drover", "retry", "s1")
	want := `left out x1c0s1b0n0: it counts as failed no more: it is stable
left out x1c0s4b0n0: no session has it: somebody changed it by hand
left out x1c0s2b0n0: session id-1 of BOS v1 has it
left out x1c0s3b0n0: session s2 has it
left out 1 more that failed: other sessions have them, and BOS kept only ten names for an error
session new: reboot of 1 node (x1c0s0b0n0) by template compute
Next: drover watch new follows it, drover cancel new ends it
`
	if code != 0 || out != want {
		t.Errorf("exit %d %s\n%s", code, stderr, out)
	}
	if call := `POST /apis/bos/v2/sessions {"operation":"reboot","template_name":"compute","limit":"x1c0s0b0n0","include_disabled":true}`; b.calls[len(b.calls)-1] != call {
		t.Errorf("calls %q", b.calls)
	}
	_, out, _ = b.run("drover", "retry", "s1", "--name", "again", "--format", "json")
	var told retried
	if err := json.Unmarshal([]byte(out), &told); err != nil || told.Session != "s1" || told.Unnamed != 1 || len(told.LeftOut) != 4 || !slices.Equal(told.Nodes, []string{"x1c0s0b0n0"}) || told.Started == nil {
		t.Errorf("%v %+v\n%s", err, told, out)
	}
	if call := b.calls[len(b.calls)-1]; !strings.Contains(call, `"name":"again"`) {
		t.Errorf("call %s", call)
	}
}

func TestRetryOfWhatDidNotFailOrGoesOn(t *testing.T) {
	session := func(status, more string) string {
		return `{"name": "s1", "operation": "boot", "template_name": "compute", "limit": "Compute,!x1", "status": {"status": "` + status + `"` + more + `}}`
	}
	const path, components = "/apis/bos/v2/sessions/s1", "/apis/bos/v2/components?session=s1"
	stable := `[{"id": "x1c0s0b0n0", "status": {"status": "stable"}}]`
	for name, c := range map[string]struct {
		texts map[string]string
		code  int
		words string
	}{
		"nothing failed":    {map[string]string{path: session("complete", ""), components: stable, path + "/status": "{}"}, 0, "session s1: nothing failed, there is nothing to retry\n"},
		"it runs":           {map[string]string{path: session("running", ""), components: stable}, 2, "session s1 is running: what fails in it can be retried when it is complete. `drover watch s1` follows it"},
		"failed as a whole": {map[string]string{path: session("complete", `, "error": "no image"`), components: "[]", path + "/status": "{}"}, 1, "failed before it came to any node: no image\nWhen the cause is gone: drover bos v2 sessions create --template-name compute --operation boot --limit 'Compute,!x1'"},
		"others have all":   {map[string]string{components: "[]", "/apis/bos/v2/components?ids=x1c0s0b0n0,x1c0s1b0n0,x1c0s2b0n0,x1c0s3b0n0,x1c0s4b0n0": "[]"}, 0, "session s1: nothing else failed, there is nothing to retry\n"},
		"one of BOS v1":     {map[string]string{path: "", "/apis/bos/v1/session/s1": "{}"}, 2, "is one of BOS v1, which is not retried"},
		"none":              {map[string]string{path: ""}, 2, "neither BOS nor CFS has a session s1"},
	} {
		b := newBench(t)
		b.answer = ended(c.texts)
		if c.texts[path] == "" && name != "others have all" {
			b.answer = cancelled(map[string]string{"/apis/bos/v1/session/s1": c.texts["/apis/bos/v1/session/s1"]})
			if c.texts["/apis/bos/v1/session/s1"] == "" {
				b.answer = cancelled(nil)
			}
		}
		code, out, stderr := b.run("drover", "retry", "s1")
		if code != c.code || !strings.Contains(out+stderr, c.words) || slices.ContainsFunc(b.calls, func(c string) bool { return strings.HasPrefix(c, "POST") }) {
			t.Errorf("%s: exit %d %s%s\n%q", name, code, stderr, out, b.calls)
		}
	}
}

func TestRetryOfASessionOfCFS(t *testing.T) {
	const path = "/apis/cfs/v3/sessions/night"
	old := func(target, succeeded string) string {
		return `{"name": "night", "configuration": {"name": "site", "limit": "0"}, "ansible": {"config": "cfg", "limit": "x1c0s0b0n0,x1c0s1b0n0", "verbosity": 2, "passthrough": ""}, "tags": {"a": "b"},
			"target": ` + target + `, "status": {"session": {"status": "complete", "succeeded": "` + succeeded + `"}}}`
	}
	hosts := `{"hosts": [{"host": "x1c0s0b0n0", "ok": 3, "failed": 1}, {"host": "x1c0s1b0n0", "unreachable": 1}, {"host": "x1c0s2b0n0", "ok": 4}]}`
	dynamic, image := `{"definition": "dynamic", "groups": [], "image_map": []}`, `{"definition": "image", "groups": [{"name": "g", "members": ["i2", "i1"]}], "image_map": []}`
	idle := map[string]string{path + "/hosts": hosts, "/apis/cfs/v3/sessions": `{"sessions": []}`, "POST": `{"name": "new", "configuration": {"name": "site"}}`}
	for name, c := range map[string]struct {
		more  map[string]string
		code  int
		words string
		call  string // what it holds
	}{
		"hosts": {map[string]string{path: old(dynamic, "false")}, 0, "session new: configuration site on 2 nodes (x1c0s[0-1]b0n0)\nNext: drover logs -f new follows it",
			`"ansible_config":"cfg","ansible_limit":"x1c0s0b0n0,x1c0s1b0n0","ansible_verbosity":2,"configuration_limit":"0","configuration_name":"site"`},
		"another has one": {map[string]string{path: old(dynamic, "false"), "/apis/cfs/v3/sessions?status=running": `{"sessions": [{"name": "batch", "ansible": {"limit": "x1c0s1b0n0"}}, {"name": "make", "target": {"definition": "image"}}]}`}, 0,
			"left out x1c0s1b0n0: session batch configures it\nsession new: configuration site on 1 node (x1c0s0b0n0)\n", `"ansible_limit":"x1c0s0b0n0"`},
		"another has all": {map[string]string{path: old(dynamic, "false"), "/apis/cfs/v3/sessions?status=pending": `{"sessions": [{"name": "all", "ansible": {"limit": null}}]}`}, 0,
			"left out x1c0s[0-1]b0n0: session all configures it\nsession night: nothing else failed", ""},
		"images":            {map[string]string{path: old(image, "false")}, 0, "configuration site on 2 images (i1, i2)\n", `"groups":[{"name":"g","members":["i2","i1"]}]`},
		"images that are":   {map[string]string{path: old(image, "true")}, 0, "nothing failed", ""},
		"all is well":       {map[string]string{path: old(dynamic, "true"), path + "/hosts": `{"hosts": []}`}, 0, "nothing failed", ""},
		"failed as a whole": {map[string]string{path: old(dynamic, "false"), path + "/hosts": `{"hosts": []}`, path + "/log": `{"message": "no clone"}`}, 1, "came to any node: no clone\nWhen the cause is gone: drover cfs v3 sessions create --name NAME --configuration-name site --ansible-limit x1c0s0b0n0,x1c0s1b0n0", ""},
		"it runs":           {map[string]string{path: strings.Replace(old(dynamic, "none"), "complete", "running", 1)}, 2, "session night is running", ""},
	} {
		b := newBench(t)
		texts := map[string]string{}
		for _, m := range []map[string]string{idle, c.more} {
			for k, v := range m {
				texts[k] = v
			}
		}
		b.answer = ended(texts)
		code, out, stderr := b.run("drover", "retry", "night")
		var post string
		for _, call := range b.calls {
			if strings.HasPrefix(call, "POST /apis/cfs/v3/sessions {") {
				post = call
			}
		}
		if code != c.code || !strings.Contains(out+stderr, c.words) || (post == "") != (c.call == "") || !strings.Contains(post, c.call) {
			t.Errorf("%s: exit %d %s%s\n%s", name, code, stderr, out, post)
		}
	}
}

func TestRetryOfASessionOfCFSWaits(t *testing.T) {
	for succeeded, code := range map[string]int{"true": 0, "false": 1} {
		b := newBench(t)
		one := `{"name": "night", "configuration": {"name": "site"}, "target": {"definition": "dynamic"}, "status": {"session": {"status": "complete", "succeeded": "` + succeeded + `"}}}`
		b.answer = ended(map[string]string{"/apis/cfs/v3/sessions/night": one, "/apis/cfs/v3/sessions/night/hosts": `{"hosts": [{"host": "x1c0s0b0n0", "failed": 1}]}`, "/apis/cfs/v3/sessions": `{"sessions": []}`,
			"/apis/cfs/v3/sessions/night/results": `{"results": [{"host": "x1c0s0b0n0", "task": "set it", "status": "failed", "message": "no room"}]}`, "POST": one})
		got, out, stderr := b.run("drover", "retry", "night", "--wait")
		if got != code || !strings.Contains(out, "session night is complete\n") || strings.Contains(out, "failed x1c0s0b0n0: task 'set it' failed: no room\n") != (code == 1) {
			t.Errorf("succeeded %s: exit %d %s%s", succeeded, got, stderr, out)
		}
	}
}
