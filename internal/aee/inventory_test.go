package aee

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/aee/plugin"
	"github.com/drover-hpc/drover/internal/cfs"
)

// hsmAnswers have what makes inventories interesting: names that collide,
// names that Ansible does not take, a node without role and group.
func hsmAnswers() map[string]string {
	return map[string]string{
		"/groups": `[{"label":"blue","members":{"ids":["x1"]}},{"label":"p1","members":{"ids":["x1"]}},
			{"label":"Compute","members":{"ids":["x9"]}},{"label":"not-a-name","members":{"ids":["x1"]}},
			{"label":"class","members":{"ids":["x1"]}},{"label":"a","members":{"ids":["x1"]}},{"label":"empty","members":{"ids":[]}}]`,
		"/partitions": `[{"name":"p1","members":{"ids":["x2"]}}]`,
		"/State/Components": `{"Components":[{"ID":"x1","Type":"Node","Role":"Compute"},
			{"ID":"x2","Type":"Node","Role":"Management","SubRole":"Worker"},{"ID":"x3","Type":"Node"}]}`,
		"/Inventory/EthernetInterfaces": `[{"ID":"aa","ComponentID":"x1","IPAddresses":[]},
			{"ID":"ab","ComponentID":"x1","IPAddresses":[{"IPAddress":"127.0.0.5"},{"IPAddress":"127.0.0.6"}]},{"ID":"ac","ComponentID":""}]`,
	}
}

func TestDynamicInventoryAsAnsibleReadsIt(t *testing.T) {
	s := newSite(t)
	s.hsm = hsmAnswers()
	dir := t.TempDir() + "/job"
	if err := create(dir, cfs.Job{ID: "j", Target: cfs.TargetDynamic}, s.Settings); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Inventory(t.Context(), Dir(dir), &out); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command("ansible-inventory", "-i", dir+"/hosts", "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]struct{ Hosts, Children []string }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	groups := map[string][]string{}
	for name, g := range got {
		if name != "_meta" && name != "all" {
			groups[name] = g.Hosts
		}
	}
	want := map[string][]string{"blue": {"x1"}, "p1": {"x2"}, "Compute": {"x1"}, "Management": {"x2"}, "Management_Worker": {"x2"}}
	delete(groups, "empty") // listed or not, by the version
	if diff := cmp.Diff(want, groups); diff != "" {
		t.Error(diff)
	}
	var vars struct {
		Meta struct{ Hostvars map[string]map[string]any } `json:"_meta"`
	}
	if err := json.Unmarshal(text, &vars); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]map[string]any{"x1": {"ansible_host": "127.0.0.5", "cray_cfs_image": false},
		"x2": {"cray_cfs_image": false}}, vars.Meta.Hostvars); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"not-a-name", "class", `"a"`} {
		if !strings.Contains(out.String(), name) {
			t.Errorf("nothing is said of the group %s:\n%s", name, &out)
		}
	}
}

func TestEachFailedQueryFailsTheInventory(t *testing.T) {
	for path := range hsmAnswers() {
		s := newSite(t)
		s.hsm = hsmAnswers()
		delete(s.hsm, path)
		dir := t.TempDir() + "/job"
		if err := create(dir, cfs.Job{ID: "j", Target: cfs.TargetDynamic}, s.Settings); err != nil {
			t.Fatal(err)
		}
		if err := Inventory(t.Context(), Dir(dir), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("without %s: %v", path, err)
		}
	}
}

func TestSpecInventoryAsksHSMOnlyForNodes(t *testing.T) {
	s := newSite(t) // HSM refuses everything
	hw := s.hardware()
	inv, err := specInventory(t.Context(), []cfs.TargetGroup{{Name: "g", Members: []string{"localhost"}}}, hw, nil)
	if err != nil || inv["g"].Hosts["localhost"] == nil {
		t.Errorf("%v, %v", inv, err)
	}
	s.hsm = map[string]string{"/Inventory/EthernetInterfaces": `[{"ComponentID":"x1000c0s0b0n0","IPAddresses":[{"IPAddress":"127.0.0.7"}]}]`}
	inv, err = specInventory(t.Context(), []cfs.TargetGroup{{Name: "g", Members: []string{"x1000c0s0b0n0"}}}, hw,
		map[string]int{"127.0.0.0/24": 2200, "10.0.0.0/8": 22})
	if host := inv["g"].Hosts["x1000c0s0b0n0"]; err != nil || host["ansible_host"] != "127.0.0.7" || host["ansible_port"] != 2200 {
		t.Errorf("%v, %v", inv, err)
	}
}

func TestSiteConfigurations(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/mine", 0o755); err != nil {
		t.Fatal(err)
	}
	text := "[defaults]\n# callbacks_enabled = no\ncallback_whitelist = cfs_aggregator, mine\n" +
		"callback_plugins: /site/callback\n[other]\nstrategy_plugins = /nowhere\n"
	if err := os.WriteFile(dir+"/mine/ansible.cfg", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := ansibleConfig(dir, "mine")
	if err != nil || string(got) != text {
		t.Errorf("%q, %v", got, err)
	}
	want := []string{"ANSIBLE_CALLBACK_PLUGINS=/site/callback:/job/plugins/callback", "ANSIBLE_STRATEGY_PLUGINS=/job/plugins/strategy",
		"ANSIBLE_CALLBACKS_ENABLED=cfs_aggregator, mine,cfs_results"}
	if diff := cmp.Diff(want, pluginEnv(got, "/job/plugins", "")); diff != "" {
		t.Error(diff)
	}
	for config, want := range map[string]string{"": "cfs_aggregator,cfs_results", "[defaults]\ncallbacks_enabled = mine,other": "mine,other,cfs_aggregator,cfs_results"} {
		if env := pluginEnv([]byte(config), "/job/plugins", ""); env[2] != "ANSIBLE_CALLBACKS_ENABLED="+want {
			t.Errorf("configuration %q: %s, expected %s to report", config, env[2], want)
		}
	}
	got, err = ansibleConfig(dir, plugin.DefaultConfigName)
	if err != nil || !bytes.Equal(got, plugin.DefaultConfig) {
		t.Errorf("default: %q, %v", got, err)
	}
}
