package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/xname"
)

// A log is followed live, over layers and the death of the server; afterwards
// log, results and the page behind the record's link tell of every host.
func TestSessionIsFollowedAndItsResultsAreKept(t *testing.T) {
	t.Parallel()
	alone(t, "what a job wrote is on its server's machine")
	c := newCluster(t, 2)
	gate := c.write("gate/closed", "")
	c.configure("first", fmt.Sprintf("- hosts: Compute\n  connection: local\n  gather_facts: false\n  tasks:\n"+
		"    - {name: begins, command: 'true'}\n"+
		"    - {name: waits, changed_when: true, wait_for: {path: %q, state: absent, timeout: 120, sleep: 1}}\n", gate))
	c.configure("second", "- hosts: Compute\n  connection: local\n  gather_facts: false\n  tasks:\n"+
		"    - {name: breaks, fail: {msg: 'no scratch on {{ inventory_hostname }}'}}\n")
	c.drover("cfs", "v3", "configurations", "update", "both", "--file", c.write("both.json", fmt.Sprintf(
		`{"layers":[{"clone_url":"file://%[1]s/first.git","branch":"main","playbook":"site.yml"},{"clone_url":"file://%[1]s/second.git","branch":"main","playbook":"site.yml"}]}`, c.dir)))
	c.drover("cfs", "sessions", "create", "--name", "s1", "--configuration-name", "both",
		"--target-definition", "spec", "--target-group", "Compute", strings.Join(c.nodes, ","))

	shown := filepath.Join(c.dir, "shown")
	follower, ended := c.followLog("s1", shown)
	c.eventually("the first layer's output is shown", func() bool { return strings.Contains(read(shown), "TASK [begins]") })
	c.kill()
	c.remove("gate/closed")
	c.start()
	c.eventually("the follower is at the end", func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	text := read(shown)
	for _, once := range []string{"==> clone <==", "==> ansible <==", "TASK [begins]", "TASK [waits]", "=== layer 1", "TASK [breaks]"} {
		if strings.Count(text, once) != 1 {
			t.Errorf("%d times %q in\n%s", strings.Count(text, once), once, text)
		}
	}
	failed := "task 'breaks' failed on " + xname.Fold(c.nodes) + " (2 hosts): no scratch on"
	if follower.ProcessState.ExitCode() != 1 || !strings.Contains(text, failed) {
		t.Errorf("exit %d, expected 1 and %q in\n%s", follower.ProcessState.ExitCode(), failed, text)
	}
	if log := c.drover("cfs", "sessions", "log", "s1"); !strings.HasPrefix(text, log) || !strings.Contains(log, "TASK [breaks]") {
		t.Errorf("after the end:\n%s\nwhile it ran:\n%s", log, text)
	}
	c.checkResults(failed)
}

// checkResults wants the results of the session s1 and the page on it.
func (c *cluster) checkResults(failed string) {
	c.t.Helper()
	results := c.listIn("results", "cfs", "sessions", "results", "s1", "--status", "failed")
	if all := c.listIn("results", "cfs", "v3", "sessions", "results", "s1"); len(all) != 3*len(c.nodes) || len(results) != len(c.nodes) {
		c.t.Errorf("%d results, %d failed: %v", len(all), len(results), results)
	}
	link, _ := c.object("cfs", "v3", "sessions", "describe", "s1")["logs"].(string)
	if !strings.HasSuffix(link, "/?label=s1") || !strings.HasPrefix(c.scheme()+link, c.url()) {
		c.t.Errorf("the record links to %q", link)
	}
	resp, err := c.http().Get(c.scheme() + link)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(page), strings.ReplaceAll(failed, "'", "&#39;")) {
		c.t.Errorf("%s, %v: no %q in\n%s", resp.Status, err, failed, page)
	}
	for _, n := range c.nodes {
		if !strings.Contains(string(page), "no scratch on "+n) {
			c.t.Errorf("%s is not told of in\n%s", n, page)
		}
	}
}

// followLog runs drover logs -f with its output in the file; ended is closed
// when it has.
func (c *cluster) followLog(session, file string) (*exec.Cmd, <-chan struct{}) {
	c.t.Helper()
	out, err := os.Create(file)
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(client, "logs", "-f", session)
	cmd.Env = c.clientEnv()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait() //nolint:errcheck // its state tells
		out.Close()
	}()
	c.t.Cleanup(func() { cmd.Process.Kill() }) //nolint:errcheck // usually it has ended
	return cmd, ended
}

func read(file string) string {
	text, _ := os.ReadFile(file) // not there yet: nothing
	return string(text)
}
