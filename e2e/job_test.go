package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/drover-hpc/drover/internal/sim"
)

// configure commits playbooks to a new git repository and makes a CFS
// configuration of them. Where there are several servers it is theirs.
func (c *cluster) configure(name, playbook string) {
	c.t.Helper()
	if c.members != nil && !c.members.outside {
		c.keep(name, playbook)
		return
	}
	repo := filepath.Join(c.dir, name+".git")
	c.write(name+".git/site.yml", playbook)
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."},
		{"-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-qm", "Site"}} {
		if out, err := exec.Command("git", append([]string{"-C", repo}, args...)...).CombinedOutput(); err != nil {
			c.t.Fatalf("git %v: %v %s", args, err, out)
		}
	}
	file := c.write(name+".json", fmt.Sprintf(
		`{"layers":[{"name":"site","clone_url":"file://%s","branch":"main","playbook":"site.yml"}]}`, repo))
	c.drover("cfs", "v3", "configurations", "update", name, "--file", file)
}

// keep pushes a playbook to a repository of the server and makes a configuration
// of it.
func (c *cluster) keep(name, playbook string) {
	c.t.Helper()
	if _, err := c.try("vcs", "create", "cray/"+name); err != nil && !strings.Contains(err.Error(), "already") {
		c.t.Fatal(err)
	}
	dir := filepath.Join(c.dir, name)
	c.write(name+"/site.yml", playbook)
	c.git(dir, "init", "-q", "-b", "main")
	c.git(dir, "add", ".")
	c.git(dir, "commit", "-qm", "Site")
	c.git(dir, "push", "-q", c.url()+"/vcs/cray/"+name+".git", "main")
	c.drover("cfs", "v3", "configurations", "update", name, "--file", c.write(name+".json", fmt.Sprintf(
		`{"layers":[{"name":"site","clone_url":"https://api-gw-service-nmn.local/vcs/cray/%s.git","branch":"main","playbook":"site.yml"}]}`, name)))
}

// motd is a playbook that leaves its text on each node.
func motd(text string) string {
	return fmt.Sprintf("- hosts: Compute\n  gather_facts: false\n  tasks:\n"+
		"    - ansible.builtin.copy: {dest: /etc/motd, content: %q}\n", text)
}

// template uploads an image and makes a session template for all compute nodes.
func (c *cluster) template(name, configuration string) {
	c.t.Helper()
	for _, part := range []string{"kernel", "initrd", "rootfs"} {
		c.write(filepath.Join(name, part), strings.Repeat(part+" of "+name+"\n", 1000))
	}
	image := c.object("images", "upload", filepath.Join(c.dir, name), "--name", name)
	file := c.write(name+"-template.json", fmt.Sprintf(`{"enable_cfs":true,"cfs":{"configuration":%q},"boot_sets":{"compute":
		{"type":"s3","path":%q,"etag":%q,"kernel_parameters":"console=ttyS0 quiet","node_roles_groups":["Compute"]}}}`,
		configuration, image["path"], image["etag"]))
	c.drover("bos", "v2", "sessiontemplates", "create", "--file", file, name)
}

// session starts one and returns its name.
func (c *cluster) session(template, operation string, more ...string) string {
	c.t.Helper()
	s := c.object(append([]string{"bos", "v2", "sessions", "create", "--template-name", template, "--operation", operation}, more...)...)
	return s["name"].(string)
}

// finish waits for the session and returns its status.
func (c *cluster) finish(session string) map[string]any {
	c.t.Helper()
	var status map[string]any
	c.eventually("session "+session+" is complete", func() bool {
		status = c.object("bos", "v2", "sessions", "status", "list", session)
		return status["status"] == "complete"
	})
	return status
}

// succeed waits for the session and wants every node to have succeeded.
func (c *cluster) succeed(session string) {
	c.t.Helper()
	ended := false
	defer func() {
		if !ended { // by a failure or in vain: why
			for _, n := range c.nodes {
				c.t.Log(c.try("explain", n))
			}
		}
	}()
	status := c.finish(session)
	ended = status["percent_successful"] == 100.0 && status["percent_failed"] == 0.0
	if !ended {
		c.t.Errorf("session %s: %v", session, status)
	}
}

func (c *cluster) component(node string) map[string]any {
	c.t.Helper()
	var v map[string]any
	c.get("/apis/bos/v2/components/"+node, &v)
	return v
}

// status is the component's computed status.
func (c *cluster) status(node string) string {
	c.t.Helper()
	s, _ := c.component(node)["status"].(map[string]any)
	text, _ := s["status"].(string)
	return text
}

// get asks the server itself, where a command would take too long.
func (c *cluster) get(path string, out any) {
	c.t.Helper()
	if err := json.Unmarshal(c.text(path), out); err != nil {
		c.t.Fatalf("GET %s: %v", path, err)
	}
}

// text is what the server answers to a GET.
func (c *cluster) text(path string) []byte {
	c.t.Helper()
	resp, err := c.http().Get(c.url() + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("GET %s: %s, %v", path, resp.Status, err)
	}
	return text
}

// motdOf is what Ansible left on the node.
func (c *cluster) motdOf(node string) string {
	text, err := os.ReadFile(filepath.Join(c.view(node).Layer, "etc/motd"))
	if err != nil {
		return ""
	}
	return string(text)
}

// resets counts what the node's BMC was asked for, by type.
func (c *cluster) resets(node string) map[string]int {
	counts := map[string]int{}
	for _, r := range c.view(node).Resets {
		counts[r.Type]++
	}
	return counts
}

// view is the node as only a simulation shows it.
func (c *cluster) view(node string) (v sim.NodeView) {
	c.t.Helper()
	c.simulation("/nodes/"+node, &v)
	return v
}

func (c *cluster) views() (list []sim.NodeView) {
	c.t.Helper()
	c.simulation("/nodes", &list)
	return list
}

// simulation asks the fleet, wherever it lives.
func (c *cluster) simulation(path string, out any) {
	c.t.Helper()
	if c.fleet == nil {
		c.get("/apis/drover/v1/sim"+path, out)
		return
	}
	answer := httptest.NewRecorder()
	sim.Handler(c.fleet).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
		c.t.Fatal(err)
	}
}
