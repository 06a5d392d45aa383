package check

import (
	"bytes"
	"encoding/base64"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

const root = "../../.."

// Manifests and chart are the same objects, whatever is asked for.
func TestManifestsAreTheChart(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "drover")
	build := exec.Command("go", "build", "-C", root, "-buildvcs=false", "-o", binary, "./cmd/drover")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, c := range map[string]struct {
		flags   []string
		values  map[string]any
		objects int
	}{
		"defaults": {[]string{"--image", "r/d:1"}, map[string]any{"image": "r/d:1"}, 8},
		"all": {[]string{"--image", "r/d:1", "--image-pull-policy", "Always", "--image-pull-secret", "pull", "--advertise", "http://10.1.0.1:8083",
			"--s3-advertise", "http://10.1.0.1:8081", "--service-type", "LoadBalancer", "--host-network", "--sessions-host-network",
			"--storage-size", "1Ti", "--storage-class", "fast", "--secret", "other", "--option", "--max-sessions=50", "--option", "--log-level=debug"},
			map[string]any{"image": "r/d:1", "imagePullPolicy": "Always", "imagePullSecret": "pull", "advertise": "http://10.1.0.1:8083",
				"s3Advertise": "http://10.1.0.1:8081", "serviceType": "LoadBalancer", "hostNetwork": true, "sessionsHostNetwork": true,
				"storageSize": "1Ti", "storageClass": "fast", "secret": "other", "options": []any{"--max-sessions=50", "--log-level=debug"}}, 8},
		"TLS": {[]string{"--image", "r/d:1", "--tls-secret", "tls", "--node-tls-secret", "nodes-tls", "--ca-configmap", "site-ca"},
			map[string]any{"image": "r/d:1", "tlsSecret": "tls", "nodeTLSSecret": "nodes-tls", "caConfigMap": "site-ca"}, 8},
		"TLS but for nodes": {[]string{"--image", "r/d:1", "--tls-secret", "tls", "--s3-advertise", "http://10.1.0.1:8084"},
			map[string]any{"image": "r/d:1", "tlsSecret": "tls", "s3Advertise": "http://10.1.0.1:8084"}, 8},
		"no secret, no namespace": {[]string{"--image", "r/d:1", "--secret", "", "--create-namespace=false"},
			map[string]any{"image": "r/d:1", "secret": "", "createNamespace": false}, 7},
	} {
		out, err := exec.Command(binary, append([]string{"kubernetes", "manifests", "--namespace", "site"}, c.flags...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		if _, set := c.values["createNamespace"]; !set {
			c.values["createNamespace"] = true
		}
		c.values["createSecretKey"] = false
		want, got := byHelm(t, c.values), objects(t, out)
		if diff := cmp.Diff(want, got); diff != "" || len(got) != c.objects {
			t.Errorf("%s: %d objects: %s", name, len(got), diff)
		}
	}
}

// Helm makes a key; the manifests have the one of a file, each time the same.
func TestKeyOfSecrets(t *testing.T) {
	key := func(list []map[string]any, field string) string {
		for _, o := range list {
			if o["kind"] == "Secret" {
				return o[field].(map[string]any)["secret-key"].(string)
			}
		}
		return ""
	}
	made, err := base64.StdEncoding.DecodeString(key(byHelm(t, map[string]any{"image": "r/d:1"}), "data"))
	if err != nil || !regexp.MustCompile(`^drover-secret-key-1:[A-Za-z0-9_-]{43}\n$`).Match(made) {
		t.Errorf("made: %q, %v", made, err)
	}
	given := "drover-secret-key-1:" + strings.Repeat("A", 43) + "\n"
	if got := key(byHelm(t, map[string]any{"image": "r/d:1", "secretKey": given}), "stringData"); got != given {
		t.Errorf("given: %q", got)
	}
}

// With a certificate all that speaks to the server does so by TLS: pods, clients and the
// probes of the cluster. A value without a certificate changes nothing.
func TestCertificatesReachWhatSpeaksTLS(t *testing.T) {
	pod := func(values map[string]any) string {
		values["image"] = "r/d:1"
		for _, o := range byHelm(t, values) {
			if o["kind"] == "Deployment" {
				text, err := yaml.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
		}
		t.Fatal("no Deployment")
		return ""
	}
	plain := pod(map[string]any{})
	if strings.Contains(plain, "https") || strings.Contains(plain, "HTTPS") || strings.Contains(plain, "8084") || strings.Contains(plain, "tls") {
		t.Errorf("without certificates:\n%s", plain)
	}
	with := pod(map[string]any{"tlsSecret": "pair", "caConfigMap": "site-ca"})
	for want, times := range map[string]int{"scheme: HTTPS": 3, "--kubernetes-gateway=https://drover.site.svc:8080": 1, "--s3-url=https://drover.site.svc:8081": 1,
		"--s3-advertise=http://drover.site.svc:8084": 1, "--advertise=http://drover.site.svc:8083": 1, "secretName: pair": 1, "--kubernetes-ca-configmap=site-ca": 1} {
		if n := strings.Count(with, want); n != times {
			t.Errorf("%s: %d times, want %d", want, n, times)
		}
	}
	if nodes := pod(map[string]any{"nodeTLSSecret": "pair"}); !strings.Contains(nodes, "--advertise=https://drover.site.svc:8083") || strings.Contains(nodes, "HTTPS") {
		t.Errorf("with a certificate for nodes alone:\n%s", nodes)
	}
}

// byHelm is what `helm template drover packaging/helm/drover --namespace site` has.
func byHelm(t *testing.T, values map[string]any) []map[string]any {
	t.Helper()
	chart, err := loader.Load(filepath.Join(root, "packaging/helm/drover"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(chart, values, chartutil.ReleaseOptions{Name: "drover", Namespace: "site"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for _, text := range files {
		list = append(list, objects(t, []byte(text))...)
	}
	sort(list)
	return list
}

func objects(t *testing.T, text []byte) (list []map[string]any) {
	t.Helper()
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var one map[string]any
		err := d.Decode(&one)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if one != nil {
			list = append(list, one)
		}
	}
	sort(list)
	return list
}

func sort(list []map[string]any) {
	name := func(o map[string]any) string {
		return o["kind"].(string) + "/" + o["metadata"].(map[string]any)["name"].(string)
	}
	slices.SortFunc(list, func(a, b map[string]any) int { return strings.Compare(name(a), name(b)) })
}
