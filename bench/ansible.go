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
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/aee/plugin"
)

// The hosts are this machine, each with a folder of its own.
const (
	ansibleHosts = "h1,h2,h3,h4"
	ansibleVars  = "ansible_connection: local\nansible_python_interpreter: /usr/bin/python3\n"
	playbook     = `- hosts: Compute
  tasks:
    - file: {path: "{{ out }}/{{ inventory_hostname }}", state: directory}
    - copy: {dest: "{{ out }}/{{ inventory_hostname }}/motd", content: "{{ ansible_kernel }}"}
    - command: "true"
      changed_when: false
`
)

// ansibleSession measures a whole CFS session, from its POST to complete, with
// status reporting on, against the bare ansible-playbook that it runs.
func ansibleSession(ctx context.Context, b *bench) error {
	dir, repo, err := prepareSite(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bare := filepath.Join(dir, "bare")
	defer os.Setenv("HOME", os.Getenv("HOME"))
	os.Setenv("HOME", dir) // of the servers, too
	if err := prepareBare(bare); err != nil {
		return err
	}
	for _, build := range b.builds {
		r, err := sessionsOf(ctx, build, bare, repo)
		if err != nil {
			return err
		}
		if err := b.print(r); err != nil {
			return err
		}
	}
	return nil
}

// prepareSite makes a folder with the playbook's repository in it. What the playbook
// makes lies there as well, or, in a cage, at the same place of the cage's own /tmp.
func prepareSite(ctx context.Context) (dir, repo string, err error) {
	if dir, err = os.MkdirTemp("/tmp", "drover-bench-"); err != nil {
		return "", "", err
	}
	repo = filepath.Join(dir, "site")
	err = commitFiles(ctx, repo, map[string]string{"site.yml": playbook, "group_vars/all.yml": ansibleVars + "out: " + filepath.Join(dir, "out") + "\n"})
	if err != nil {
		os.RemoveAll(dir)
	}
	return dir, repo, err
}

// sessionsOf has sessions and the bare playbook take turns.
func sessionsOf(ctx context.Context, build build, bare, repo string) (row, error) {
	l, err := startLab(ctx, build, 0, setup{RealSessions: true})
	if err != nil {
		return row{}, err
	}
	defer l.stop()
	if err := l.prepareAnsible(ctx, repo); err != nil {
		return row{}, err
	}
	var sessions, plain []time.Duration
	for i := range 8 {
		took, err := l.configure(ctx, fmt.Sprintf("bench-%d", i))
		if err != nil {
			return row{}, err
		}
		alone, err := playBare(ctx, bare, filepath.Join(repo, "site.yml"))
		if err != nil {
			return row{}, err
		}
		if i > 0 { // the first fills caches
			sessions, plain = append(sessions, took), append(plain, alone)
		}
	}
	session, alone := middle(sessions), middle(plain)
	r := row{name: "cfs-session", build: build.name, goal: "added ms <= " + digits((alone/20+300*time.Millisecond).Seconds()*1000)}
	r.add("session_seconds", session.Seconds())
	r.add("bare_ansible_seconds", alone.Seconds())
	r.add("added_ms", (session-alone).Seconds()*1000)
	return r, nil
}

// prepareAnsible makes the hosts components, and the configuration "site".
func (l *lab) prepareAnsible(ctx context.Context, repo string) error {
	var components []string
	for id := range strings.SplitSeq(ansibleHosts, ",") {
		components = append(components, fmt.Sprintf(`{"id":%q,"enabled":false}`, id))
	}
	if err := l.call(ctx, http.MethodPut, "/apis/cfs/v3/components", "["+strings.Join(components, ",")+"]", nil); err != nil {
		return err
	}
	return l.call(ctx, http.MethodPut, "/apis/cfs/v3/configurations/site", fmt.Sprintf(
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
func (l *lab) configure(ctx context.Context, name string) (time.Duration, error) {
	start := time.Now()
	if err := l.call(ctx, http.MethodPost, "/apis/cfs/v3/sessions", fmt.Sprintf(
		`{"name":%q,"configuration_name":"site","target":{"definition":"spec","groups":[{"name":"Compute","members":[%s]}]}}`,
		name, `"`+strings.ReplaceAll(ansibleHosts, ",", `","`)+`"`), nil); err != nil {
		return 0, err
	}
	var now struct {
		Status struct {
			Session struct{ Status, Succeeded string }
		}
	}
	if err := l.closely(ctx, "session "+name+" is complete", func() (bool, error) {
		err := l.get(ctx, "/apis/cfs/v3/sessions/"+name, &now)
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
