package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The documents' configuration without any other git server: its clone URL
// names the gateway, which nothing on this machine can resolve.
func TestRepositoryOfTheServerConfiguresNodes(t *testing.T) {
	t.Parallel()
	c := newSimulation(t, 2)
	site := filepath.Join(c.dir, "site")
	var url string
	push := func(text string) (commit string) {
		c.write("site/site.yml", motd(text))
		c.git(site, "add", ".")
		c.git(site, "commit", "-qm", text)
		c.git(site, "push", "-q", url, "cray/site/1.0")
		return c.git(site, "rev-parse", "HEAD")
	}
	commitOf := func(configuration map[string]any) any {
		return configuration["layers"].([]any)[0].(map[string]any)["commit"]
	}
	var first string
	c.act("create and push", func() {
		made := c.object("vcs", "create", "cray/site-config-management")
		url, _ = made["clone_url"].(string)
		if want := c.url() + "/vcs/cray/site-config-management.git"; url != want {
			c.t.Fatalf("clone URL is %q, expected %s", url, want)
		}
		c.write("site/README", "The site's configuration\n")
		c.git(site, "init", "-q", "-b", "cray/site/1.0")
		first = push("first")
		list := c.list("vcs", "list")
		if len(list) != 1 || list[0]["default_branch"] != "cray/site/1.0" {
			c.t.Errorf("list is %v", list)
		}
	})
	c.act("a configuration of the branch", func() {
		file := c.write("site.json", `{"layers":[{"name":"site","playbook":"site.yml","branch":"cray/site/1.0",
			"cloneUrl":"https://api-gw-service-nmn.local/vcs/cray/site-config-management.git"}]}`)
		if got := commitOf(c.object("cfs", "configurations", "update", "site", "--file", file)); got != first {
			c.t.Errorf("commit is %v, expected %s", got, first)
		}
	})
	c.act("nodes boot and are configured", func() {
		c.template("compute", "site")
		c.succeed(c.session("compute", "boot"))
		c.motdsAre("first")
	})
	c.act("a push changes nothing until the branch is looked up", func() {
		second := push("second")
		if got := commitOf(c.object("cfs", "configurations", "describe", "site")); got != first {
			c.t.Errorf("commit is %v, expected %s as before", got, first)
		}
		if got := commitOf(c.object("cfs", "configurations", "update", "site", "--update-branches")); got != second {
			c.t.Errorf("commit is %v, expected %s", got, second)
		}
		for _, n := range c.nodes {
			c.drover("cfs", "components", "update", n, "--enabled", "true", "--desired-config", "site")
		}
		c.eventually("CFS knows that nodes have the second", func() bool { // a job that the server left then would look for the repository
			for _, n := range c.nodes {
				if c.object("cfs", "v3", "components", "describe", n)["configuration_status"] != "configured" {
					return false
				}
			}
			return true
		})
		c.motdsAre("second")
	})
	c.act("a killed server has it still", func() {
		c.kill()
		c.start()
		if out := c.git(site, "ls-remote", url, "refs/heads/cray/site/1.0"); !strings.HasPrefix(out, c.git(site, "rev-parse", "HEAD")) {
			c.t.Errorf("ls-remote: %s", out)
		}
	})
	c.act("delete", func() {
		c.drover("vcs", "delete", "cray/site-config-management", "--yes")
		_, err := c.try("cfs", "configurations", "update", "site", "--update-branches")
		if err == nil || !strings.Contains(err.Error(), "drover vcs create cray/site-config-management") {
			c.t.Errorf("a configuration of what is not there: %v", err)
		}
	})
}

// git runs a user's git and returns its output.
func (c *cluster) git(dir string, args ...string) string {
	c.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Test", "-c", "user.email=test@example.org",
		"-c", "credential.helper=!" + binary + " auth git-credential"}, args...)...)
	cmd.Env = c.clientEnv()
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("git %v: %v %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (c *cluster) motdsAre(text string) {
	c.t.Helper()
	for _, n := range c.nodes {
		if got := c.motdOf(n); got != text {
			c.t.Errorf("%s has %q, expected %q", n, got, text)
		}
	}
}
