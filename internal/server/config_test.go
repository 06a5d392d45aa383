package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
)

// loaded is the configuration that the arguments of `drover serve` give.
func loaded(t *testing.T, args ...string) (Config, error) {
	t.Helper()
	cmd := Command()
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return load(cmd)
}

func TestFlagWinsOverEnvironmentOverFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "drover.yaml")
	if err := os.WriteFile(file, []byte("listen: 127.0.0.1:1\ns3-listen: 127.0.0.1:2\nsimulate: 3\nsim-boot-delay: 7s\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DROVER_S3_LISTEN", "127.0.0.1:22")
	t.Setenv("DROVER_SIMULATE", "33")
	c, err := loaded(t, "--config", file, "--simulate", "333")
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:1" || c.S3Listen != "127.0.0.1:22" || c.Simulate != 333 || c.SimBootDelay.Seconds() != 7 {
		t.Errorf("%+v", c)
	}
	if !filepath.IsAbs(c.Data) {
		t.Errorf("data directory %s is not absolute", c.Data)
	}
}

func TestHomeInAPathIsFound(t *testing.T) {
	t.Setenv("HOME", "/home/op")
	for given, want := range map[string]string{"~/drover": "/home/op/drover", "~": "/home/op", "/var/lib/~x": "/var/lib/~x"} {
		if c, err := loaded(t, "--data", given, "--ansible-config-dir", given); err != nil || c.Data != want || c.AnsibleDir != want {
			t.Errorf("%s: %s, %s, %v", given, c.Data, c.AnsibleDir, err)
		}
	}
}

func TestHostsThatMeanThisServer(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "api-gw-service-nmn.local"},
		{[]string{"--vcs-hosts", ""}, ""},
		{[]string{"--vcs-hosts", "git.example.org,gw:8443"}, "git.example.org gw:8443"},
	} {
		got, err := loaded(t, c.args...)
		if err != nil || strings.Join(got.VCSHosts, " ") != c.want {
			t.Errorf("%q: %q, %v", c.args, got.VCSHosts, err)
		}
	}
	file := filepath.Join(t.TempDir(), "drover.yaml")
	if err := os.WriteFile(file, []byte("vcs-hosts: []\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := loaded(t, "--config", file); err != nil || len(got.VCSHosts) != 0 {
		t.Errorf("none in a file: %q, %v", got.VCSHosts, err)
	}
	if _, err := loaded(t, "--vcs-hosts", "https://gw"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "vcs-hosts") {
		t.Errorf("a URL: %v", err)
	}
}

