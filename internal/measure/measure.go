package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// Config is what `drover bench` is told.
type Config struct {
	// Binary is drover itself.
	Binary string
	Nodes  int
	// Database is as of `drover serve`; empty is SQLite in a temporary
	// directory.
	Database string
}

// Result is what was measured. Times of a session are from its POST to
// "complete", with every node successful.
type Result struct {
	Nodes     int     `json:"nodes"`
	Discovery Cost    `json:"discovery"`
	Boot      Cost    `json:"boot"`
	Reboot    Cost    `json:"reboot"`
	Memory    float64 `json:"server_resident_mb"`
	// Calm and Busy are the 99th percentiles of GET of a session's status, in
	// milliseconds, at rest and during the reboot.
	Calm float64 `json:"status_ms_p99_at_rest"`
	Busy float64 `json:"status_ms_p99_in_reboot"`
}

// Cost is what a part of it took.
type Cost struct {
	Seconds float64 `json:"seconds"`
	// Server and Fleet are milliseconds of processor time, a node.
	Server float64 `json:"server_cpu_ms_per_node"`
	Fleet  float64 `json:"fleet_cpu_ms_per_node"`
}

// cluster is a server and its nodes.
type cluster struct {
	Config
	dir           string
	server, fleet *process
	api           *httpapi.Client
}

// Run measures, and leaves nothing.
func Run(ctx context.Context, c Config) (r Result, err error) {
	r.Nodes = c.Nodes
	dir, err := os.MkdirTemp("", "drover-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	l := &cluster{Config: c, dir: dir}
	defer func() {
		l.fleet.stop()
		l.server.stop()
	}()
	if r.Discovery, err = l.discover(ctx); err != nil {
		return r, err
	}
	if err := l.prepare(ctx); err != nil {
		return r, err
	}
	if r.Boot, _, err = l.session(ctx, "boot"); err != nil {
		return r, err
	}
	calm, err := l.atRest(ctx)
	if err != nil {
		return r, err
	}
	var busy []time.Duration
	if r.Reboot, busy, err = l.session(ctx, "reboot"); err != nil {
		return r, err
	}
	r.Calm, r.Busy = p99(calm), p99(busy)
	resident, err := l.server.resident()
	r.Memory = float64(resident) / 1e6
	return r, err
}

// discover starts both and waits until the server knows all nodes, and that
// they are off.
func (l *cluster) discover(ctx context.Context) (Cost, error) {
	return l.cost(func() (err error) {
		data := filepath.Join(l.dir, "data")
		serve := []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0"}
		if l.Database != "" {
			serve = append(serve, "--database", l.Database)
		}
		if l.server, err = start(l.Binary, l.dir, serve...); err != nil {
			return err
		}
		var url string
		if err := until(ctx, "the server answers", l.processes(), func() (bool, error) {
			text, err := os.ReadFile(filepath.Join(data, "url"))
			url = strings.TrimSpace(string(text))
			if errors.Is(err, os.ErrNotExist) {
				return false, nil
			}
			return true, err
		}); err != nil {
			return err
		}
		l.api = httpapi.NewClient("Drover", url, nil)
		l.api.HTTP.Timeout = 10 * time.Minute
		if token, err := os.ReadFile(filepath.Join(data, "token")); err == nil { // older builds have none
			l.api.Header = http.Header{"Authorization": {"Bearer " + strings.TrimSpace(string(token))}}
		}
		if l.fleet, err = start(l.Binary, l.dir, "simulate", "--nodes", fmt.Sprint(l.Nodes), "--gateway", url, "--listen", "", "--run-commands=false",
			"--data", filepath.Join(l.dir, "fleet"), "--boot-delay", "0s", "--on-delay", "0s", "--off-delay", "0s"); err != nil {
			return err
		}
		return until(ctx, "all nodes are known", l.processes(), func() (bool, error) { return l.known(ctx) })
	})
}

func (l *cluster) processes() []*process {
	return slices.DeleteFunc([]*process{l.server, l.fleet}, func(p *process) bool { return p == nil })
}

func (l *cluster) known(ctx context.Context) (bool, error) {
	var components []struct{}
	if err := l.call(ctx, http.MethodGet, "/apis/bos/v2/components", nil, &components); err != nil || len(components) < l.Nodes {
		return false, err
	}
	var power struct{ Status []struct{} }
	err := l.call(ctx, http.MethodGet, "/apis/power-control/v1/power-status?powerStateFilter=off", nil, &power)
	return len(power.Status) >= l.Nodes, err
}

// prepare makes an image of three small files and the template of all nodes.
func (l *cluster) prepare(ctx context.Context) error {
	upload := []string{"images", "upload", "--name", "bench", "--format", "json", "--server", l.api.Base}
	for _, name := range []string{"kernel", "initrd", "rootfs"} {
		file := filepath.Join(l.dir, name)
		if err := os.WriteFile(file, bytes.Repeat([]byte(name), 1000), 0o600); err != nil {
			return err
		}
		upload = append(upload, file)
	}
	cmd := exec.CommandContext(ctx, l.Binary, upload...)
	cmd.Env = environ(l.dir)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("upload an image: %w", err)
	}
	var image struct{ Path, ETag string }
	if err := json.Unmarshal(out, &image); err != nil {
		return fmt.Errorf("upload an image: %w", err)
	}
	return l.call(ctx, http.MethodPut, "/apis/bos/v2/sessiontemplates/bench", map[string]any{"boot_sets": map[string]any{
		"all": map[string]any{"type": "s3", "path": image.Path, "etag": image.ETag, "node_roles_groups": []string{"Compute"}}}}, nil)
}

