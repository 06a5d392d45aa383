package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/drover-hpc/drover/bench/proc"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// onTwoServers measures a reboot of 10,000 nodes on SQLite, on PostgreSQL, whose
// own CPU counts, and by way of a second server on PostgreSQL, which passes every
// request of nodes and administrators on to the one that leads.
func onTwoServers(ctx context.Context, b *bench) error {
	const nodes = 10_000
	cluster, err := storetest.StartCluster()
	if err != nil {
		return err
	}
	defer cluster.Stop()
	build := b.builds[0]
	var urls [2]string
	for i, name := range []string{"one", "two"} {
		if urls[i], err = cluster.Database(ctx, name); err != nil {
			return err
		}
	}
	var listen [2]string
	for i := range listen {
		if listen[i], err = freeAddress(); err != nil {
			return err
		}
	}
	single := &askedSide{postgresSide: &postgresSide{droverSide: droverSide{build: build, nodes: nodes, name: "one-server", setup: setup{Database: urls[0]}}, cluster: cluster}}
	double := &askedSide{postgresSide: &postgresSide{droverSide: droverSide{build: build, nodes: nodes, name: "two-servers",
		setup: setup{Database: urls[1], Listen: listen[0], second: listen[1], Advertise: "http://" + listen[1], S3AccessKey: "bench", S3SecretKey: "bench-secret"}}, cluster: cluster}}
	costs, err := compete(ctx, []contender{&droverSide{build: build, nodes: nodes, name: "two-servers-sqlite"}, single, double}, max(b.rounds, 1), false)
	if err != nil {
		return err
	}
	r := row{name: "two-servers", build: build.name, goal: "told, not judged"}
	light := ownCPU(costs[0], nodes)
	r.add("one_over_sqlite", (ownCPU(costs[1], nodes)+single.median(nodes))/light)
	r.add("two_over_sqlite", (ownCPU(costs[2], nodes)+double.median(nodes))/light)
	r.add("sqlite_cpu_ms_per_node", light)
	for i, side := range []*askedSide{single, double} {
		name := []string{"one", "two"}[i]
		r.add(name+"_own_cpu_ms_per_node", ownCPU(costs[i+1], nodes))
		r.add(name+"_postgres_cpu_ms_per_node", side.median(nodes))
		r.add(name+"_seconds", median(costs[i+1], func(c cost) float64 { return c.took.Seconds() }))
	}
	r.add("sqlite_seconds", median(costs[0], func(c cost) float64 { return c.took.Seconds() }))
	for i, side := range []*askedSide{single, double} {
		r.add([]string{"one", "two"}[i]+"_p99_ms", side.wait)
	}
	return b.print(r)
}

// startSecond starts a server that stands by and returns its URL: from then on
// it is the one that is asked.
func (l *lab) startSecond(ctx context.Context, s setup) (string, error) {
	l.api = httpapi.NewClient("Drover", "http://"+s.Listen, nil)
	endpoint, _, err := l.objectStore(ctx)
	if err != nil {
		return "", err
	}
	data := filepath.Join(l.dir, "second")
	if err := shareKey(filepath.Join(l.dir, "data"), data); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, l.build.binary)
	config := map[string]any{"stands": true, "listen": s.second, "database": s.Database, "data": data,
		"s3_endpoint": endpoint, "s3_access_key": s.S3AccessKey, "s3_secret_key": s.S3SecretKey, "verbose": s.Verbose}
	if l.second, err = proc.Start("second server", cmd, config, nil, nil); err != nil {
		return "", err
	}
	url := "http://" + s.second
	l.api = httpapi.NewClient("Drover", url, nil)
	l.api.HTTP.Timeout = 10 * time.Minute
	return url, l.until(ctx, "the second server passes requests on", func() (bool, error) {
		resp, err := http.Get(url + "/readyz")
		if err != nil {
			return false, nil //nolint:nilerr // it does not listen yet
		}
		return resp.StatusCode == http.StatusOK, drain(resp)
	})
}

// askedSide is asked for single components after each reboot.
type askedSide struct {
	*postgresSide
	wait float64
}

func (a *askedSide) reboot(ctx context.Context) (cost, error) {
	c, err := a.postgresSide.reboot(ctx)
	if err != nil {
		return c, err
	}
	a.wait, err = a.waits(ctx)
	return c, err
}

// waits is the 99th percentile, in milliseconds, of what a change of one component
// and the look at it take, one after another on an idle server.
func (d *droverSide) waits(ctx context.Context) (float64, error) {
	const count = 2_000
	var list []struct{ ID string }
	if err := d.get(ctx, "/apis/bos/v2/components", &list); err != nil {
		return 0, err
	}
	took := make([]time.Duration, count)
	for i := range took {
		path := "/apis/bos/v2/components/" + list[i%len(list)].ID
		want := fmt.Sprintf("change %d", i)
		start := time.Now()
		if err := d.call(ctx, http.MethodPatch, path, fmt.Sprintf(`{"error":%q}`, want), nil); err != nil {
			return 0, err
		}
		var is struct{ Error string }
		if err := d.get(ctx, path, &is); err != nil {
			return 0, err
		}
		took[i] = time.Since(start)
		if is.Error != want {
			return 0, fmt.Errorf("component %s has %q after a change to %q", list[i%len(list)].ID, is.Error, want)
		}
	}
	slices.Sort(took)
	return took[count*99/100].Seconds() * 1000, nil
}

// shareKey gives a second server the first one's key of secrets. Older revisions
// have none.
func shareKey(from, to string) error {
	const name = "secret.key"
	text, err := os.ReadFile(filepath.Join(from, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.MkdirAll(to, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(to, name), text, 0o600)
	}
	return err
}
