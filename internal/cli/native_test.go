package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/s3"
)

// paths answers each path with its text, others with 404.
func paths(texts map[string]string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, _ string) {
		text, ok := texts[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			text = `{"title": "Not Found", "detail": "no such thing"}`
		}
		io.WriteString(w, text)
	}
}

// boot scripts a boot session: each look at the components is followed by an
// event that asks for the next.
func boot(steps ...string) func(http.ResponseWriter, *http.Request, string) {
	var at atomic.Int32
	looked := make(chan struct{}, 100)
	return func(w http.ResponseWriter, r *http.Request, _ string) {
		i := min(int(at.Load()), len(steps)-1)
		status := "running"
		if i == len(steps)-1 {
			status = "complete"
		}
		switch r.URL.Path {
		case "/apis/bos/v2/sessions/s1":
			fmt.Fprintf(w, `{"name": "s1", "operation": "boot", "template_name": "t", "status": {"status": %q, "start_time": "2026-01-02T03:04:05", "end_time": "2026-01-02T03:04:15", "error": null}}`, status)
		case "/apis/bos/v2/sessions/s1/status":
			io.WriteString(w, `{"managed_components_count": 2, "percent_staged": 0}`)
		case "/apis/bos/v2/components":
			io.WriteString(w, steps[i])
			at.Add(1)
			looked <- struct{}{}
		case "/apis/drover/v1/sessions/s1/events":
			w.(http.Flusher).Flush()
			for {
				select {
				case <-looked:
					io.WriteString(w, "data: {}\n\n")
					w.(http.Flusher).Flush()
				case <-r.Context().Done():
					return
				}
			}
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}
}

func nodes(statuses ...string) string {
	var list []string
	for i, s := range statuses {
		list = append(list, fmt.Sprintf(`{"id": "x1c0s%db0n0", "error": "", "status": {"status": %q}}`, i, s))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func TestWatch(t *testing.T) {
	b := newBench(t)
	b.answer = boot(nodes("on_hold", "on_hold"), nodes("power_on_called", "configuring"), nodes("stable", "stable"))
	code, out, stderr := b.run("drover", "watch", "s1")
	if code != 0 || !strings.Contains(out, "running  waiting 2\n") || !strings.HasSuffix(out, "session s1 complete in 0:00:10: all 2 nodes succeeded\n") {
		t.Errorf("exit %d %s\n%s", code, stderr, out)
	}
	b.answer = boot(nodes("stable", "failed"))
	code, out, _ = b.run("drover", "watch", "s1", "--plain")
	if code != 3 || !strings.Contains(out, "failed x1c0s1b0n0: no error is recorded") {
		t.Errorf("a failed node: exit %d\n%s", code, out)
	}
	b = newBench(t)
	follows := boot(nodes("stable", "failed"))
	b.answer = func(w http.ResponseWriter, r *http.Request, body string) {
		if r.URL.Path == "/apis/bos/v2/sessions/s1" {
			io.WriteString(w, `{"name": "s1", "status": {"status": "complete", "start_time": "2026-01-02T03:04:05", "end_time": "2026-01-02T03:04:15", "error": "cancelled by ann"}}`)
			return
		}
		follows(w, r, body)
	}
	if code, out, _ = b.run("drover", "watch", "s1", "--plain"); code != 1 || !strings.Contains(out, "cancelled by ann") {
		t.Errorf("cancelled: exit %d\n%s", code, out)
	}
	b = newBench(t) // the one before may be asked for events yet
	b.answer = boot(slices.Repeat([]string{nodes("on_hold")}, 1000)...)
	if code, out, stderr = b.run("drover", "watch", "s1", "--timeout", "500ms"); code != 124 || !strings.Contains(out, "0 of 1 node succeeded, 1 did not finish") ||
		!strings.Contains(stderr, "session s1 was not over in the time of --timeout") {
		t.Errorf("a session that goes on: exit %d\n%s%s", code, out, stderr)
	}
	b = newBench(t)
	b.answer = problem(404, `{"title": "The resource was not found", "detail": "Session 's1' does not exist"}`)
	if code, _, stderr = b.run("drover", "watch", "s1"); code != 2 || !strings.Contains(stderr, "Session 's1' does not exist") {
		t.Errorf("no such session: exit %d, %s", code, stderr)
	}
	b.server.Close()
	if code, _, _ = b.run("drover", "watch", "s1"); code != 2 {
		t.Errorf("no server: exit %d", code)
	}
}

func TestWatchReadsAllPages(t *testing.T) {
	b := newBench(t)
	first := make([]map[string]any, progress.PageSize)
	for i := range first {
		first[i] = map[string]any{"id": fmt.Sprintf("x1000c0s%db0n0", i), "status": map[string]string{"status": "stable"}}
	}
	page, _ := json.Marshal(first)
	script := boot(nodes("stable"))
	b.answer = func(w http.ResponseWriter, r *http.Request, body string) {
		if r.URL.Path == "/apis/bos/v2/components" && r.URL.Query().Get("start_after_id") == "" {
			w.Write(page)
			return
		}
		script(w, r, body)
	}
	if code, out, _ := b.run("drover", "watch", "s1"); code != 0 || !strings.Contains(out, "all 2001 nodes succeeded") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestExplainGathersFacts(t *testing.T) {
	b := newBench(t)
	b.answer = paths(map[string]string{
		"/apis/bos/v2/components/x1000c0s0b0n0":       `{"id": "x", "enabled": true, "session": "s1", "status": {"status": "power_on_called"}, "last_action": {"last_updated": "2026-01-02T03:04:05"}, "event_stats": {"power_on_attempts": 1}}`,
		"/apis/bos/v2/options":                        `{"max_boot_wait_time": 600, "default_retry_policy": 3}`,
		"/apis/power-control/v1/power-status":         `{"status": [{"xname": "x1000c0s0b0n0", "powerState": "on", "managementState": "available", "error": null}]}`,
		"/apis/cfs/v3/components/x1000c0s0b0n0":       `{"desired_config": "site", "configuration_status": "pending", "enabled": false}`,
		"/apis/drover/v1/nodes/x1000c0s0b0n0/journal": `[{"node": "x1000c0s0b0n0", "time": "2026-01-02T03:04:05Z", "source": "pcs", "kind": "power", "text": "told to power on", "key": "k"}]`,
	})
	code, out, stderr := b.run("drover", "explain", "X1000C0S0B0N0")
	for _, want := range []string{"x1000c0s0b0n0 is on and has not asked for its boot script.", "option max_boot_wait_time, 600 s",
		"power          on, BMC available", "configuration  site pending, disabled", "pcs  told to power on"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d %s: no %q in\n%s", code, stderr, want, out)
		}
	}
	b.answer = paths(nil)
	if code, out, _ = b.run("drover", "explain", "x1000c0s0b0n0"); code != 0 || !strings.Contains(out, "is not known to the boot service") {
		t.Errorf("an unknown node: exit %d\n%s", code, out)
	}
	b.answer = problem(500, `{"title": "Internal Server Error", "detail": "broken"}`)
	if _, out, _ = b.run("drover", "explain", "x1000c0s0b0n0"); !strings.Contains(out, "the boot service said: Internal Server Error: broken") {
		t.Errorf("a broken service:\n%s", out)
	}
}

func TestDiscover(t *testing.T) {
	b := newBench(t)
	b.stdin = "secret\n"
	discovered := false
	b.answer = func(w http.ResponseWriter, r *http.Request, body string) {
		switch r.Method + " " + r.URL.Path {
		case "POST /apis/smd/hsm/v2/Inventory/RedfishEndpoints":
			if strings.Contains(body, "x1000c0s7b0") {
				w.WriteHeader(http.StatusConflict)
			}
		case "GET /apis/smd/hsm/v2/Inventory/RedfishEndpoints/x1000c0s7b0":
			io.WriteString(w, `{"ID": "x1000c0s7b0", "DiscoveryInfo": {"LastDiscoveryAttempt": "yesterday", "LastDiscoveryStatus": "DiscoverOK"}}`)
		case "GET /apis/smd/hsm/v2/Inventory/RedfishEndpoints":
			old := "yesterday"
			if discovered {
				old = "today"
			}
			discovered = true
			fmt.Fprintf(w, `{"RedfishEndpoints": [{"ID": "x1000c0s7b0", "DiscoveryInfo": {"LastDiscoveryAttempt": %q, "LastDiscoveryStatus": "DiscoverOK",
					"Problems": ["500 Internal Server Error to GET /redfish/v1/Chassis/1"]}},
				{"ID": "x1000c1s0b0", "DiscoveryInfo": {"LastDiscoveryAttempt": "today", "LastDiscoveryStatus": "HTTPsGetFailed",
					"LastDiscoveryError": "401 Unauthorized to GET /redfish/v1/Systems: Login needed"}}]}`, old)
		case "GET /apis/smd/hsm/v2/Inventory/EthernetInterfaces":
			io.WriteString(w, `[{"ComponentID": "x1000c0s7b0n1"}, {"ComponentID": "x1000c5s0b0n0"}]`)
		case "GET /apis/smd/hsm/v2/State/Components":
			io.WriteString(w, `{"Components": [{"ID": "x1000c0s7b0n0"}, {"ID": "x1000c0s7b0n1"}, {"ID": "x1000c5s0b0n0"}]}`)
		}
	}
	code, out, stderr := b.run(typed("drover discover 10.0.0.[1-2]:9000 --first-xname x1000c0s7b0 --username admin")...)
	if code != 1 || !slices.Equal(strings.Split(strings.TrimSpace(strings.TrimPrefix(out, "Password of admin: ")), "\n"), []string{
		"DiscoverOK              1  x1000c0s7b0", "HTTPsGetFailed          1  x1000c1s0b0", "nodes                   2  x1000c0s7b0n[0-1]",
		"nodes without a MAC     1  x1000c0s7b0n0", "x1000c1s0b0: 401 Unauthorized to GET /redfish/v1/Systems: Login needed",
		"x1000c0s7b0: not read: 500 Internal Server Error to GET /redfish/v1/Chassis/1"}) {
		t.Errorf("exit %d %s\n%s", code, stderr, out)
	}
	for _, want := range []string{
		`POST /apis/smd/hsm/v2/Inventory/RedfishEndpoints {"ID":"x1000c1s0b0","FQDN":"10.0.0.2:9000","User":"admin","Password":"secret","Enabled":true}`,
		`PATCH /apis/smd/hsm/v2/Inventory/RedfishEndpoints/x1000c0s7b0 {"ID":"x1000c0s7b0","FQDN":"10.0.0.1:9000","User":"admin","Password":"secret","Enabled":true}`,
		`POST /apis/smd/hsm/v2/Inventory/Discover {"force":true,"xnames":["x1000c0s7b0","x1000c1s0b0"]}`,
	} {
		if !slices.Contains(b.calls, want) {
			t.Errorf("no call %s among\n%s", want, strings.Join(b.calls, "\n"))
		}
	}
}

func TestDiscoverArguments(t *testing.T) {
	b := newBench(t)
	for line, want := range map[string]string{
		"drover discover":                                   "Missing argument 'ADDRESS'.",
		"drover discover 10.0.0.1":                          "'10.0.0.1' has no name: write 10.0.0.1=XNAME, or set --first-xname.",
		"drover discover 10.0.0.1 --first-xname x1c0s0b0n0": "Invalid value for '--first-xname'",
		"drover discover 10.0.0.[1-2]=x1c0s0b0":             "stands for 2 addresses and has one name",
	} {
		if code, _, stderr := b.run(typed(line)...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %s", line, code, stderr)
		}
	}
}

// objectStore is an S3 service of the test's own with the bucket of images.
func objectStore(t *testing.T) (address string, creds s3.Credentials, client *s3.Client) {
	t.Helper()
	creds = s3.Credentials{AccessKey: "key", SecretKey: "secret-of-the-test"}
	objects, err := s3.StartServer(t.Context(), s3.ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: creds})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(objects.Stop)
	if client, err = s3.NewClient(objects.Endpoint(), creds); err != nil {
		t.Fatal(err)
	}
	if err := client.EnsureBuckets(t.Context(), "boot-images"); err != nil {
		t.Fatal(err)
	}
	return objects.Endpoint(), creds, client
}

// giveSession answers as the token service of a server does, with credentials
// that end.
func giveSession(w io.Writer, address string, creds s3.Credentials, lasts time.Duration, grants ...s3.Grant) {
	c, ends := s3.NewSessions(creds, time.Now).Give(lasts, grants...)
	fmt.Fprintf(w, `{"Credentials": {"AccessKeyId": %q, "SecretAccessKey": %q, "SessionToken": %q, "EndpointURL": %q, "Expiration": %q}}`,
		c.AccessKey, c.SecretKey, c.SessionToken, address, ends.Format(time.RFC3339))
}

// A command that takes longer than its credentials asks for others.
func TestCredentialsThatEndAreAskedForAgain(t *testing.T) {
	address, creds, _ := objectStore(t)
	b := newBench(t)
	asked := 0
	b.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		asked++
		giveSession(w, address, creds, time.Duration(asked-1)*time.Hour, s3.Grant{Bucket: "boot-images", Write: true})
	}
	if code, _, stderr := b.run(typed("cray artifacts create boot-images a/b " + b.file("f", "content"))...); code != 0 || asked != 2 {
		t.Errorf("exit %d, asked %d times, %s", code, asked, stderr)
	}
}

func TestArtifactsAndImages(t *testing.T) {
	address, creds, client := objectStore(t)
	b := newBench(t)
	b.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		switch r.Method + " " + r.URL.Path {
		case "PUT /apis/sts/token":
			giveSession(w, address, creds, time.Hour, s3.Everything)
		case "POST /apis/ims/v3/images":
			io.WriteString(w, `{"id": "1234"}`)
		}
	}
	run := func(line, want string) string {
		t.Helper()
		code, out, stderr := b.run(typed(line)...)
		if !strings.Contains(out+stderr, want) || (code != 0) != strings.HasPrefix(want, "Error: ") {
			t.Errorf("%s: exit %d\n%s%s", line, code, out, stderr)
		}
		return out
	}
	t.Run("artifacts", func(t *testing.T) {
		file := b.file("f", "content")
		run("cray artifacts buckets list", "results = [ \"boot-images\",]\n")
		run("cray artifacts create boot-images a/b "+file, "Key = \"a/b\"")
		run("cray artifacts describe boot-images a/b --format json", `"md5sum": "9a0364b9e99bb480dd25e1f0284c8555"`)
		run("cray artifacts list boot-images", "[[artifacts]]\nKey = \"a/b\"")
		copied := filepath.Join(t.TempDir(), "copy")
		if run("cray artifacts get boot-images a/b "+copied, "\n"); read(t, copied) != "content" {
			t.Error("the downloaded file differs")
		}
		run("cray artifacts create boot-images a/b /no/such", "Error: File /no/such does not exist")
		run("cray artifacts delete boot-images a/b", "\n")
		run("cray artifacts delete boot-images a/b", "Error: Object was not found in bucket")
		run("cray artifacts list nowhere", "Error: Bucket does not exist")
	})
	t.Run("images", func(t *testing.T) {
		dir := t.TempDir()
		for _, f := range []string{"vmlinuz-6.1", "initrd.img-6.1", "root.squashfs", "README"} {
			if err := os.WriteFile(filepath.Join(dir, f), []byte(f), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		run("drover images upload "+dir+" --name n --arch aarch64", "manifest  s3://boot-images/1234/manifest.json")
		var m manifest
		text, err := client.Get(t.Context(), "s3://boot-images/1234/manifest.json", 1<<20)
		if err != nil || json.Unmarshal(text, &m) != nil || len(m.Artifacts) != 3 {
			t.Fatalf("%v: %s", err, text)
		}
		for _, a := range m.Artifacts {
			if o, err := client.Head(t.Context(), a.Link.Path); err != nil || o.ETag != a.Link.ETag || a.MD5 != o.ETag {
				t.Errorf("%+v: stored %+v, %v", a, o, err)
			}
		}
		head, _ := client.Head(t.Context(), "s3://boot-images/1234/manifest.json")
		want := `PATCH /apis/ims/v3/images/1234 {"link":{"type":"s3","path":"s3://boot-images/1234/manifest.json","etag":"` + head.ETag + `"}}`
		if !slices.Contains(b.calls, want) || !slices.Contains(b.calls, `POST /apis/ims/v3/images {"name":"n","arch":"aarch64"}`) {
			t.Errorf("no %s among\n%s", want, strings.Join(b.calls, "\n"))
		}
		run("drover images upload "+filepath.Join(dir, "nope")+" --name n", "Error: stat "+filepath.Join(dir, "nope")+": no such file or directory: expected a directory with a kernel, an initrd and a rootfs")
		run("drover images upload "+filepath.Join(dir, "README")+" --name n", "Error: no kernel among the files")
	})
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
