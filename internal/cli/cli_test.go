package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// bench runs commands against a server that records and answers as told.
type bench struct {
	t      *testing.T
	server *httptest.Server
	env    map[string]string
	stdin  string
	// answer makes the answers; nil is an empty object.
	answer func(w http.ResponseWriter, r *http.Request, body string)

	mu    sync.Mutex
	calls []string
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t}
	b.server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.server.Close)
	b.env = map[string]string{"HOME": t.TempDir(), "DROVER_SERVER": b.server.URL}
	return b
}

func (b *bench) serve(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	call := r.Method + " " + r.URL.RequestURI()
	if len(text) > 0 {
		call += " " + string(text)
	}
	b.mu.Lock()
	b.calls = append(b.calls, call)
	b.mu.Unlock()
	if b.answer == nil {
		io.WriteString(w, "{}")
		return
	}
	b.answer(w, r, string(text))
}

func TestFurtherCommandsTakeNoArgumentsUnlessTheySay(t *testing.T) {
	var stderr bytes.Buffer
	serve := &cobra.Command{Use: "serve", RunE: func(*cobra.Command, []string) error { return nil }}
	code := Main(t.Context(), Config{Args0: "drover", Stdout: io.Discard, Stderr: &stderr, Getenv: func(string) string { return "" },
		Commands: []*cobra.Command{serve}}, []string{"serve", "extra"})
	if code != 2 || !strings.Contains(stderr.String(), "Got unexpected extra argument (extra)") {
		t.Errorf("exit %d, %s", code, &stderr)
	}
}

// run types a command line as a shell would take it, without its quotes.
func (b *bench) run(args ...string) (code int, stdout, stderr string) {
	b.calls = nil
	var out, errs bytes.Buffer
	code = Main(context.Background(), Config{Args0: args[0], Stdin: strings.NewReader(b.stdin), Stdout: &out, Stderr: &errs,
		Version: "1.2.3", Getenv: func(k string) string { return b.env[k] }}, args[1:])
	return code, out.String(), errs.String()
}

// typed splits a line at blanks; 'quoted text' stays together.
func typed(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

func (b *bench) file(name, content string) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func answer(text string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) { io.WriteString(w, text) }
}

