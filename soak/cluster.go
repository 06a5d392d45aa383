package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/sim"
)

// cluster is a server, a child process, and a fleet that lives here.
type cluster struct {
	plan       plan
	binary     string
	listen, s3 string
	log        *os.File
	fleet      *sim.Fleet
	nodes      []*sim.Node
	configured map[string]bool

	mu     sync.Mutex // of what follows
	server *exec.Cmd
	ended  chan struct{} // closed when the server has
	kills  []time.Time
	// accepted are the sessions whose POST was answered.
	accepted []string
}

// lastMark is what the playbook's last task writes.
const lastMark = "done"

func newCluster(ctx context.Context, p plan) (_ *cluster, err error) {
	c := &cluster{plan: p, binary: filepath.Join(p.dir, "drover"), configured: map[string]bool{}}
	if p.binary != "" {
		c.binary = p.binary
	} else if out, err := exec.CommandContext(ctx, "go", "build", "-o", c.binary, "./cmd/drover").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build drover: %w: %s", err, out)
	}
	if c.log, err = os.Create(filepath.Join(p.dir, "server.log")); err != nil {
		return nil, err
	}
	if c.listen, err = freeAddress(); err == nil {
		c.s3, err = freeAddress()
	}
	if err != nil {
		return nil, err
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(c.log, nil))) // the fleet's
	c.fleet, err = sim.New(sim.Options{Nodes: p.nodes, Dir: filepath.Join(p.dir, "fleet"), Gateway: c.url(), Network: c.token, RunCommands: p.configured > 0,
		BootDelay: time.Second, OnDelay: 200 * time.Millisecond, OffDelay: 500 * time.Millisecond, Pace: 0.1, ShareArtifacts: true, Seed: p.seed})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	if err := c.fleet.Start(context.Background()); err != nil { //nolint:contextcheck // it ends with stop, after the evidence
		return nil, err
	}
	if why := c.fleet.CommandsRefused(); why != "" && p.configured > 0 {
		return nil, errors.New(why + "; use -configured 0")
	}
	c.nodes = c.fleet.Nodes()
	for _, n := range c.nodes[:min(p.configured, p.nodes)] {
		c.configured[n.Xname()] = true
	}
	if err := c.start(); err != nil {
		return nil, err
	}
	return c, c.prepare(ctx)
}

func (c *cluster) url() string { return "http://" + c.listen }

// tokenFile is where the server keeps its administrator's token.
func (c *cluster) tokenFile() string { return filepath.Join(c.plan.dir, "data", "token") }

func (c *cluster) token(context.Context) (string, error) {
	text, err := os.ReadFile(c.tokenFile())
	return strings.TrimSpace(string(text)), err
}

// freeAddress is a port below those of outgoing connections: a server that is
// killed must get it again.
func freeAddress() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
	}
	return "", errors.New("no free port found")
}

// start starts the server; it need not answer yet.
func (c *cluster) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	data := filepath.Join(c.plan.dir, "data")
	os.Remove(filepath.Join(data, "url")) //nolint:errcheck // usually not there
	c.server = exec.Command(c.binary, "serve", "--listen", c.listen, "--s3-listen", c.s3, "--data", data, "--poll-power", "5s",
		"--ssh-port", fmt.Sprint(c.fleet.SSHPort()), "--max-sessions", "2")
	c.server.Stdout, c.server.Stderr = c.log, c.log
	if err := c.server.Start(); err != nil {
		return err
	}
	server, ended := c.server, make(chan struct{})
	c.ended = ended
	go func() {
		server.Wait() //nolint:errcheck // why it ended is in the log
		close(ended)
	}()
	return nil
}

// kill ends the server as a power cut would, and starts it again. One that ended
// by itself is an error.
func (c *cluster) kill() error {
	c.mu.Lock()
	if c.gone() {
		c.mu.Unlock()
		return errors.New("the server ended by itself")
	}
	c.server.Process.Kill() //nolint:errcheck // it has ended then
	<-c.ended
	c.kills = append(c.kills, time.Now())
	c.mu.Unlock()
	return c.start()
}

func (c *cluster) killed() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Time(nil), c.kills...)
}

// gone tells whether the server has ended.
func (c *cluster) gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// ready waits until the server says that everything answers.
func (c *cluster) ready(ctx context.Context) error {
	var ended bool
	err := c.until(ctx, 2*time.Minute, "the server is ready", func() bool {
		_, err := os.Stat(filepath.Join(c.plan.dir, "data/url"))
		ended = c.gone()
		return err == nil || ended
	})
	if err == nil && ended {
		err = errors.New("the server ended by itself")
	}
	return err
}

// until polls a condition.
func (c *cluster) until(ctx context.Context, within time.Duration, what string, holds func() bool) error {
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s in vain until %s", within, what)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// stop ends the server, its jobs and the fleet.
func (c *cluster) stop() {
	if c.server != nil {
		c.server.Process.Kill() //nolint:errcheck // it has ended then
		<-c.ended
	}
	endJobs(filepath.Join(c.plan.dir, "data/jobs"))
	c.fleet.Stop()
	c.log.Close()
}

var client = &http.Client{Timeout: 20 * time.Second}

// call sends a request to the server; a server that is down is an error.
func (c *cluster) call(ctx context.Context, method, path, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.url()+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	token, err := c.token(ctx)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

func (c *cluster) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, "", into)
}