func TestVirtualNodesAreASection(t *testing.T) {
	file := filepath.Join(t.TempDir(), "drover.yaml")
	if err := os.WriteFile(file, []byte("virtual:\n  nodes: 2\n  memory: 512\n  cpus: 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DROVER_VIRTUAL_CPUS", "4")
	c, err := loaded(t, "--config", file, "--virtual-memory", "1024")
	if want := (Virtual{Nodes: 2, Memory: 1024, CPUs: 4, Accel: "tcg"}); err != nil || c.Virtual != want {
		t.Errorf("%+v, %v; want %+v", c.Virtual, err, want)
	}
	t.Setenv("DROVER_VIRTUAL", "7")
	if c, err = loaded(t); err != nil || c.Virtual.Nodes != 7 {
		t.Errorf("%+v, %v", c.Virtual, err)
	}
	if err := os.WriteFile(file, []byte("virtual: 2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := loaded(t, "--config", file); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "virtual is a section") {
		t.Errorf("a number instead of the section: %v", err)
	}
}

func TestRefusedConfigurationsNameTheKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "drover.yaml")
	if err := os.WriteFile(file, []byte("lisen: x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for says, args := range map[string][]string{
		`unknown key "lisen"`:                   {"--config", file},
		"configuration file":                    {"--config", file + ".missing"},
		"simulate":                              {"--simulate", "-1"},
		"database":                              {"--database", "mysql://x"},
		"sim-boot-failures":                     {"--sim-boot-failures", "1.5"},
		"max-sessions":                          {"--max-sessions", "-1"},
		"job-orphan-timeout":                    {"--job-orphan-timeout", "0s"},
		"image-shell-host":                      {"--image-shell-host", "0.0.0.0"},
		"ssh-port":                              {"--ssh-port", "70000"},
		"s3-access-key":                         {"--s3-endpoint", "http://s3.example.org"},
		"s3-token-time":                         {"--s3-token-time", "1s"},
		"sts-endpoint: ":                        {"--s3-endpoint", "http://s", "--s3-access-key", "a", "--s3-secret-key", "b", "--sts-endpoint", "s"},
		"with s3-endpoint alone":                {"--sts-role-arn", "arn:aws:iam:::role/drover"},
		"s3-give-permanent-keys: ":              {"--s3-endpoint", "http://s", "--s3-access-key", "a", "--s3-secret-key", "b", "--s3-give-permanent-keys", "--sts-role-arn", "x"},
		"s3-token-time: external":               {"--s3-endpoint", "http://s", "--s3-access-key", "a", "--s3-secret-key", "b", "--s3-token-time", "5m"},
		"with advertise":                        {"--listen", ":8080"},
		"no bss-url":                            {"--virtual", "1", "--bss-url", "http://bss.example.org"},
		"boot-retry":                            {"--boot-retry", "0s"},
		"traces-endpoint: ":                     {"--traces-endpoint", "collector:4318"},
		"traces-headers-file: open":             {"--traces-endpoint", "http://c", "--traces-headers-file", file + ".missing"},
		"traces-endpoint is needed":             {"--traces-headers-file", file},
		"traces-nodes: ":                        {"--traces-nodes", "0"},
		"journal-keep: ":                        {"--journal-keep", "-1s"},
		"journal-size: ":                        {"--journal-size", "-1"},
		"audit-keep: ":                          {"--audit-keep", "-1s"},
		"audit-size: ":                          {"--audit-size", "-1"},
		"transitions-size: ":                    {"--transitions-size", "-1"},
		"memory-limit":                          {"--memory-limit", "63"},
		"with s3-advertise":                     {"--s3-listen", "0.0.0.0:8081"},
		"s3-listen: expected":                   {"--s3-listen", "foo"},
		"listen: expected":                      {"--listen", "127.0.0.1:http"},
		"s3-endpoint: ":                         {"--s3-endpoint", "s3.example.org", "--s3-access-key", "a", "--s3-secret-key", "b"},
		"advertise: ":                           {"--advertise", "10.1.0.1:8080"},
		"peer-url: only servers":                {"--peer-url", "http://10.1.0.1:8080"},
		"peer-url: ":                            {"--peer-url", "10.1.0.1:8080", "--database", "postgres://x"},
		"oidc-issuer: ":                         {"--oidc-issuer", "auth.example.org"},
		"oidc-audience: ":                       {"--oidc-issuer", "https://a", "--oidc-audience", ""},
		"oidc-roles: ":                          {"--oidc-issuer", "https://a", "--oidc-roles", "root=admin"},
		"oidc-ca: ":                             {"--oidc-issuer", "https://a", "--oidc-ca", file + ".missing"},
		"kafka: expected":                       {"--kafka", "kafka.example.org"},
		"kafka: expected HOST:PORT of a broker": {"--kafka-tls"},
		"kafka-wait":                            {"--kafka", "k:9092", "--kafka-wait", "0s"},
		"kafka-topic":                           {"--kafka", "k:9092", "--kafka-topic", ""},
		"kafka-group":                           {"--kafka", "k:9092", "--kafka-group", ""},
		"kafka-tls is needed":                   {"--kafka", "k:9092", "--kafka-ca", file},
		`got "kerberos"`:                        {"--kafka", "k:9092", "--kafka-sasl", "kerberos"},
		"kafka-user and":                        {"--kafka", "k:9092", "--kafka-sasl", "plain", "--kafka-user", "u"},
		"kafka-sasl: expected one of":           {"--kafka", "k:9092", "--kafka-user", "u"},
		"kafka-ca: open":                        {"--kafka", "k:9092", "--kafka-tls", "--kafka-ca", file + ".missing"},
		"kafka-password-file: open":             {"--kafka", "k:9092", "--kafka-sasl", "scram-sha-512", "--kafka-user", "u", "--kafka-password-file", file + ".missing"},
	} {
		if _, err := loaded(t, args...); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v; want it to say %q", args, err, says)
		}
	}
	t.Setenv("DROVER_SIMULATE", "many")
	if _, err := loaded(t); err == nil || !strings.Contains(err.Error(), "configuration: 'simulate' ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("text for a number: %v", err)
	}
	t.Setenv("DROVER_SIMULATE", "0")
	if _, err := loaded(t, "--listen", "0.0.0.0:8080", "--node-listen", "0.0.0.0:8083", "--advertise", "http://admin:8083"); err != nil {
		t.Error(err)
	}
}

func TestSettingsOfSessionsInKubernetes(t *testing.T) {
	whole := []string{"--executor", "kubernetes", "--kubernetes-image", "r/d:1", "--advertise", "http://10.1.0.5:8080"}
	for says, more := range map[string][]string{
		"executor: expected local or kubernetes":     {"--executor", "docker"},
		"kubernetes-ims-image: expected executor":    {"--executor", "local", "--kubernetes-ims-image", "r/d:1"},
		"kubernetes-image: expected":                 {"--kubernetes-image", ""},
		"kubernetes-gateway: expected":               {"--advertise", ""},
		"kubernetes-requests: expected":              {"--kubernetes-requests", "memory=lots"},
		"kubernetes-limits: expected":                {"--kubernetes-limits", "4Gi"},
		"kubernetes-node-selector: expected":         {"--kubernetes-node-selector", "worker"},
		"kubernetes-tolerations: expected":           {"--kubernetes-tolerations", "worker=yes"},
		"kubernetes-image-pull-policy: expected":     {"--kubernetes-image-pull-policy", "Sometimes"},
		"kubernetes-start-timeout: expected":         {"--kubernetes-start-timeout", "1ms"},
		"ansible-config-dir: sessions in Kubernetes": {"--ansible-config-dir", "/etc/ansible"},
		"virtual: pods do not reach":                 {"--virtual", "2"},
		"s3-url: with node-s3-listen":                {"--node-s3-listen", "127.0.0.1:8084"},
	} {
		if _, err := loaded(t, append(whole, more...)...); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%v: %v", more, err)
		}
	}
	c, err := loaded(t, append(whole, "--kubernetes-node-selector", "worker=yes", "--kubernetes-tolerations", "hpc=yes:NoSchedule,any:NoExecute")...)
	if err != nil {
		t.Fatal(err)
	}
	site, err := c.Kubernetes.site("ns")
	if err != nil || site.Namespace != "ns" || site.NodeSelector["worker"] != "yes" || site.Resources.Limits.Memory().String() != "6Gi" ||
		site.Tolerations[0].Operator != "Equal" || site.Tolerations[1].Operator != "Exists" {
		t.Errorf("%+v, %v", site, err)
	}
}