func problem(status int, text string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

func TestOutput(t *testing.T) {
	b := newBench(t)
	b.answer = answer(`[{"name": "s1", "limit": null, "status": {"status": "running"}}]`)
	for line, want := range map[string]string{
		"cray bos v2 sessions list":               "[[results]]\nname = \"s1\"\n\n[results.status]\nstatus = \"running\"\n\n",
		"cray bos v2 sessions list --format json": "[\n  {\n    \"name\": \"s1\",\n    \"limit\": null,\n    \"status\": {\n      \"status\": \"running\"\n    }\n  }\n]\n",
		"drover bos sessions list --format=yaml":  "- name: s1\n  limit: null\n  status:\n    status: running\n",
	} {
		if code, out, errs := b.run(typed(line)...); code != 0 || out != want {
			t.Errorf("%s: exit %d, %s\n got %q\nwant %q", line, code, errs, out, want)
		}
	}
	b.env["CRAY_FORMAT"] = "yaml"
	if _, out, _ := b.run(typed("cray bos v2 sessions list")...); !strings.HasPrefix(out, "- name: s1") {
		t.Errorf("CRAY_FORMAT=yaml printed %q", out)
	}
	b.answer = answer("")
	if code, out, _ := b.run(typed("cray bos v2 sessions delete s1")...); code != 0 || out != "\n" {
		t.Errorf("an empty answer: exit %d, %q", code, out)
	}
}

func TestVerbose(t *testing.T) {
	b := newBench(t)
	_, out, _ := b.run(typed("cray bos v2 sessions delete s1 -vv")...)
	if want := "REQUEST: DELETE to " + b.server.URL + "/apis/bos/v2/sessions/s1\n"; !strings.HasPrefix(out, want) {
		t.Errorf("-vv printed %q", out)
	}
	_, out, _ = b.run(typed("cray bos v2 sessions create --operation boot --template-name t -vvv")...)
	if want := `OPTIONS: {"operation":"boot","template_name":"t"}`; !strings.Contains(out, want) {
		t.Errorf("-vvv printed %q", out)
	}
	b.answer = problem(400, `{"title": "Bad", "detail": "worse"}`)
	if _, out, _ = b.run(typed("cray bos v2 sessions delete s1 -vvv")...); !strings.Contains(out, `ERROR: {"title": "Bad"`) {
		t.Errorf("-vvv printed %q", out)
	}
}

func TestErrors(t *testing.T) {
	b := newBench(t)
	form := func(usage, try, message string) string {
		return "Usage: " + usage + "\nTry '" + try + " --help' for help.\n\nError: " + message + "\n"
	}
	for line, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request, string)
		code   int
		stderr string
	}{
		"cray --format json bos v2 sessions list": {nil, 2, form("cray [OPTIONS] COMMAND [ARGS]...", "cray", "no such option: --format")},
		"cray bos v2 sessions list --form json":   {nil, 2, form("cray bos v2 sessions list [OPTIONS]", "cray bos v2 sessions list", "no such option: --form")},
		"cray bos sessions fly":                   {nil, 2, form("cray bos sessions [OPTIONS] COMMAND [ARGS]...", "cray bos sessions", "No such command 'fly'.")},
		"drover bos sessions list --format xml": {nil, 2, form("drover bos sessions list [OPTIONS]", "drover bos sessions list",
			"Invalid value for '--format': invalid choice: xml. (choose from json, toml, yaml)")},
		"cray bos sessions describe":       {nil, 2, form("cray bos sessions describe [OPTIONS] SESSION_ID", "cray bos sessions describe", "Missing argument 'SESSION_ID'.")},
		"cray bos sessions list --min-age": {nil, 2, form("cray bos sessions list [OPTIONS]", "cray bos sessions list", "Option '--min-age' requires an argument.")},
		"cray bos sessions create --operation X --template-name t": {nil, 2, form("cray bos sessions create [OPTIONS]", "cray bos sessions create",
			"Invalid value for '--operation': invalid choice: X. (choose from boot, reboot, shutdown)")},
		"cray bos v2 sessions describe gone": {problem(404, `{"title": "The resource was not found", "detail": "Session 'gone' does not exist"}`), 2,
			form("cray bos v2 sessions describe [OPTIONS] SESSION_ID", "cray bos v2 sessions describe", "The resource was not found: Session 'gone' does not exist")},
		"cray bos v2 sessions describe odd": {problem(503, `busy`), 2,
			form("cray bos v2 sessions describe [OPTIONS] SESSION_ID", "cray bos v2 sessions describe", "Error received from server: 503 Service Unavailable")},
		"cray bos v1 session describe gone": {problem(404, `"Session ID 'gone' does not exist"`), 2,
			form("cray bos v1 session describe [OPTIONS] SESSION_ID", "cray bos v1 session describe", "Error received from server: 404 Not Found: Session ID 'gone' does not exist")},
		"cray power transition describe 1": {problem(400, `{"e": 400, "err_msg": "no UUID"}`), 2,
			form("cray power transition describe [OPTIONS] TRANSITION_ID", "cray power transition describe", "Error received from server: 400 Bad Request: no UUID")},
		"cray cfs v3 configurations update c":                 {nil, 1, "Error: Either --file or --update-branches must be set for updates\n"},
		"cray bos components updatemany --enabled true":       {nil, 1, "Error: exactly one of --filter-ids and --filter-session must be set\n"},
		"cray cfs components updatemany --enabled true":       {nil, 1, "Error: at least one of the --filter options must be set\n"},
		"cray cfs sessions create --target-group a":           {nil, 2, form("cray cfs sessions create [OPTIONS]", "cray cfs sessions create", "Option '--target-group' requires 2 arguments.")},
		"cray bos sessiontemplates create t --file /no/where": {nil, 1, "Error: open /no/where: no such file or directory\n"},
		"drover --server http://x bos v2 sessions list": {nil, 2, form("drover [OPTIONS] COMMAND [ARGS]...", "drover",
			"no such option: --server (it stands behind the command)")},
		"drover explain x1000c0s0b0n0 --verbos": {nil, 2, form("drover explain [OPTIONS] NODE...", "drover explain", "no such option: --verbos. Did you mean '--verbose'?")},
		"drover bos sesions list":               {nil, 2, form("drover bos [OPTIONS] COMMAND [ARGS]...", "drover bos", "No such command 'sesions'. Did you mean 'sessions'?")},
		"drover bos sessions weather":           {nil, 2, form("drover bos sessions [OPTIONS] COMMAND [ARGS]...", "drover bos sessions", "No such command 'weather'.")},
		"cray cfs v3 sessions describe gone": {problem(404, `{"title": "Session not found.", "detail": "Session 'gone' does not exist"}`), 2,
			form("cray cfs v3 sessions describe [OPTIONS] SESSION_NAME", "cray cfs v3 sessions describe", "Session not found: Session 'gone' does not exist")},
		"cray capmc get_xname_status create": {problem(400, `{"e": 400, "err_msg": "Bad Request: invalid filter string: x"}`), 2,
			form("cray capmc get_xname_status create [OPTIONS]", "cray capmc get_xname_status create", "Error received from server: 400 Bad Request: invalid filter string: x")},
		"drover console x1000c0s0b0n0 --lines many": {nil, 2, form("drover console [OPTIONS] NODE...", "drover console",
			"Invalid value for '--lines': 'many' is not a valid integer.")},
		"drover explain x[1": {nil, 2, form("drover explain [OPTIONS] NODE...", "drover explain",
			"Invalid value for 'NODE': name list \"x[1\": unbalanced bracket in \"x[1\".")},
	} {
		b.answer = c.answer
		code, _, stderr := b.run(typed(line)...)
		if code != c.code || stderr != c.stderr {
			t.Errorf("%s: exit %d, want %d\n got %q\nwant %q", line, code, c.code, stderr, c.stderr)
		}
		if c.answer == nil && len(b.calls) > 0 {
			t.Errorf("%s: called %q", line, b.calls)
		}
	}
}

