package cli

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

const cfsLog = "/apis/cfs/v3/sessions/s1/log"

func TestLogsAreShownWithoutWhatSteersATerminal(t *testing.T) {
	b := newBench(t)
	b.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		if q := r.URL.Query(); r.URL.Path != cfsLog || q.Get("follow") != "false" || q.Get("step") != "ansible" {
			t.Errorf("asked for %s", r.URL)
		}
		io.WriteString(w, "one\n\ttwo\x1b[2J\u009b2J\x07 é\r\n")
	}
	for _, command := range [][]string{{"drover", "logs"}, {"drover", "cfs", "sessions", "log"}, {"drover", "cfs", "v3", "sessions", "log"}} {
		code, out, stderr := b.run(append(command, "s1", "--step", "ansible")...)
		if code != 0 || out != "one\n\ttwo[2J2J é\n" {
			t.Errorf("%v: exit %d %s %q", command, code, stderr, out)
		}
	}
	b.answer = problem(404, `{"title": "Session not found.", "detail": "Session 's1' could not be found"}`)
	if code, _, stderr := b.run("drover", "logs", "s1", "-f"); code != 2 || !strings.Contains(stderr, "could not be found") {
		t.Errorf("exit %d %s", code, stderr)
	}
}

// A name that CFS does not have may be the ID of a session of BOS v1.
func TestLogsOfAnAgentAreShown(t *testing.T) {
	const first = "/apis/bos/v1/session/s1"
	for failed, want := range map[int]int{0: 0, 2: 1} {
		b := newBench(t)
		b.answer = func(w http.ResponseWriter, r *http.Request, body string) {
			switch {
			case r.URL.Path == cfsLog:
				problem(404, `{"title": "Session not found.", "detail": "Session 's1' could not be found"}`)(w, r, body)
			case r.URL.Path == first:
				io.WriteString(w, `{"complete": true}`)
			case r.URL.Path == first+"/log" && r.URL.Query().Get("follow") == "true":
				io.WriteString(w, "==> operate <==\nended\n")
			case r.URL.Path == first+"/log":
				fmt.Fprintf(w, `{"phase": "succeeded", "error_count": %d}`, failed)
			default:
				t.Errorf("asked for %s", r.URL)
			}
		}
		code, out, stderr := b.run("drover", "logs", "-f", "s1")
		if code != want || out != "==> operate <==\nended\n" || strings.Contains(stderr, "2 nodes failed") != (want == 1) {
			t.Errorf("%d nodes failed: exit %d %q, %s", failed, code, out, stderr)
		}
		if code, _, stderr := b.run("drover", "logs", "s1", "--step", "ansible"); code != 2 || !strings.Contains(stderr, "could not be found") {
			t.Errorf("a step of Ansible: exit %d %s", code, stderr)
		}
	}
}

// A boot session writes no log: where those of its nodes' configuration are is said.
func TestLogsOfABootSessionAreThoseOfItsConfigurationSessions(t *testing.T) {
	b := newBench(t)
	b.answer = func(w http.ResponseWriter, r *http.Request, body string) {
		switch r.URL.Path {
		case "/apis/bos/v2/sessions/s1":
			io.WriteString(w, `{"name": "s1"}`)
		case "/apis/cfs/v3/sessions":
			if r.URL.Query().Get("tags") == "bos_session=s1" {
				io.WriteString(w, `{"sessions": [{"name": "batcher-1"}, {"name": "batcher-2"}]}`)
			}
		default:
			problem(404, `{"title": "Session not found.", "detail": "Session 's1' could not be found"}`)(w, r, body)
		}
	}
	code, out, stderr := b.run("drover", "logs", "s1")
	if code != 1 || out != "" || !strings.Contains(stderr, "one of BOS v2") || !strings.Contains(stderr, "drover watch s1") ||
		!strings.HasSuffix(stderr, "\n  drover logs batcher-1\n  drover logs batcher-2\n") {
		t.Errorf("exit %d %q %s", code, out, stderr)
	}
}

// The server's end breaks the answer off; what follows is asked of the next one.
func TestLogsAreFollowedOverAnEndOfTheServer(t *testing.T) {
	const text = "line 0\nline 1\nline 2\nline 3\n"
	for phase, want := range map[string]int{"succeeded": 0, "failed": 1} {
		b := newBench(t)
		streams, down := 0, false
		b.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
			if !r.URL.Query().Has("follow") {
				now := "running"
				if streams == 3 {
					now = phase
				}
				fmt.Fprintf(w, `{"phase": %q, "message": "task 'x' failed on x1"}`, now)
				return
			}
			offset, err := strconv.Atoi(r.URL.Query().Get("offset"))
			if err != nil {
				t.Error(err)
			}
			if streams == 2 && !down { // a balancer finds no server for a while
				down = true
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			streams++
			io.WriteString(w, text[offset:min(len(text), streams*10)])
		}
		code, out, stderr := b.run("drover", "logs", "--follow", "s1")
		if code != want || out != text || streams != 3 || strings.Contains(stderr, "'x' failed on x1") != (want == 1) {
			t.Errorf("%s: exit %d after %d streams: %q, %s", phase, code, streams, out, stderr)
		}
	}
}

