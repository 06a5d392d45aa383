package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/server"
	"github.com/drover-hpc/drover/internal/sim"
)

// cluster is a server with simulated nodes that take no time.
type cluster struct {
	dir    string
	server *server.Server
	api    *httpapi.Client
}

func startCluster(ctx context.Context, nodes int, changes ...func(*sim.Options)) (*cluster, error) {
	dir, err := os.MkdirTemp("", "drover-bench-")
	if err != nil {
		return nil, err
	}
	executor := newNullExecutor()
	s, err := server.Start(ctx, server.Config{
		Listen: "127.0.0.1:0", S3Listen: "127.0.0.1:0", Data: filepath.Join(dir, "data"), Simulate: nodes,
		SSHPort: 22, MaxSessions: 16, PollPower: time.Hour,
	}, server.Options{Executor: executor, Fleet: func(o *sim.Options) {
		o.RunCommands = false
		for _, change := range changes {
			change(o)
		}
	}})
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	c := newCluster(dir, s)
	executor.serve(c.api)
	if err := c.until(ctx, "all nodes are known", func() (bool, error) { return c.known(ctx, nodes) }); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

func newCluster(dir string, s *server.Server) *cluster {
	c := &cluster{dir: dir, server: s, api: httpapi.NewClient("Drover", s.URL(), nil)}
	c.api.HTTP.Timeout = 5 * time.Minute
	return c
}

func (c *cluster) stop() {
	c.server.Stop()
	os.RemoveAll(c.dir)
}

// known tells whether BOS, PCS and CFS know all the nodes.
func (c *cluster) known(ctx context.Context, nodes int) (bool, error) {
	var components []struct{}
	if err := c.get(ctx, "/apis/bos/v2/components", &components); err != nil || len(components) < nodes {
		return false, err
	}
	var power struct{ Status []struct{ PowerState string } }
	if err := c.get(ctx, "/apis/power-control/v1/power-status?powerStateFilter=off", &power); err != nil || len(power.Status) < nodes {
		return false, err
	}
	var cfs struct{ Components []struct{} }
	err := c.get(ctx, "/apis/cfs/v3/components?limit=1000000", &cfs)
	return len(cfs.Components) >= nodes, err
}

func (c *cluster) get(ctx context.Context, path string, out any) error {
	_, err := c.api.Do(ctx, http.MethodGet, path, nil, nil, out)
	return err
}

func (c *cluster) call(ctx context.Context, method, path string, body string, out any) error {
	_, err := c.api.Do(ctx, method, path, nil, json.RawMessage(body), out)
	return err
}

// until polls a condition; what is measured with it is long against its pause.
func (c *cluster) until(ctx context.Context, what string, holds func() (bool, error)) error {
	deadline := time.Now().Add(10 * time.Minute)
	for {
		ok, err := holds()
		if err != nil || ok {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain until %s", what)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// prepare makes an image, a configuration and the template "t" of all nodes.
func (c *cluster) prepare(ctx context.Context) error {
	repo := filepath.Join(c.dir, "repo.git")
	if err := commitFiles(ctx, repo, map[string]string{"site.yml": "- hosts: all\n"}); err != nil {
		return err
	}
	err := c.call(ctx, http.MethodPut, "/apis/cfs/v3/configurations/bench",
		fmt.Sprintf(`{"layers":[{"name":"site","clone_url":"file://%s","branch":"main","playbook":"site.yml"}]}`, repo), nil)
	if err != nil {
		return err
	}
	manifest, err := c.uploadImage(ctx)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPut, "/apis/bos/v2/sessiontemplates/t", fmt.Sprintf(`{"enable_cfs":true,"cfs":{"configuration":"bench"},
		"boot_sets":{"all":{"type":"s3","path":%q,"kernel_parameters":"quiet","node_roles_groups":["Compute"]}}}`, manifest), nil)
}

// commitFiles makes a git repository of the files.
func commitFiles(ctx context.Context, repo string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(repo, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	script := `git init -q -b main "$0" && cd "$0" && git add . && git -c user.name=Bench -c user.email=bench@example.org commit -qm Bench`
	if out, err := exec.CommandContext(ctx, "sh", "-c", script, repo).CombinedOutput(); err != nil {
		return fmt.Errorf("make repository: %w: %s", err, out)
	}
	return nil
}

// uploadImage stores a tiny image and returns its manifest's URL.
func (c *cluster) uploadImage(ctx context.Context) (string, error) {
	objects := c.server.Objects()
	const base = "s3://boot-images/bench"
	type link struct {
		Type string `json:"type"`
		Path string `json:"path"`
		ETag string `json:"etag"`
	}
	type artifact struct {
		Type string `json:"type"`
		Link link   `json:"link"`
	}
	var artifacts []artifact
	for name, kind := range map[string]string{"kernel": "kernel", "initrd": "initrd", "rootfs": "rootfs.squashfs"} {
		data := strings.Repeat(name, 1000)
		o, err := objects.Put(ctx, base+"/"+name, strings.NewReader(data), int64(len(data)), "")
		if err != nil {
			return "", err
		}
		artifacts = append(artifacts, artifact{"application/vnd.cray.image." + kind, link{"s3", base + "/" + name, o.ETag}})
	}
	manifest, err := json.Marshal(map[string]any{"version": "1.0", "artifacts": artifacts})
	if err != nil {
		return "", err
	}
	_, err = objects.Put(ctx, base+"/manifest.json", bytes.NewReader(manifest), int64(len(manifest)), "application/json")
	return base + "/manifest.json", err
}

// session runs one to its end and wants every node to succeed.
func (c *cluster) session(ctx context.Context, operation string) (time.Duration, error) {
	start := time.Now()
	var s struct{ Name string }
	if err := c.call(ctx, http.MethodPost, "/apis/bos/v2/sessions",
		fmt.Sprintf(`{"operation":%q,"template_name":"t"}`, operation), &s); err != nil {
		return 0, err
	}
	if err := c.until(ctx, operation+" is complete", func() (bool, error) {
		var now struct{ Status struct{ Status string } }
		err := c.get(ctx, "/apis/bos/v2/sessions/"+s.Name, &now)
		return now.Status.Status == "complete", err
	}); err != nil {
		return 0, err
	}
	took := time.Since(start)
	var status map[string]any
	if err := c.get(ctx, "/apis/bos/v2/sessions/"+s.Name+"/status", &status); err != nil {
		return 0, err
	}
	if status["percent_successful"] != 100.0 {
		return 0, fmt.Errorf("%s session: %v", operation, status)
	}
	return took, nil
}

// drain reads and forgets, so that the connection is used again.
func drain(resp *http.Response) error {
	defer resp.Body.Close()
	_, err := io.Copy(io.Discard, resp.Body)
	return err
}
