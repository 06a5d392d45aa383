package cli

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// completing answers as services with a few things in them do.
func completing(w http.ResponseWriter, r *http.Request, _ string) {
	io.WriteString(w, map[string]string{
		"/apis/smd/hsm/v2/State/Components?type=Node": `{"Components": [{"ID": "x1000c0s0b0n0"}, {"ID": "x1000c0s1b0n0"}, {"ID": "x3000c0s0b0n0"}]}`,
		"/apis/bos/v2/sessions":                       `[{"name": "boot-1"}, {"name": "boot-2"}, {"name": "reboot\u001b[31m"}]`,
		"/apis/bos/v2/sessiontemplates":               `[{"name": "compute"}]`,
		"/apis/cfs/v3/configurations":                 `{"configurations": [{"name": "site"}], "next": null}`,
		"/apis/cfs/v3/sessions":                       `{"sessions": [{"name": "night"}], "next": null}`,
		"/apis/bos/v2/sessions?status=running":        `[{"name": "boot-2"}]`,
		"/apis/cfs/v3/sessions?status=running":        `{"sessions": [{"name": "batch"}], "next": null}`,
		"/apis/bos/v2/sessions?status=complete":       `[{"name": "boot-1"}]`,
		"/apis/cfs/v3/sessions?status=complete":       `{"sessions": [{"name": "night-0"}], "next": null}`,
		"/apis/cfs/v3/components":                     `{"components": [{"id": "x1000c0s0b0n0", "desired_config": "site"}], "next": null}`,
		"/apis/ims/v3/images":                         `[{"id": "1-2-3", "name": "compute image"}]`,
	}[r.URL.RequestURI()])
}

func TestShellsAreOfferedNamesThatTheServerHas(t *testing.T) {
	b := newBench(t)
	b.answer = completing
	for line, want := range map[string]string{
		"watch ''":                        "boot-1 boot-2",
		"cancel ''":                       "boot-2 batch",
		"retry ''":                        "boot-1 night-0",
		"boot x3":                         "x3000c0s0b0n0",
		"power status x3":                 "x3000c0s0b0n0",
		"power reset x1000c0s0b0n0,x3":    "x1000c0s0b0n0,x3000c0s0b0n0",
		"off x3000c0s0b0n0 --template ''": "compute",
		"configure x3000c0s0b0n0 --desired-config ''": "site",
		"logs ''":                                      "night",
		"status x3":                                    "x3000c0s0b0n0",
		"explain x1":                                   "x1000c0s0b0n0 x1000c0s1b0n0",
		"console x1000c0s0b0n0,x3":                     "x1000c0s0b0n0,x3000c0s0b0n0",
		"bos v2 sessions describe boot-2":              "boot-2",
		"bos sessions create --template-name ''":       "compute",
		"bos sessions create --limit x3":               "x3000c0s0b0n0",
		"bos sessions create --operation ''":           "boot reboot shutdown",
		"cfs v3 configurations describe ''":            "site",
		"cfs v3 components describe ''":                "x1000c0s0b0n0",
		"cfs v3 components update --desired-config si": "site",
		"ims v3 images describe ''":                    "1-2-3",
		"bos v2 sessions describe boot-1 ''":           "",
		"cfs v3 sessions describe ''":                  "night",
	} {
		args := append([]string{"drover", "__complete"}, typed(line)...)
		code, out, _ := b.run(args...)
		offered := strings.Fields(out)
		end := slices.IndexFunc(offered, func(w string) bool { return strings.HasPrefix(w, ":") })
		if code != 0 || end < 0 || strings.Join(offered[:max(end, 0)], " ") != want || offered[end] != ":4" {
			t.Errorf("%s: exit %d, %q; want %q", line, code, out, want)
		}
	}
}

func TestShellsAreOfferedNothingWhereNobodyAnswers(t *testing.T) {
	b := newBench(t)
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request, string){
		"refused":  problem(401, `{"title": "Unauthorized", "detail": "no token"}`),
		"no JSON":  answer("<html>"),
		"nonsense": answer(`[1, null, {"name": 7}]`),
	} {
		b.answer = answer
		if code, out, stderr := b.run("drover", "__complete", "explain", "x"); code != 0 || out != ":4\n" || strings.Contains(stderr, "rror") {
			t.Errorf("%s: exit %d, %q, %s", name, code, out, stderr)
		}
	}
	b.server.Close()
	if code, out, stderr := b.run("drover", "__complete", "explain", "-vvv", "x"); code != 0 || out != ":4\n" || strings.Contains(stderr, "rror") {
		t.Errorf("away: exit %d, %q, %s", code, out, stderr)
	}
}

func TestShellsDoNotWaitForAServerThatSaysNothing(t *testing.T) {
	b := newBench(t)
	b.answer = func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() } // until the client leaves
	if code, out, _ := b.run("drover", "__complete", "explain", "x"); code != 0 || out != ":4\n" {
		t.Errorf("exit %d, %q", code, out)
	}
}
