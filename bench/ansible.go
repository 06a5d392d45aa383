package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/aee/plugin"
	"github.com/drover-hpc/drover/internal/server"
)

// stepOfSession is the inner side of the session measure: the server starts
// the steps of its sessions through this same program.
func stepOfSession() {
	if len(os.Args) > 1 && os.Args[1] == "aee" {
		os.Exit(aee.Command(os.Args[:2]).Main(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
	}
}

// The hosts are this machine, each with a folder of its own.
const (
	ansibleHosts = "h1,h2,h3,h4"
	ansibleVars  = "ansible_connection: local\nansible_python_interpreter: /usr/bin/python3\n"
	playbook     = `- hosts: Compute
  tasks:
    - file: {path: "{{ lookup('env', 'BENCH_OUT') }}/{{ inventory_hostname }}", state: directory}
    - copy: {dest: "{{ lookup('env', 'BENCH_OUT') }}/{{ inventory_hostname }}/motd", content: "{{ ansible_kernel }}"}
    - command: "true"
      changed_when: false
`
)

// ansibleSession measures a whole CFS session, from its POST to complete, with
// status reporting on, against the bare ansible-playbook that it runs.
func ansibleSession(ctx context.Context) ([]row, error) {
	c, err := startAnsible(ctx)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	bare, repo := filepath.Join(c.dir, "bare"), filepath.Join(c.dir, "site")
	os.Setenv("BENCH_OUT", filepath.Join(c.dir, "out"))
	os.Setenv("HOME", c.dir)
	if err := c.prepareAnsible(ctx, repo); err != nil {
		return nil, err
	}
	if err := prepareBare(bare); err != nil {
		return nil, err
	}
	var sessions, plain []time.Duration
	for i := range 8 {
		took, err := c.configure(ctx, fmt.Sprintf("bench-%d", i))
		if err != nil {
			return nil, err
		}
		alone, err := playBare(ctx, bare, filepath.Join(repo, "site.yml"))
		if err != nil {
			return nil, err
		}
		if i > 0 { // the first fills caches
			sessions, plain = append(sessions, took), append(plain, alone)
		}
	}
	slices.Sort(sessions)
	slices.Sort(plain)
	session, alone := sessions[len(sessions)/2], plain[len(plain)/2]
	return []row{{"CFS session over bare ansible-playbook, 4 hosts", fmt.Sprintf("%s over %s: +%s", seconds(session), seconds(alone), seconds(session-alone)),
		"<= +" + seconds(alone/20+300*time.Millisecond)}}, nil
}

// startAnsible starts a server without nodes whose sessions are real.
func startAnsible(ctx context.Context) (*cluster, error) {
	dir, err := os.MkdirTemp("", "drover-bench-")
	if err != nil {
		return nil, err
	}
	s, err := server.Start(ctx, server.Config{Listen: "127.0.0.1:0", S3Listen: "127.0.0.1:0", Data: filepath.Join(dir, "data"),
		SSHPort: 22, MaxSessions: 4}, server.Options{})
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return newCluster(dir, s), nil
}

// prepareAnsible makes the git repository, the hosts components, and
// the configuration "site".
func (c *cluster) prepareAnsible(ctx context.Context, repo string) error {
	if err := commitFiles(ctx, repo, map[string]string{"site.yml": playbook, "group_vars/all.yml": ansibleVars}); err != nil {
		return err
	}
	var components []string
	for id := range strings.SplitSeq(ansibleHosts, ",") {
		components = append(components, fmt.Sprintf(`{"id":%q,"enabled":false}`, id))
	}
	if err := c.call(ctx, http.MethodPut, "/apis/cfs/v3/components", "["+strings.Join(components, ",")+"]", nil); err != nil {
		return err
	}
	return c.call(ctx, http.MethodPut, "/apis/cfs/v3/configurations/site", fmt.Sprintf(
		`{"layers":[{"name":"site","clone_url":"file://%s","branch":"main","playbook":"site.yml"}]}`, repo), nil)
}

// prepareBare makes a folder with the same inventory, and the configuration
// that sessions use, without what is CFS's in it.
func prepareBare(dir string) error {
	config := strings.NewReplacer("callbacks_enabled = cfs_aggregator\n", "", "strategy = cfs_linear\n", "").Replace(string(plugin.DefaultConfig))
	return errors.Join(os.Mkdir(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "ansible.cfg"), []byte(config), 0o644),
		os.WriteFile(filepath.Join(dir, "hosts"), []byte("[Compute]\n"+strings.ReplaceAll(ansibleHosts, ",", "\n")+"\n"), 0o644))
}

// configure runs a session to its end and wants it to succeed.
func (c *cluster) configure(ctx context.Context, name string) (time.Duration, error) {
	start := time.Now()
	if err := c.call(ctx, http.MethodPost, "/apis/cfs/v3/sessions", fmt.Sprintf(
		`{"name":%q,"configuration_name":"site","target":{"definition":"spec","groups":[{"name":"Compute","members":[%s]}]}}`,
		name, `"`+strings.ReplaceAll(ansibleHosts, ",", `","`)+`"`), nil); err != nil {
		return 0, err
	}
	var now struct {
		Status struct {
			Session struct{ Status, Succeeded string }
		}
	}
	if err := c.until(ctx, "session "+name+" is complete", func() (bool, error) {
		err := c.get(ctx, "/apis/cfs/v3/sessions/"+name, &now)
		return now.Status.Session.Status == "complete", err
	}); err != nil {
		return 0, err
	}
	took := time.Since(start)
	if now.Status.Session.Succeeded != "true" {
		return 0, fmt.Errorf("session %s did not succeed", name)
	}
	return took, nil
}

func playBare(ctx context.Context, dir, playbook string) (time.Duration, error) {
	start := time.Now()
	cmd := exec.CommandContext(ctx, "ansible-playbook", "-i", "hosts", playbook)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ANSIBLE_CONFIG="+filepath.Join(dir, "ansible.cfg"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("ansible-playbook: %w: %s", err, &out)
	}
	return time.Since(start), nil
}
