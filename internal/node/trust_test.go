package node_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/drover-hpc/drover/internal/node"
)

func TestGatewayOf(t *testing.T) {
	for line, want := range map[string]string{
		"quiet ds=nocloud-net;s=http://10.0.2.100/apis/bss/ xname=x1":                "http://10.0.2.100",
		"ds=nocloud-net;s=https://api.example:8443/apis/bss":                         "https://api.example:8443",
		"ds=nocloud;h=x1;s=http://gw/site/apis/bss/;i=1":                             "http://gw/site",
		"ds=nocloud-net;s=http://old/apis/bss/ ds=nocloud-net;s=http://gw/apis/bss/": "http://gw",
		"ds=nocloud-net;s=http://10.92.100.81:8888/":                                 "", // BSS itself
		"ds=nocloud-net":        "",
		"s=http://gw/apis/bss/": "",
		"":                      "",
	} {
		if got := node.GatewayOf(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// running are the processes of a machine, by their title, whose name is the
// first word's base.
func running(titles map[string]string) fs.FS {
	out := fstest.MapFS{"self": {Data: nil, Mode: fs.ModeSymlink}, "uptime": {Data: []byte("1")}}
	for pid, title := range titles {
		name := strings.TrimSuffix(filepath.Base(strings.Fields(title)[0]), ":")
		out[pid+"/comm"] = &fstest.MapFile{Data: []byte(name + "\n")}
		out[pid+"/cmdline"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(title, " ", "\x00"))}
	}
	return out
}

// bench is a machine with sshd.
func bench(t *testing.T, settings string) (trust *node.Trust, hung *[]int) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "sshd_config")
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	hung = new([]int)
	return &node.Trust{Keys: filepath.Join(dir, "ca.pem"), Config: config, Processes: running(map[string]string{
		"1": "init", "20": "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", "21": "sshd: root@pts/0", "22": "sshd: root [priv]",
		"23": "/usr/sbin/sshd -D", "24": "/usr/bin/vi sshd"}),
		Hangup: func(pid int) error { *hung = append(*hung, pid); return nil }}, hung
}

func text(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestTrust(t *testing.T) {
	const settings = "Port 22\n#TrustedUserCAKeys none\nMatch User backup\n  TrustedUserCAKeys /backup\n"
	trust, hung := bench(t, settings)
	want := "TrustedUserCAKeys " + trust.Keys + "\n" + settings
	for _, step := range []struct {
		key  string
		hung []int
	}{
		{"ssh-ed25519 AAAA one", []int{20, 23}},
		{"ssh-ed25519 AAAA one", nil}, // nothing to do
		{"ssh-ed25519 BBBB two", []int{20, 23}},
	} {
		*hung = nil
		if err := trust.Set(step.key); err != nil {
			t.Fatal(err)
		}
		slices.Sort(*hung)
		if !slices.Equal(*hung, step.hung) {
			t.Errorf("%s: told %v, want %v", step.key, *hung, step.hung)
		}
		if got := text(t, trust.Keys); got != step.key+"\n" {
			t.Errorf("the key is %q", got)
		}
		if got := text(t, trust.Config); got != want {
			t.Errorf("sshd's settings are %q", got)
		}
	}
	if info, err := os.Stat(trust.Config); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode of sshd's settings is %v, %v", info.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Dir(trust.Keys) + "/.*")
	if err != nil || left != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTrustThatIsNamed(t *testing.T) {
	trust, _ := bench(t, "")
	for _, settings := range []string{"trustedusercakeys\t" + trust.Keys + "\n", `TrustedUserCAKeys="` + trust.Keys + `"` + "\n"} {
		if err := os.WriteFile(trust.Config, []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := trust.Set("key"); err != nil || text(t, trust.Config) != settings {
			t.Errorf("%q became %q, %v", settings, text(t, trust.Config), err)
		}
	}
}

func TestTrustThatFails(t *testing.T) {
	other, hung := bench(t, "TrustedUserCAKeys /etc/ssh/site.pem\n")
	if err := other.Set("key"); err == nil || !strings.Contains(err.Error(), "/etc/ssh/site.pem already") || *hung != nil {
		t.Errorf("sshd trusts another file: %v, told %v", err, *hung)
	}
	missing, _ := bench(t, "")
	missing.Config = "/no/such/sshd_config"
	if err := missing.Set("key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no settings: %v", err)
	}
	deaf, _ := bench(t, "")
	deaf.Hangup = func(pid int) error {
		if pid == 20 {
			return os.ErrProcessDone
		}
		return os.ErrPermission
	}
	if err := deaf.Set("key"); !errors.Is(err, os.ErrPermission) || strings.Contains(err.Error(), "process 20") {
		t.Errorf("a process that cannot be told: %v", err)
	}
	told := 0
	deaf.Hangup = func(int) error { told++; return nil }
	if err := deaf.Set("key"); err != nil || told != 2 {
		t.Errorf("the next try: %v, told %d", err, told)
	}
}
