package cli

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// cancelled answers as a server with the sessions at the paths does; what is changed
// is answered with the text, or what there is.
func cancelled(texts map[string]string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, body string) {
		if r.Method != http.MethodGet {
			io.WriteString(w, texts[r.Method])
			return
		}
		paths(texts)(w, r, body)
	}
}

func TestCancelTellsWhatIsLeft(t *testing.T) {
	b := newBench(t)
	b.answer = cancelled(map[string]string{"/apis/bos/v2/sessions/s1": `{"status": {"status": "running"}}`,
		"POST": `{"session": "s1", "operation": "reboot", "template_name": "compute", "found": "running", "error": "cancelled by ann", "stopped": [
			{"status": "configuring", "left": "it runs what it should", "nodes": ["x1c0s2b0n0"]},
			{"status": "power_on_called", "left": "its BMC was asked to power it on; once on it boots", "nodes": ["x1c0s0b0n0", "x1c0s1b0n0"]}],
			"unstaged": ["x1c0s3b0n0"], "succeeded": 2, "failed": 0, "taken": 1}`})
	code, out, stderr := b.run("drover", "cancel", "s1")
	want := `session s1 (reboot by template compute) is cancelled
  x1c0s2b0n0  configuring: it runs what it should
  x1c0s[0-1]b0n0  power_on_called: its BMC was asked to power it on; once on it boots
  x1c0s3b0n0  what was staged is forgotten
  not changed: 2 succeeded, 1 no longer of this session
What BMCs and CFS were asked for stays asked; nothing else is done to these nodes until the next session.
Next: drover status x1c0s[0-2]b0n0
      drover reboot x1c0s[0-2]b0n0 --template compute
`
	if code != 0 || out != want {
		t.Errorf("exit %d %s\n%s", code, stderr, out)
	}
	if calls := []string{"GET /apis/bos/v2/sessions/s1", "POST /apis/drover/v1/sessions/s1/cancel"}; !slices.Equal(b.calls, calls) {
		t.Errorf("calls %q", b.calls)
	}
	if _, out, _ = b.run("drover", "cancel", "s1", "--format", "json"); !strings.Contains(out, `"taken": 1`) {
		t.Errorf("as JSON: %s", out)
	}
}

func TestCancelOfWhatIsOver(t *testing.T) {
	for name, texts := range map[string]map[string]string{
		"BOS": {"/apis/bos/v2/sessions/s1": `{"status": {"status": "complete"}}`,
			"POST": `{"session": "s1", "operation": "boot", "template_name": "t", "found": "complete", "error": "cancelled by ann", "stopped": []}`},
		"CFS":    {"/apis/cfs/v3/sessions/s1": `{"status": {"session": {"status": "complete"}}}`},
		"BOS v1": {"/apis/bos/v1/session/s1": `{"complete": true}`},
	} {
		b := newBench(t)
		b.answer = cancelled(texts)
		code, out, stderr := b.run("drover", "cancel", "s1")
		if code != 0 || !strings.HasPrefix(out, "session s1") || !strings.Contains(out, "is complete: there is nothing to cancel") {
			t.Errorf("%s: exit %d %s\n%s", name, code, stderr, out)
		}
		if slices.ContainsFunc(b.calls, func(c string) bool { return strings.HasPrefix(c, http.MethodDelete) }) {
			t.Errorf("%s: calls %q", name, b.calls)
		}
	}
}

func TestCancelDeletesWhatEndsNoOtherWay(t *testing.T) {
	for path, texts := range map[string]map[string]string{
		"/apis/cfs/v3/sessions/s1": {"/apis/cfs/v3/sessions/s1": `{"status": {"session": {"status": "running"}}}`},
		"/apis/bos/v1/session/s1":  {"/apis/bos/v1/session/s1": `{"complete": false}`},
	} {
		b := newBench(t)
		b.answer = cancelled(texts)
		code, out, stderr := b.run("drover", "cancel", "s1")
		if code != 0 || b.calls[len(b.calls)-1] != "DELETE "+path || !strings.Contains(out, "is cancelled: its ") || !strings.Contains(out, "log are gone.\n") {
			t.Errorf("exit %d %s\n%s%q", code, stderr, out, b.calls)
		}
	}
	b := newBench(t)
	b.answer = cancelled(map[string]string{"/apis/cfs/v3/sessions/s1": `{"status": {"session": {"status": "complete"}}}`})
	if _, out, _ := b.run("drover", "cancel", "s1", "--format", "json"); out != "{\n  \"session\": \"s1\",\n  \"service\": \"CFS\",\n  \"found\": \"complete\"\n}\n" {
		t.Errorf("as JSON: %s", out)
	}
	b.answer = cancelled(nil)
	if code, _, stderr := b.run("drover", "cancel", "s1"); code != 2 || !strings.Contains(stderr, "neither BOS nor CFS has a session s1") {
		t.Errorf("no such session: exit %d %s", code, stderr)
	}
	b.answer = problem(http.StatusForbidden, `{"title": "Forbidden", "detail": "no"}`)
	if code, _, _ := b.run("drover", "cancel", "s1"); code == 0 || len(b.calls) != 1 {
		t.Errorf("a refusal: exit %d, calls %q", code, b.calls)
	}
}
