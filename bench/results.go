package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/aee/plugin"
)

// What is recorded: 64 hosts, each of which is this machine, and three tasks.
const (
	recordedHosts = 64
	recordedPairs = 5
)

// recorder is a way to run the playbook.
type recorder struct {
	name string
	env  []string
	cpu  []time.Duration
}

// recordedResults measures the processor time of a playbook with the record of
// results against the same without, and with ARA's callback if ARA_TOOLS names
// a directory with ARA and an Ansible that has it. The runs take turns.
func recordedResults(ctx context.Context, b *bench) error {
	dir, err := os.MkdirTemp("", "drover-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, ways, stop, err := recorders(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	for i := range recordedPairs + 1 {
		for _, w := range ways {
			took, err := playRecorded(ctx, program, dir, w)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			if i > 0 { // the first fills caches
				w.cpu = append(w.cpu, took)
			}
		}
	}
	bare := ways[0]
	for _, w := range ways[1:] {
		// Of pairs that ran one after the other: what else the machine does changes slowly.
		shares := make([]float64, recordedPairs)
		for i := range shares {
			shares[i] = 100 * (w.cpu[i].Seconds()/bare.cpu[i].Seconds() - 1)
		}
		slices.Sort(shares)
		r := row{name: "results", build: w.name}
		if w == ways[1] {
			r.build, r.goal = b.builds[0].name, "more cpu percent <= 5"
		}
		r.add("more_cpu_percent", shares[recordedPairs/2])
		r.add("least_percent", shares[0])
		r.add("most_percent", shares[recordedPairs-1])
		r.add("cpu_seconds_without", middle(bare.cpu).Seconds())
		if err := b.print(r); err != nil {
			return err
		}
	}
	return nil
}

// recorders prepares the playbook and the ways to run it, the bare one first.
func recorders(ctx context.Context, dir string) (program string, ways []*recorder, stop func(), err error) {
	stop = func() {}
	program = "ansible-playbook"
	ways = []*recorder{{name: "nothing"},
		{name: "results recorded", env: []string{"ANSIBLE_CALLBACK_PLUGINS=" + filepath.Join(dir, "plugins", plugin.Callbacks),
			"ANSIBLE_CALLBACKS_ENABLED=" + plugin.Recorder, "CFS_RESULTS=" + filepath.Join(dir, "results")}}}
	hosts := make([]string, recordedHosts)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("x1000c0s%db0n0", i)
	}
	vars := "[Compute:vars]\n" + strings.ReplaceAll(ansibleVars, ": ", "=")
	config := strings.NewReplacer("callbacks_enabled = cfs_aggregator\n", "", "strategy = cfs_linear\n", "").Replace(string(plugin.DefaultConfig))
	if err := errors.Join(plugin.Unpack(filepath.Join(dir, "plugins")),
		os.WriteFile(filepath.Join(dir, "ansible.cfg"), []byte(config), 0o644),
		os.WriteFile(filepath.Join(dir, "site.yml"), []byte(playbookWithoutFacts), 0o644),
		os.WriteFile(filepath.Join(dir, "hosts"), []byte("[Compute]\n"+strings.Join(hosts, "\n")+"\n"+vars), 0o644)); err != nil {
		return "", nil, stop, err
	}
	tools := os.Getenv("ARA_TOOLS")
	if tools == "" {
		return program, ways, stop, nil
	}
	ara, stop, err := startARA(ctx, tools, dir)
	if err != nil {
		return "", nil, stop, err
	}
	return filepath.Join(tools, "ansible-playbook"), append(ways, ara), stop, nil
}

const playbookWithoutFacts = `- hosts: Compute
  gather_facts: false
  tasks:
    - file: {path: "{{ lookup('env', 'BENCH_OUT') }}/{{ inventory_hostname }}", state: directory}
    - copy: {dest: "{{ lookup('env', 'BENCH_OUT') }}/{{ inventory_hostname }}/motd", content: "{{ inventory_hostname }}"}
    - command: "true"
      changed_when: false
`

// playRecorded is the processor time of Ansible and all its children.
func playRecorded(ctx context.Context, program, dir string, w *recorder) (time.Duration, error) {
	for _, old := range []string{"out", "results"} {
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			return 0, err
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o755); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, program, "-i", "hosts", "--forks", "8", "site.yml")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ANSIBLE_CONFIG="+filepath.Join(dir, "ansible.cfg"), "BENCH_OUT="+filepath.Join(dir, "out"), "HOME="+dir)
	cmd.Env = append(cmd.Env, w.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("ansible-playbook: %w: %s", err, &out)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "results", "results.jsonl")); w.name == "results recorded" &&
		(err != nil || bytes.Count(text, []byte("\n")) != 3*recordedHosts) {
		return 0, fmt.Errorf("expected %d results: %d bytes, %w\n%s", 3*recordedHosts, len(text), err, &out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// startARA starts ARA's server, whose processor time does not count, and
// returns how its callback is used.
func startARA(ctx context.Context, tools, dir string) (*recorder, func(), error) {
	nothing := func() {}
	plugins, err := exec.CommandContext(ctx, filepath.Join(tools, "python3"), "-m", "ara.setup.callback_plugins").Output()
	if err != nil {
		return nil, nothing, fmt.Errorf("find ARA's callback: %w", err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, nothing, err
	}
	address := l.Addr().String()
	l.Close()
	env := append(os.Environ(), "ARA_BASE_DIR="+filepath.Join(dir, "ara"))
	manage := filepath.Join(tools, "ara-manage")
	migrate := exec.CommandContext(ctx, manage, "migrate")
	migrate.Env = env
	if out, err := migrate.CombinedOutput(); err != nil {
		return nil, nothing, fmt.Errorf("ara-manage migrate: %w: %s", err, out)
	}
	server := exec.CommandContext(ctx, manage, "runserver", "--noreload", address)
	server.Env = env
	if err := server.Start(); err != nil {
		return nil, nothing, err
	}
	stop := func() { server.Process.Kill(); server.Wait() } //nolint:errcheck // it may have ended
	url := "http://" + address
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if resp, err := http.Get(url + "/api/"); err == nil {
			resp.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			return nil, stop, errors.New("ARA does not answer within a minute")
		}
	}
	return &recorder{name: "ARA's callback", env: []string{"ANSIBLE_CALLBACK_PLUGINS=" + strings.TrimSpace(string(plugins)),
		"ARA_API_CLIENT=http", "ARA_API_SERVER=" + url, "ARA_DEFAULT_LABELS=bench"}}, stop, nil
}
