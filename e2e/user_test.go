package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A server as a unit of systemd has it: an ordinary user without any capability,
// who gets none by programs that would give some.
func TestServerOfAnOrdinaryUserRunsPlaybooks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	t.Parallel()
	const user = "60998"
	c := prepare(t, []string{"--git-file-roots", "/"})
	as := []string{"setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs", "env", "HOME=" + c.dir}
	c.wrapped = as
	own := filepath.Join(c.dir, "drover")
	repo := filepath.Join(c.dir, "site.git")
	c.write("site.git/site.yml", `- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - command: id -u
      register: own
    - fail: {msg: "the play is user {{ own.stdout }}"}
      failed_when: own.stdout != "60998"
`)
	for _, command := range [][]string{
		{"chmod", "0711", filepath.Dir(c.dir)}, {"cp", c.binary, own}, {"chown", "-R", user + ":" + user, c.dir},
		slices.Concat(as, []string{"git", "-C", repo, "init", "-q", "-b", "main"}), slices.Concat(as, []string{"git", "-C", repo, "add", "."}),
		slices.Concat(as, []string{"git", "-C", repo, "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-qm", "Site"}),
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", command, err, out)
		}
	}
	c.binary = own
	c.start()
	record := c.write("site.json", `{"layers":[{"name":"site","clone_url":"file://`+repo+`","branch":"main","playbook":"site.yml"}]}`)
	c.drover("cfs", "v3", "configurations", "update", "site", "--file", record)
	c.drover("cfs", "v3", "sessions", "create", "--name", "first", "--configuration-name", "site")
	c.eventually("the session ends", func() bool {
		return strings.Contains(c.drover("cfs", "v3", "sessions", "describe", "first"), "complete")
	})
	log := c.drover("cfs", "v3", "sessions", "log", "first")
	if said := c.drover("cfs", "v3", "sessions", "describe", "first"); !strings.Contains(said, `succeeded = "true"`) {
		t.Errorf("%s\n%s", said, log)
	}
	if mirrors, err := filepath.Glob(filepath.Join(c.dir, "data", "repositories", "*", "HEAD")); err != nil || len(mirrors) != 1 {
		t.Errorf("the clone left no mirror: %v, %v", mirrors, err)
	}
}
