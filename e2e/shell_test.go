package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A failed session is held where it failed; from there its playbook can be run
// again on the nodes.
func TestFailedSessionIsEntered(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	c.configure("first", motd("first"))
	c.configure("bad", "- hosts: Compute\n  gather_facts: false\n  tasks:\n    - ansible.builtin.fail: {msg: no such thing}\n      when: not (again | default(false) | bool)\n"+
		"    - ansible.builtin.copy: {dest: /etc/motd, content: by hand}\n")
	c.template("one", "first")
	c.succeed(c.session("one", "boot"))
	if said, err := c.try("cfs", "sessions", "shell", "none"); err == nil {
		t.Errorf("entered a session that there is not: %s", said)
	}
	c.drover("cfs", "v3", "sessions", "create", "--name", "look", "--configuration-name", "bad", "--debug-on-failure", "true", "--ansible-limit", c.nodes[0])
	var log struct{ Held *struct{ Directory string } }
	c.eventually("the session is held", func() bool {
		c.get("/apis/cfs/v3/sessions/look/log", &log)
		return log.Held != nil
	})
	enter := exec.Command(binary, "cfs", "sessions", "shell", "look")
	enter.Env = append(c.clientEnv(), "SHELL=/bin/sh")
	enter.Stdin = strings.NewReader("ls; ansible-playbook site.yml -e again=true -e '{\"x\": 1}'\nexit 7\n")
	var out bytes.Buffer
	enter.Stdout, enter.Stderr = &out, &out
	err := enter.Run()
	if exit, is := err.(*exec.ExitError); !is || exit.ExitCode() != 7 || !strings.Contains(out.String(), "site.yml") {
		t.Errorf("%v\n%s", err, &out)
	}
	if got := c.motdOf(c.nodes[0]); got != "by hand" {
		t.Errorf("motd %q\n%s", got, &out)
	}
	if err := os.WriteFile(log.Held.Directory+"/complete", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, status := c.ends("look"); status["succeeded"] != "false" {
		t.Errorf("%v", status)
	}
	if said, err := c.try("cfs", "sessions", "shell", "look"); err == nil || !strings.Contains(err.Error(), "is not held") {
		t.Errorf("entered a session that is over: %s, %v", said, err)
	}
}