// A wrong URL or certificate is told of at once.
func TestNobodyWaitsForTheLogsOfAServerThatNeverAnswered(t *testing.T) {
	b := newBench(t)
	b.server.Close()
	code, out, stderr := b.run("drover", "logs", "s1", "-f")
	if code != 2 || out != "" || !strings.Contains(stderr, "no answer from "+b.server.URL) {
		t.Errorf("exit %d: %q, %s", code, out, stderr)
	}
}

func TestWatchNamesTheTaskThatFailed(t *testing.T) {
	b := newBench(t)
	list := strings.ReplaceAll(nodes("failed", "failed"), `"error": ""`, `"error": "cfs configuration failed"`)
	script := boot(list)
	asked := 0
	b.answer = func(w http.ResponseWriter, r *http.Request, body string) {
		switch r.URL.Path {
		case "/apis/cfs/v3/components":
			asked++
			io.WriteString(w, `{"components": [{"state": [{"playbook": "a.yml", "status": "failed", "session_name": "c1"}]}], "next": null}`)
		case "/apis/cfs/v3/sessions/c1/results":
			io.WriteString(w, `{"results": [{"host": "x1c0s0b0n0", "task": "mount", "status": "failed", "message": "no disk on x1c0s0b0n0"},
				{"host": "x1c0s1b0n0", "task": "mount", "status": "failed", "message": "no disk on x1c0s1b0n0"}], "next": null}`)
		default:
			script(w, r, body)
		}
	}
	code, out, stderr := b.run("drover", "watch", "s1", "--plain")
	if code != 3 || asked != 1 || !strings.Contains(out, "failed x1c0s[0-1]b0n0: cfs configuration failed: task 'mount' failed: no disk on this node") {
		t.Errorf("exit %d, asked %d times, %s\n%s", code, asked, stderr, out)
	}
}

func TestResultsAreACommand(t *testing.T) {
	b := newBench(t)
	b.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		fmt.Fprintf(w, `{"results": [{"host": %q, "task": "mount"}], "next": null}`, r.URL.String())
	}
	for _, command := range []string{"cfs sessions results", "cfs v3 sessions results"} {
		code, out, stderr := b.run(append(append([]string{"drover"}, strings.Fields(command)...), "s1", "--host", "x1", "--status", "failed")...)
		if code != 0 || !strings.Contains(out, "/apis/cfs/v3/sessions/s1/results?host=x1") || !strings.Contains(out, "status=failed") {
			t.Errorf("exit %d %s\n%s", code, stderr, out)
		}
	}
}

// What hosts wrote is in the words of other commands, too.
func TestWhatHostsWroteSteersNoTerminal(t *testing.T) {
	const wild = `task 'x' failed: \u001b]0;owned\u0007\u009b2Jwords`
	b := newBench(t)
	watched := boot(strings.ReplaceAll(nodes("failed", "failed"), `"error": ""`, `"error": "`+wild+`"`))
	b.answer = func(w http.ResponseWriter, r *http.Request, body string) {
		switch {
		case r.URL.Query().Has("follow"):
		case r.URL.Path == cfsLog:
			fmt.Fprintf(w, `{"phase": "failed", "message": "%s"}`, wild)
		case r.URL.Path == "/apis/bos/v2/components/x1000c0s0b0n0":
			fmt.Fprintf(w, `{"id": "x1000c0s0b0n0", "session": "s1", "status": {"status": "failed"}, "error": "%s"}`, wild)
		default:
			watched(w, r, body)
		}
	}
	for _, command := range [][]string{{"logs", "s1", "-f"}, {"explain", "x1000c0s0b0n0"}, {"watch", "s1"}} {
		_, out, stderr := b.run(append([]string{"drover"}, command...)...)
		if text := out + stderr; strings.ContainsAny(text, "\x1b\x07\u009b") || !strings.Contains(text, "]0;owned2Jwords") {
			t.Errorf("%v: %q", command, text)
		}
	}
}

func TestLogsOfANodeAreThoseOfItsSession(t *testing.T) {
	const state = `{"id": "x1c0s0b0n0", "state": [{"session_name": "older"}, {"session_name": "s1"}]}`
	for _, one := range []struct{ running, component, out, stderr string }{
		{`{"sessions": []}`, state, "text", "session s1 was the last that configured x1c0s0b0n0\n"},
		{`{"sessions": [{"name": "other", "ansible": {"limit": "x1c0s1b0n0"}}, {"name": "s1", "ansible": {"limit": "x1c0s1b0n0,x1c0s0b0n0"}}, {"name": "all", "ansible": {"limit": null}}]}`,
			`{}`, "text", "session s1 configures x1c0s0b0n0\n"},
		{`{"sessions": []}`, `{"id": "x1c0s0b0n0", "state": []}`, "", "no session of CFS has configured x1c0s0b0n0 since it booted"},
	} {
		b := newBench(t)
		b.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
			io.WriteString(w, map[string]string{"/apis/cfs/v3/sessions": one.running, "/apis/cfs/v3/components/x1c0s0b0n0": one.component, cfsLog: "text"}[r.URL.Path])
		}
		if code, out, stderr := b.run("drover", "logs", "X1c0s0b0n0"); out != one.out || (code == 0) != (out != "") || !strings.Contains(stderr, one.stderr) {
			t.Errorf("exit %d %s %q", code, stderr, out)
		}
	}
}
