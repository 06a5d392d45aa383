package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/drover-hpc/drover/internal/node"
)

// TestNodeReport has a node report to a server until it is ended.
func TestNodeReport(t *testing.T) {
	b := newBench(t)
	var calls sync.WaitGroup
	calls.Add(4)
	var mu sync.Mutex
	var made []string
	b.answer = func(w http.ResponseWriter, r *http.Request, body string) {
		if r.Method == http.MethodGet {
			io.WriteString(w, `"ssh-ed25519 AAAA ca"`)
		}
		mu.Lock()
		defer mu.Unlock()
		made = append(made, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		calls.Done()
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config, keys := write("sshd_config", "Port 22\n"), filepath.Join(dir, "ca.pem")
	o := nodeOptions{cmdline: write("cmdline", "quiet xname=x1c0s0b0n0 bss_referral_token=t ds=nocloud-net;s="+b.server.URL+"/apis/bss/\n"),
		tokenFile: write("token", "secret\n"), trust: node.Trust{Keys: keys, Config: config, Processes: fstest.MapFS{}}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { calls.Wait(); cancel() }()
	var errs bytes.Buffer
	err := newApp(Config{Stderr: &errs, Getenv: func(string) string { return "" }}).report(ctx, &o)
	if err != nil || !strings.Contains(errs.String(), "drover: x1c0s0b0n0 reports to "+b.server.URL+"\n") {
		t.Errorf("ended with %v, said %s", err, errs.String())
	}
	for _, want := range []string{"GET /apis/bss/meta-data Bearer secret", "PATCH /apis/bos/v2/components/x1c0s0b0n0 Bearer secret",
		"PATCH /apis/cfs/v3/components/x1c0s0b0n0 Bearer secret", "PATCH /apis/smd/hsm/v2/State/Components/x1c0s0b0n0/StateData Bearer secret"} {
		if !slices.Contains(made, want) {
			t.Errorf("no %s among %q", want, made)
		}
	}
	if read(t, keys) != "ssh-ed25519 AAAA ca\n" || read(t, config) != "TrustedUserCAKeys "+keys+"\nPort 22\n" {
		t.Errorf("the key is %q, sshd's settings are %q", read(t, keys), read(t, config))
	}
}

func TestNodeReportWithoutName(t *testing.T) {
	b := newBench(t)
	code, _, stderr := b.run("drover", "node", "report", "--cmdline", b.file("cmdline", "quiet"))
	if code != 1 || stderr != "Error: "+node.ErrNoIdentity.Error()+"\n" {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if code, _, stderr = b.run(typed("cray node report")...); code != 2 || !strings.Contains(stderr, "No such command 'node'") {
		t.Errorf("cray: exit %d, %s", code, stderr)
	}
}

func TestGatewayOfANode(t *testing.T) {
	cmdline := func(text string) string {
		path := filepath.Join(t.TempDir(), "cmdline")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for want, c := range map[string]struct {
		option, line string
		env          map[string]string
	}{
		"http://option":                    {"http://option/", "ds=nocloud-net;s=http://gw/apis/bss/", map[string]string{"API_GATEWAY_HOST": "host"}},
		"https://host":                     {"", "ds=nocloud-net;s=http://gw/apis/bss/", map[string]string{"API_GATEWAY_HOST": "host", "DROVER_SERVER": "http://drover"}},
		"http://drover:8080":               {"", "ds=nocloud-net;s=http://gw/apis/bss/", map[string]string{"DROVER_SERVER": "http://drover:8080/"}},
		"http://gw":                        {"", "ds=nocloud-net;s=http://gw/apis/bss/", nil},
		"https://api-gw-service-nmn.local": {"", "quiet", nil},
	} {
		a := newApp(Config{Stderr: io.Discard, Getenv: func(k string) string { return c.env[k] }})
		d, err := a.daemon(&nodeOptions{gateway: c.option, cmdline: cmdline("xname=x1c0s0b0n0 " + c.line)})
		if err != nil || d.Gateway != want {
			t.Errorf("gateway %q, %v, want %q", d.Gateway, err, want)
		}
	}
	named := newApp(Config{Stderr: io.Discard, Getenv: func(k string) string { return map[string]string{"NODE_IDENTITY": "x9"}[k] }})
	if d, err := named.daemon(&nodeOptions{cmdline: cmdline("xname=x1")}); err != nil || d.Xname != "x9" {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestStepsAreTold(t *testing.T) {
	var out bytes.Buffer
	newApp(Config{Stderr: &out}).progress("root file system", 3120*time.Millisecond)
	if out.String() != "   3.1 s  root file system\n" {
		t.Errorf("got %q", out.String())
	}
}
