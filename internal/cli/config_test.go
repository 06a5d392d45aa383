package cli

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigCommands(t *testing.T) {
	b := newBench(t)
	base := filepath.Join(b.env["HOME"], ".config", "cray")
	if _, _, stderr := b.run("cray", "config", "describe"); !strings.HasSuffix(stderr, "Error: No configuration exists. Run `cray init`\n") {
		t.Errorf("without configuration: %s", stderr)
	}
	b.stdin = "api.example\n"
	if code, out, stderr := b.run(typed("cray init --no-auth --tenant t1")...); code != 0 || !strings.HasSuffix(out, "Cray Hostname: \nInitialization complete.\n") {
		t.Fatalf("init: exit %d %s\n%s", code, stderr, out)
	}
	if info, err := os.Stat(filepath.Join(base, "configurations", "default")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the configuration's file: %v, %v", info, err)
	}
	for _, c := range []struct{ line, out string }{
		{"cray config get core.hostname", "https://api.example\n"},
		{"cray config set bos.sessions.create template_name=T limit=a=b", ""},
		{"cray config get bos.sessions.create.limit", "a\n"},
		{"cray config describe", "Your active configuration is: default\n"},
		{"cray config describe --quiet --format json", "{\n"},
		{"cray config list", "[[configurations]]\nname = \"default\"\nis_active = true\n"},
		{"cray config unset bos.sessions.create.limit", ""},
		{"cray init --no-auth --hostname http://other/ --configuration second", "\nInitialization complete.\n"},
		{"cray config get core.hostname", "https://other\n"},
		{"drover init --no-auth --hostname http://plain/ --configuration third", "\nInitialization complete.\n"},
		{"cray config get core.hostname", "http://plain\n"},
		{"cray config use default", "Your active configuration is: default\n"},
		{"cray config get core", "hostname = \"https://api.example\"\ntenant = \"t1\"\n"},
	} {
		if code, out, stderr := b.run(typed(c.line)...); code != 0 || !strings.HasPrefix(out, c.out) {
			t.Errorf("%s: exit %d %s\n%s", c.line, code, stderr, out)
		}
	}
	for line, want := range map[string]string{
		"cray config get no.such":                     "Unable to find property.",
		"cray config unset bos.sessions.create.limit": "Unable to find property.",
		"cray config use fourth":                      "Unable to find configuration file.",
		"cray bos sessions list --configuration odd":  "No configuration exists. Run `cray init --configuration odd`",
	} {
		if code, _, stderr := b.run(typed(line)...); code != 2 || !strings.Contains(stderr, "Error: "+want) {
			t.Errorf("%s: exit %d %s", line, code, stderr)
		}
	}
	b.stdin = "n\n"
	if code, out, _ := b.run(typed("cray init --no-auth --hostname h")...); code != 2 || !strings.Contains(out, "Overwrite configuration file at: ") {
		t.Errorf("overwriting refused: exit %d\n%s", code, out)
	}
}

// An option's value comes from the command line, the environment, the
// configuration; the two paths of a command have keys of their own.
// The words of a server that does not answer name `config set`: it has to work at once.
func TestConfigSetMakesTheFirstConfiguration(t *testing.T) {
	b := newBench(t)
	if code, _, stderr := b.run(typed("cray config set core hostname=http://x")...); code != 2 || !strings.Contains(stderr, "`cray init`") {
		t.Errorf("cray: exit %d %s", code, stderr)
	}
	if code, _, stderr := b.run(typed("drover config get core.hostname")...); code != 2 || !strings.Contains(stderr, "`drover init`") {
		t.Errorf("nothing to get: exit %d %s", code, stderr)
	}
	if code, _, stderr := b.run(typed("drover config set core hostname=http://x")...); code != 0 {
		t.Fatalf("exit %d %s", code, stderr)
	}
	if code, out, _ := b.run(typed("drover config get core.hostname")...); code != 0 || out != "http://x\n" {
		t.Errorf("got %d %q", code, out)
	}
}