// A program that asks for JSON gets errors as JSON, whatever they are about; cray's stay as they are.
func TestErrorsAreJSONWhereThatIsAskedFor(t *testing.T) {
	gone := problem(404, `{"title": "The resource was not found", "detail": "Session 'gone' does not exist"}`)
	for line, want := range map[string]string{
		"drover bos v2 sessions describe gone --format json": `{"error":"The resource was not found: Session 'gone' does not exist","code":2,"status":404}`,
		"drover watch gone --format=JSON":                    `{"error":"The resource was not found: Session 'gone' does not exist","code":2,"status":404}`,
		"drover staus --format json":                         `{"error":"No such command 'staus'. Did you mean 'status'?","code":2}`,
		"drover status --bad --format json":                  `{"error":"no such option: --bad","code":2}`,
		"drover status -o json --sort-by x":                  `{"error":"Invalid value for '--sort-by': there is no 'x'`,
		"drover cancel --format json":                        `{"error":"Missing argument 'SESSION'.","code":2}`,
		"drover watch gone --format yaml":                    "Error: The resource",
		"drover watch gone -- --format json":                 "Usage: ",
		"cray bos v2 sessions describe gone --format json":   "Usage: ",
	} {
		b := newBench(t)
		b.answer = gone
		code, out, stderr := b.run(typed(line)...)
		var compact bytes.Buffer
		if json.Compact(&compact, []byte(stderr)) != nil {
			compact = *bytes.NewBufferString(stderr)
		}
		if code != 2 || out != "" || !strings.HasPrefix(compact.String(), want) {
			t.Errorf("%s: exit %d, %q\n got %s\nwant %s", line, code, out, &compact, want)
		}
	}
	b := newBench(t)
	b.answer, b.env["CRAY_FORMAT"] = gone, "json"
	if _, _, stderr := b.run(typed("drover bos v2 sessions describe gone")...); !strings.HasPrefix(stderr, "{") {
		t.Errorf("with CRAY_FORMAT: %s", stderr)
	}
}

