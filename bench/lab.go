package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/drover-hpc/drover/bench/proc"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/simulate"
)

// lab is a server and a fleet, each in a process of its own; this process is
// the administrator, and plays the part of Ansible.
type lab struct {
	build  build
	dir    string
	nodes  int
	server *proc.Process
	second *proc.Process // stands by, and is the one that is asked; nil if there is none
	fleet  *fleet
	api    *httpapi.Client
	jobs   chan cfs.Job

	mu     sync.Mutex
	failed error // of a job
}

// setup is what labs differ in.
type setup struct {
	Database  string        `json:"database"`
	Data      string        `json:"data"`
	PollPower time.Duration `json:"poll_power"`
	NoResync  bool          `json:"no_resync"`
	Verbose   bool          `json:"verbose"`
	// RealSessions has sessions run Ansible.
	RealSessions bool `json:"real_sessions"`
	// These are of its object store; else it makes them.
	S3AccessKey string `json:"s3_access_key"`
	S3SecretKey string `json:"s3_secret_key"`
	// Auth is whom it serves, as serve takes it; empty: everybody, unrecorded.
	Auth      string `json:"auth"`
	Listen    string `json:"listen"`
	Advertise string `json:"advertise"`
	// BMCEvents is the server's URL for BMCs, where the revision knows that; empty: they tell nothing.
	BMCEvents string `json:"bmc_events"`
	second    string // where another server listens, by which all requests go; this one has to listen somewhere known then
	pace      float64
	atOnce    int // nodes
}

// startLab starts both and waits until all nodes are known.
func startLab(ctx context.Context, b build, nodes int, s setup) (_ *lab, err error) {
	l := &lab{build: b, nodes: nodes, jobs: make(chan cfs.Job, 1_000_000)}
	if l.dir, err = os.MkdirTemp("", "drover-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.stop()
		}
	}()
	if s.PollPower == 0 {
		s.PollPower = time.Hour
	}
	s.Data, s.Verbose = filepath.Join(l.dir, "data"), verbose
	cmd := exec.CommandContext(ctx, b.binary)
	cmd.Stderr = os.Stderr
	var url string
	l.server, err = proc.Start("server of "+b.name, cmd, s, &url, func(event json.RawMessage) {
		var j cfs.Job
		if err := json.Unmarshal(event, &j); err != nil {
			l.fail(err)
			return
		}
		l.jobs <- j
	})
	if err != nil {
		return nil, err
	}
	l.api = httpapi.NewClient("Drover", url, nil)
	l.api.HTTP.Timeout = 10 * time.Minute
	l.playAll()
	if s.second != "" {
		if url, err = l.startSecond(ctx, s); err != nil {
			return nil, err
		}
	}
	if nodes == 0 {
		return l, nil
	}
	l.fleet, err = startFleet(ctx, simulate.Config{Nodes: nodes, Dir: filepath.Join(l.dir, "fleet"), Way: simulate.Way{Gateway: url, AtOnce: s.atOnce}, Pace: s.pace})
	if err != nil {
		return nil, err
	}
	return l, l.until(ctx, "all nodes are known", func() (bool, error) { return l.known(ctx) })
}

func (l *lab) stop() {
	if l.fleet != nil {
		l.fleet.Stop()
	}
	for _, p := range []*proc.Process{l.second, l.server} {
		if p != nil {
			p.Stop()
		}
	}
	os.RemoveAll(l.dir)
}

func (l *lab) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = errors.Join(l.failed, err)
}

// known tells whether BOS, PCS and CFS know all the nodes.
func (l *lab) known(ctx context.Context) (bool, error) {
	var components []struct{}
	if err := l.get(ctx, "/apis/bos/v2/components", &components); err != nil || len(components) < l.nodes {
		return false, err
	}
	var power struct{ Status []struct{ PowerState string } }
	if err := l.get(ctx, "/apis/power-control/v1/power-status?powerStateFilter=off", &power); err != nil || len(power.Status) < l.nodes {
		return false, err
	}
	var cfs struct{ Components []struct{} }
	err := l.get(ctx, "/apis/cfs/v3/components?limit=1000000", &cfs)
	return len(cfs.Components) >= l.nodes, err
}

func (l *lab) get(ctx context.Context, path string, out any) error {
	_, err := l.api.Do(ctx, http.MethodGet, path, nil, nil, out)
	return err
}

func (l *lab) call(ctx context.Context, method, path string, body string, out any) error {
	_, err := l.api.Do(ctx, method, path, nil, json.RawMessage(body), out)
	return err
}

// patience bounds a wait; a reboot of 100,000 nodes takes minutes.
const patience = time.Hour

// until polls a condition, the less often the longer that takes: looking costs
// the server too.
func (l *lab) until(ctx context.Context, what string, holds func() (bool, error)) error {
	return l.poll(ctx, what, 250*time.Millisecond, holds)
}

// closely is until for what is measured in time.
func (l *lab) closely(ctx context.Context, what string, holds func() (bool, error)) error {
	return l.poll(ctx, what, 10*time.Millisecond, holds)
}

func (l *lab) poll(ctx context.Context, what string, pause time.Duration, holds func() (bool, error)) error {
	deadline := time.Now().Add(patience)
	for {
		began := time.Now()
		ok, err := holds()
		if err != nil || ok {
			return err
		}
		l.mu.Lock()
		err = l.failed
		l.mu.Unlock()
		if err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain until %s", what)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(pause, 10*time.Since(began))):
		}
	}
}

// drain reads and forgets, so that the connection is used again.
func drain(resp *http.Response) error {
	defer resp.Body.Close()
	_, err := io.Copy(io.Discard, resp.Body)
	return err
}

// onEach measures a row on a lab of each build.
func (b *bench) onEach(ctx context.Context, nodes int, how setup, measure func(l *lab) (row, error)) error {
	for _, build := range b.builds {
		l, err := startLab(ctx, build, nodes, how)
		if err != nil {
			return err
		}
		r, err := measure(l)
		l.stop()
		if err != nil {
			return err
		}
		if err := b.print(r); err != nil {
			return err
		}
	}
	return nil
}