func TestWhereValuesComeFrom(t *testing.T) {
	b := newBench(t)
	b.run(typed("cray init --no-auth --hostname h --tenant blue")...)
	b.run(typed("cray config set bos.sessions.create template_name=from-config operation=boot")...)
	var tenant string
	b.answer = func(_ http.ResponseWriter, r *http.Request, _ string) { tenant = r.Header.Get("Cray-Tenant-Name") }
	sent := func(line string) string {
		b.run(typed(line)...)
		return strings.Join(b.calls, "\n")
	}
	if got := sent("cray bos sessions create"); !strings.Contains(got, `"template_name":"from-config"`) || tenant != "blue" {
		t.Errorf("from the configuration: %q, tenant %q", got, tenant)
	}
	b.env["CRAY_BOS_SESSIONS_CREATE_TEMPLATE_NAME"] = "from-env"
	if got := sent("cray bos sessions create"); !strings.Contains(got, `"template_name":"from-env"`) {
		t.Errorf("from the environment: %q", got)
	}
	if got := sent("cray bos sessions create --template-name typed"); !strings.Contains(got, `"template_name":"typed"`) {
		t.Errorf("from the command line: %q", got)
	}
	if got := sent("cray bos v2 sessions create --operation boot"); got != "" {
		t.Errorf("the versioned path took the values of the other: %q", got)
	}
}