// Nothing is wrong with how a command was written if a service refuses it, or none answers.
func TestRefusalsComeWithoutUsage(t *testing.T) {
	b := newBench(t)
	b.answer = problem(404, `{"title": "The resource was not found", "detail": "Session 'gone' does not exist"}`)
	if code, _, stderr := b.run(typed("drover watch gone")...); code != 2 || stderr != "Error: The resource was not found: Session 'gone' does not exist\n" {
		t.Errorf("exit %d %q", code, stderr)
	}
	b.server.Close()
	if code, _, stderr := b.run(typed("drover status")...); code != 2 || !strings.HasPrefix(stderr, "Error: no answer from ") {
		t.Errorf("no server: exit %d %q", code, stderr)
	}
}

func TestUnreachable(t *testing.T) {
	b := newBench(t)
	b.server.Close()
	code, _, stderr := b.run(typed("cray bos v2 sessions list")...)
	if code != 2 || !strings.Contains(stderr, "Error: Unable to connect to cray. Please verify your cray hostname:") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	code, _, stderr = b.run(typed("drover bos v2 sessions list")...)
	if code != 2 || strings.Contains(stderr, "cray") || !strings.Contains(stderr, "Error: no answer from "+b.server.URL+": ") ||
		!strings.Contains(stderr, "--server") {
		t.Errorf("drover: exit %d, %s", code, stderr)
	}
}

func TestGroupsPrintHelp(t *testing.T) {
	b := newBench(t)
	for line, want := range map[string][]string{
		"cray":                        {"Groups:", "bos", "Commands:", "init"},
		"cray bos v2":                 {"Groups:", "components", "Commands:", "list"},
		"cray bos v2 sessions -h":     {"Groups:", "status", "Commands:", "create", "delete", "describe", "list"},
		"drover audit --help":         {"Options:", "--since", "Commands:", "verify"},
		"drover --help":               {"watch", "explain", "discover", "images", "cfs", "power"},
		"cray --version":              {"cray, version 1.2.3"},
		"drover completion bash":      {"__start_drover"},
		"drover __complete bos sess":  {"sessions", "sessiontemplates"},
		"drover version":              {"drover 1.2.3"},
		"cray bos sessions create -h": {"Usage: cray bos sessions create [OPTIONS]", "--operation [boot|reboot|shutdown]", "Required Options:", "Global Options:"},
	} {
		code, out, stderr := b.run(typed(line)...)
		for _, w := range want {
			if code != 0 || !strings.Contains(out, w) {
				t.Errorf("%s: exit %d, no %q in\n%s%s", line, code, w, out, stderr)
			}
		}
	}
	if _, out, _ := b.run("cray"); strings.Contains(out, "watch") {
		t.Error("as cray it offers native commands")
	}
}

func TestDangerAsks(t *testing.T) {
	b := newBench(t)
	b.stdin = "n\n"
	if code, _, stderr := b.run(typed("cray hsm state components clear")...); code != 1 || stderr != "Aborted!\n" || len(b.calls) != 0 {
		t.Errorf("refused: exit %d, %q, calls %q", code, stderr, b.calls)
	}
	b.stdin = "y\n"
	if code, _, _ := b.run(typed("cray hsm state components clear")...); code != 0 || len(b.calls) != 1 {
		t.Errorf("accepted: exit %d, calls %q", code, b.calls)
	}
	b.stdin = ""
	if code, _, _ := b.run(typed("cray hsm state components clear -y")...); code != 0 || len(b.calls) != 1 {
		t.Errorf("-y: exit %d, calls %q", code, b.calls)
	}
}

func TestDefaultsOfListsAreShownAsTheyAreTyped(t *testing.T) {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.StringSlice("hosts", []string{"a", "b"}, "`HOST`s that mean this server")
	flags.StringSlice("roles", nil, "roles")
	rows := flagRows(flags)
	if len(rows) != 2 || !strings.HasSuffix(rows[0][1], " [default: a,b]") || strings.Contains(rows[1][1], "default") {
		t.Errorf("%q", rows)
	}
}