// session runs one to its end, with looks at its status all the while, and
// wants every node to succeed.
func (l *cluster) session(ctx context.Context, operation string) (c Cost, looks []time.Duration, err error) {
	c, err = l.cost(func() error {
		var s struct{ Name string }
		if err := l.call(ctx, http.MethodPost, "/apis/bos/v2/sessions", map[string]any{"template_name": "bench", "operation": operation}, &s); err != nil {
			return err
		}
		var status struct {
			Status     string
			Successful float64         `json:"percent_successful"`
			Errors     json.RawMessage `json:"error_summary"`
		}
		err := until(ctx, "the "+operation+" is complete", l.processes(), func() (bool, error) {
			took, err := l.look(ctx, s.Name, &status)
			looks = append(looks, took)
			return status.Status == "complete", err
		})
		if err == nil && status.Successful != 100 {
			err = fmt.Errorf("%s: %g %% of the nodes succeeded: %s", operation, status.Successful, status.Errors)
		}
		return err
	})
	return c, looks, err
}

// atRest looks at the status of the session that there is.
func (l *cluster) atRest(ctx context.Context) (looks []time.Duration, err error) {
	var sessions []struct{ Name string }
	if err := l.call(ctx, http.MethodGet, "/apis/bos/v2/sessions", nil, &sessions); err != nil {
		return nil, err
	}
	for range 100 {
		took, err := l.look(ctx, sessions[0].Name, nil)
		if err != nil {
			return nil, err
		}
		looks = append(looks, took)
	}
	return looks, nil
}

func (l *cluster) look(ctx context.Context, session string, into any) (time.Duration, error) {
	began := time.Now()
	err := l.call(ctx, http.MethodGet, "/apis/bos/v2/sessions/"+session+"/status", nil, into)
	return time.Since(began), err
}

func (l *cluster) call(ctx context.Context, method, path string, in, out any) error {
	_, err := l.api.Do(ctx, method, path, nil, in, out)
	return err
}

// cost is what do took.
func (l *cluster) cost(do func() error) (Cost, error) {
	used := func(p *process) time.Duration {
		if p == nil {
			return 0
		}
		return p.cpu()
	}
	server, fleet, began := used(l.server), used(l.fleet), time.Now()
	if err := do(); err != nil {
		return Cost{}, err
	}
	each := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(l.Nodes) }
	return Cost{time.Since(began).Seconds(), each(used(l.server) - server), each(used(l.fleet) - fleet)}, nil
}

// p99 is the 99th percentile, in milliseconds.
func p99(of []time.Duration) float64 {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[(len(sorted)*99+99)/100-1].Seconds() * 1000
}
