package aee

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/drover-hpc/drover/internal/aee/trust"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job/kubernetes"
)

// sessionWork is what a session becomes with a site's ConfigMap and Secret.
func sessionWork(j cfs.Job) kubernetes.Work {
	c := KubernetesConfig{CAConfigMap: "cray-configmap-ca-public-key", VCSSecret: "vcs-user-credentials", Site: kubernetes.Site{Namespace: "services"}}
	return c.work(j, Settings{CAFile: podCAFile}, nil, time.Hour)
}

func environment(c kubernetes.Container) map[string]string {
	env := map[string]string{}
	for _, v := range c.Env {
		env[v.Name] = v.Value
		if v.ValueFrom != nil {
			env[v.Name] = v.ValueFrom.SecretKeyRef.Name + "/" + v.ValueFrom.SecretKeyRef.Key
		}
	}
	return env
}

// mounts are the paths at which a container has volumes, by their names.
func mounts(c kubernetes.Container) map[string]string {
	paths := map[string]string{}
	for _, m := range c.Mounts {
		paths[m.Name] = m.MountPath
	}
	return paths
}

func TestSessionAsAPod(t *testing.T) {
	w := sessionWork(cfs.Job{ID: "cfs-1", Session: "s1", Configuration: "compute", Selection: "0", Target: cfs.TargetDynamic, AnsibleConfig: "site",
		Limit: "x1,x2", Verbosity: 2, Passthrough: "-t tag", DebugWait: time.Minute})
	if diff := cmp.Diff(map[string]string{"cfsession": "s1", "aee": "s1", "cfsversion": "v3", "configuration": "compute"}, w.Labels); diff != "" {
		t.Errorf("labels: %s", diff)
	}
	if len(w.First) != 1 || len(w.Together) != 2 || w.Dir != "/inventory" {
		t.Fatalf("%+v", w)
	}
	clone, inventory, ansible := w.First[0], w.Together[0], w.Together[1]
	for name, pair := range map[string][2]map[string]string{
		"clone": {environment(clone), {"GIT_SSL_CAINFO": "/etc/cray/ca/certificate_authority.crt", "SESSION_CONFIGURATION_NAME": "compute",
			"SESSION_CONFIGURATION_LIMIT": "0", "GIT_RETRY_MAX": "60", "GIT_RETRY_DELAY": "10",
			"VCS_USERNAME": "vcs-user-credentials/vcs_username", "VCS_PASSWORD": "vcs-user-credentials/vcs_password"}},
		"inventory": {environment(inventory), {"SESSION_NAME": "s1", "RESOURCE_NAMESPACE": "services", "SSL_CAINFO": "/etc/cray/ca/certificate_authority.crt"}},
		"ansible": {environment(ansible), {"SESSION_NAME": "s1", "SSL_CAINFO": "/etc/cray/ca/certificate_authority.crt",
			"ANSIBLE_ARGS": "-vv --limit=x1,x2 -t tag", "INVENTORY_TYPE": "dynamic", "DISABLE_STATE_RECORDING": "True", "DEBUG_WAIT_TIME": "60"}},
		"clone's volumes": {mounts(clone), {"ca-pubkey": "/etc/cray/ca", "repositories": "/repositories"}},
		"inventory's volumes": {mounts(inventory), {"ca-pubkey": "/etc/cray/ca", "cfs-trust-keys": "/secret-keys", "cfs-trust-certificate": "/secret-certs",
			"ansible-config": "/tmp/ansible/site"}},
		"ansible's volumes": {mounts(ansible), {"ca-pubkey": "/etc/cray/ca", "repositories": "/repositories", "cfs-trust-certificate": "/secret-certs"}},
	} {
		if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if names := clone.Name + " " + inventory.Name + " " + ansible.Name; names != "git-clone inventory ansible" || !ansible.Works || inventory.Works {
		t.Errorf("%s; the resources are not Ansible's", names)
	}
	volumes := map[string]corev1.Volume{}
	for _, v := range w.Volumes {
		volumes[v.Name] = v
	}
	config, keys := volumes["ansible-config"].ConfigMap, volumes["cfs-trust-keys"].Secret
	if config.Name != "site" || len(config.Items) != 1 || config.Items[0].Key != "ansible.cfg" || !*config.Optional {
		t.Errorf("ansible-config: %+v", config)
	}
	if diff := cmp.Diff([]corev1.KeyToPath{{Key: "public", Path: "id_ecdsa.pub"}, {Key: "private", Path: "id_ecdsa"}}, keys.Items); diff != "" || keys.SecretName != "cfs-1" {
		t.Errorf("keys: %s", diff)
	}
}

func TestSessionOnImagesHasATeardown(t *testing.T) {
	w := sessionWork(cfs.Job{ID: "cfs-1", Session: "s1", Target: cfs.TargetImage, Images: []cfs.JobImage{{ID: "a"}, {ID: "b"}}})
	last := w.Together[len(w.Together)-1]
	if len(w.Together) != 3 || last.Name != "teardown" || last.Step != StepTeardown || environment(last)["SESSION_NAME"] != "s1" {
		t.Errorf("%+v", w.Together)
	}
	if args := environment(w.Together[1])["ANSIBLE_ARGS"]; args != "--limit=a,b" {
		t.Error(args)
	}
}

// The session's key is the server's to issue; its pod takes it, and each new
// certificate of it.
func TestKeyOfASessionInAPod(t *testing.T) {
	ca, err := trust.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	here, there := filepath.Join(t.TempDir(), "cfs-1"), Dir(t.TempDir())
	if err := create(here, cfs.Job{ID: "cfs-1", Session: "s1"}, Settings{}); err != nil {
		t.Fatal(err)
	}
	data, err := issue(ca, Dir(here))
	if err != nil || !strings.Contains(string(data["private"]), "PRIVATE KEY") {
		t.Fatal(err)
	}
	keys := t.TempDir()
	put := func(data map[string][]byte) {
		for name, file := range map[string]string{"private": "id_ecdsa", "public": "id_ecdsa.pub", "certificate": "id_ecdsa-cert.pub"} {
			if data[name] != nil {
				if err := os.WriteFile(filepath.Join(keys, file), data[name], 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	put(data)
	settings := Settings{KeyDir: keys, CertDir: keys}
	if err := takeKey(there, settings); err != nil {
		t.Fatal(err)
	}
	fresh, err := renew(ca, Dir(here))
	if err != nil || len(fresh) != 1 || string(fresh["certificate"]) == string(data["certificate"]) {
		t.Fatalf("renewed: %v, %v", fresh, err)
	}
	put(fresh)
	if err := takeCertificate(there, settings); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]byte{key(there): data["private"], key(there) + "-cert.pub": fresh["certificate"]} {
		if text, err := os.ReadFile(file); string(text) != string(want) {
			t.Errorf("%s is %q, %v", file, text, err)
		}
	}
}

func TestMissingConfigMapIsNamed(t *testing.T) {
	if _, err := ansibleConfig(podConfigs, "site"); err == nil || !strings.Contains(err.Error(), "expected a ConfigMap of this name") {
		t.Error(err)
	}
}