func TestLogin(t *testing.T) {
	var form, authorization string
	refuse := false
	gateway := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != realm {
			authorization = r.Header.Get("Authorization")
			return
		}
		text, _ := io.ReadAll(r.Body)
		form = string(text)
		if refuse {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, `{"access_token": "fresh", "refresh_token": "again", "expires_in": 300}`)
	}))
	defer gateway.Close()
	b := newBench(t)
	b.env["DROVER_SERVER"] = ""
	b.stdin = "vers\nsecret\n"
	code, out, stderr := b.run("cray", "init", "--hostname", gateway.URL)
	if code != 0 || !strings.HasSuffix(out, "Success!\n\nInitialization complete.\n") || form != "client_id=shasta&grant_type=password&password=secret&username=vers" {
		t.Fatalf("exit %d %s\n%s\n%s", code, stderr, out, form)
	}
	files, _ := filepath.Glob(filepath.Join(b.env["HOME"], ".config/cray/tokens/127_0_0_1_*.vers"))
	if len(files) != 1 {
		t.Fatalf("token files %v", files)
	}
	if b.run("cray", "bos", "sessions", "list"); authorization != "Bearer fresh" {
		t.Errorf("authorization %q", authorization)
	}
	old, _ := json.Marshal(map[string]any{"access_token": "old", "refresh_token": "r", "expires_at": 1})
	if err := os.WriteFile(files[0], old, 0o600); err != nil {
		t.Fatal(err)
	}
	if b.run("cray", "bos", "sessions", "list"); authorization != "Bearer fresh" || form != "client_id=shasta&grant_type=refresh_token&refresh_token=r" {
		t.Errorf("after a renewal: %q, %s", authorization, form)
	}
	if !strings.Contains(read(t, files[0]), `"client_id":"shasta"`) {
		t.Error("the renewed token was not kept")
	}
	refuse = true
	for _, c := range []struct{ line, want string }{
		{"cray auth login --username u --password p", "Error: Invalid Credentials\n"},
		{"cray bos sessions list --token /dev/null", "Error: Unable to open token file, is it valid JSON?\n"},
	} {
		if code, _, stderr := b.run(typed(c.line)...); code != 2 || !strings.HasSuffix(stderr, c.want) {
			t.Errorf("%s: exit %d %s", c.line, code, stderr)
		}
	}
	if err := os.WriteFile(files[0], old, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := b.run("cray", "bos", "sessions", "list"); code != 2 || !strings.Contains(stderr, "Your session has expired, please run:") {
		t.Errorf("an expired session: exit %d %s", code, stderr)
	}
	if err := os.WriteFile(files[0], []byte(`{"access_token": "x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run("cray", "config", "set", "core", "hostname=http://"+strings.TrimPrefix(gateway.URL, "https://"))
	if code, _, stderr := b.run("cray", "bos", "sessions", "list"); code != 2 || !strings.Contains(stderr, "You've configured your cray hostname with http.") {
		t.Errorf("http after a login: exit %d %s", code, stderr)
	}
}

// A token in a file is shown to the server of this machine, over HTTP as it is, and
// git gets it for that server by either of its names.
func TestTokenFileForTheServerOfThisMachine(t *testing.T) {
	b := newBench(t)
	b.env["DROVER_SERVER"] = ""
	b.env["CRAY_CREDENTIALS"] = filepath.Join(t.TempDir(), "token")
	for text, token := range map[string]string{
		"drover-api-x": "drover-api-x",
		`{"id": "x", "name": "nightly", "token": "drover-api-x"}`: "drover-api-x",                                // as `auth tokens create` prints it
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.c2ln":             "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.c2ln", // a provider's
	} {
		if err := os.WriteFile(b.env["CRAY_CREDENTIALS"], []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		shown := "username=drover\npassword=" + token + "\n"
		for host, want := range map[string]string{"127.0.0.1:8080": shown, "localhost:8080": shown, "127.0.0.1:8081": "", "localhost.example.org:8080": ""} {
			b.stdin = "protocol=http\nhost=" + host + "\n\n"
			if code, out, stderr := b.run("drover", "auth", "git-credential", "get"); code != 0 || out != want {
				t.Errorf("%s: exit %d %q %s", host, code, out, stderr)
			}
		}
	}
}

// Whoever reads the file is the token's holder.
func TestATokenFileThatOthersCanReadIsWarnedOf(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(t.TempDir(), "token")
	for mode, warned := range map[os.FileMode]int{0o600: 0, 0o400: 0, 0o640: 1, 0o604: 1} {
		os.Remove(file)
		if err := os.WriteFile(file, []byte("drover-api-x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		for variable, args := range map[string][]string{"": {"--token", file}, "CRAY_CREDENTIALS": nil, "DROVER_TOKEN_FILE": nil} {
			for _, name := range []string{"CRAY_CREDENTIALS", "DROVER_TOKEN_FILE"} {
				b.env[name] = ""
			}
			b.env[variable] = file
			code, _, stderr := b.run(append([]string{"drover", "bos", "v2", "sessions", "list"}, args...)...)
			if code != 0 || strings.Count(stderr, "chmod 600 "+file) != warned {
				t.Errorf("mode %04o by %q: exit %d %s", mode, variable, code, stderr)
			}
		}
	}
}

// The published program says one thing of every bad file; drover says which and why.
func TestBadTokenFilesAreNamedWithWhatIsExpected(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(t.TempDir(), "token")
	if code, _, stderr := b.run("drover", "auth", "whoami", "--token", file); code != 2 || !strings.Contains(stderr, "token file: open "+file+": no such file") {
		t.Errorf("no file: exit %d %s", code, stderr)
	}
	for _, text := range []string{"", "{}", "id = \"x\"\ntoken = \"drover-api-x\"\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := b.run("drover", "auth", "whoami", "--token", file); code != 2 || !strings.Contains(stderr, "token file "+file+": expected a token and nothing else") {
			t.Errorf("%q: exit %d %s", text, code, stderr)
		}
	}
}

func TestAServerThatSpeaksTLSIsToBeNamedByHTTPS(t *testing.T) {
	b := newBench(t)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	b.env["DROVER_SERVER"] = strings.Replace(server.URL, "https:", "http:", 1)
	if code, _, stderr := b.run("drover", "auth", "whoami"); code != 2 || !strings.Contains(stderr, b.env["DROVER_SERVER"]+" speaks TLS: expected https:// in its URL (--server, DROVER_SERVER") {
		t.Errorf("exit %d %s", code, stderr)
	}
}
