package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/job"
)

const playbook = `- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {dest: /etc/motd, content: begun}
    - ansible.builtin.command: {cmd: "sleep 1"}
    - ansible.builtin.copy: {dest: /etc/motd, content: ` + lastMark + `}
`

// prepare makes the BMCs known and gives the templates "plain" and
// "configured" something to boot.
func (c *cluster) prepare(ctx context.Context) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	args := []string{"discover"}
	for _, b := range c.fleet.BMCs() {
		args = append(args, b.Address+"="+b.Xname)
	}
	account := c.fleet.BMCs()[0]
	if _, err := c.drover(ctx, append(args, "--username", account.Username, "--password", account.Password)...); err != nil {
		return err
	}
	err := c.until(ctx, 2*time.Minute, "BOS and CFS know every node", func() bool {
		var bos []struct{}
		var cfs struct{ Components []struct{} }
		return c.get(ctx, "/apis/bos/v2/components", &bos) == nil && len(bos) == len(c.nodes) &&
			c.get(ctx, "/apis/cfs/v3/components?limit=100000", &cfs) == nil && len(cfs.Components) == len(c.nodes)
	})
	if err != nil {
		return err
	}
	seconds := int(c.plan.offWait.Seconds())
	if err := c.call(ctx, http.MethodPatch, "/apis/bos/v2/options", fmt.Sprintf(
		`{"max_power_off_wait_time":%d,"max_power_on_wait_time":%d,"max_boot_wait_time":60,"polling_frequency":2}`, seconds, seconds), nil); err != nil {
		return err
	}
	return c.describe(ctx)
}

// describe stores image, configuration and templates.
func (c *cluster) describe(ctx context.Context) error {
	repo := filepath.Join(c.plan.dir, "site.git")
	image := filepath.Join(c.plan.dir, "image")
	for name, text := range map[string]string{repo + "/site.yml": playbook, image + "/kernel": "a kernel", image + "/initrd": "an initrd", image + "/rootfs": "a rootfs"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	commit := `git init -q -b main "$0" && cd "$0" && git add . && git -c user.name=Soak -c user.email=soak@example.org commit -qm Site`
	if out, err := exec.CommandContext(ctx, "sh", "-c", commit, repo).CombinedOutput(); err != nil {
		return fmt.Errorf("make repository: %w: %s", err, out)
	}
	if err := c.call(ctx, http.MethodPut, "/apis/cfs/v3/configurations/site",
		fmt.Sprintf(`{"layers":[{"name":"site","clone_url":"file://%s","branch":"main","playbook":"site.yml"}]}`, repo), nil); err != nil {
		return err
	}
	text, err := c.drover(ctx, "images", "upload", image, "--name", "soak", "--format", "json")
	if err != nil {
		return err
	}
	var stored struct{ Path, ETag string }
	if err := json.Unmarshal(text, &stored); err != nil {
		return fmt.Errorf("images upload printed %q: %w", text, err)
	}
	for name, cfs := range map[string]string{"plain": `"enable_cfs":false`, "configured": `"enable_cfs":true,"cfs":{"configuration":"site"}`} {
		if err := c.call(ctx, http.MethodPut, "/apis/bos/v2/sessiontemplates/"+name, fmt.Sprintf(
			`{%s,"boot_sets":{"all":{"type":"s3","path":%q,"etag":%q,"kernel_parameters":"quiet","node_roles_groups":["Compute"]}}}`,
			cfs, stored.Path, stored.ETag), nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) drover(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.binary, args...)
	cmd.Env = append(os.Environ(), "DROVER_SERVER="+c.url(), "HOME="+c.plan.dir, "CRAY_CONFIG_DIR="+c.plan.dir, auth.TokenFileVariable+"="+c.tokenFile())
	cmd.Stderr = c.log
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("drover %s: %w", args[0], err)
	}
	return out, nil
}

// endJobs ends what outlives a server, and waits for it, before its files go.
func endJobs(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*/supervisor.json")) // the pattern is well formed
	for _, file := range files {
		var s job.Supervisor
		text, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(text, &s) != nil || !s.Alive() {
			continue
		}
		syscall.Kill(-s.PID, syscall.SIGKILL) //nolint:errcheck // a process group of its own; gone is good
		for deadline := time.Now().Add(10 * time.Second); s.Alive() && time.Now().Before(deadline); {
			<-time.After(10 * time.Millisecond)
		}
	}
}
