package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/sim"
)

// binary is the drover under test, built once; buildFlags has -race when the
// test itself was built with it.
var (
	binary     string
	buildFlags []string
)

func TestMain(m *testing.M) {
	sim.ReexecIfChild()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "drover-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "drover")
	args := append([]string{"build", "-o", binary}, buildFlags...)
	build := exec.Command("go", append(args, "../cmd/drover")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build drover: %v\n%s", err, out)
		return 1
	}
	if err := os.Symlink("drover", filepath.Join(dir, "cray")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// cluster is a server, its fleet, and what the main job needs.
type cluster struct {
	t      *testing.T
	dir    string
	listen string
	s3     string
	fleet  *sim.Fleet
	server *exec.Cmd
	ended  <-chan struct{} // closed when the server has
	log    *os.File
}

// patience bounds every wait: a machine under load is slow, a hang is longer.
const patience = 3 * time.Minute

func newCluster(t *testing.T, nodes int) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir(), listen: freeAddress(t), s3: freeAddress(t)}
	log, err := os.Create(filepath.Join(c.dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	c.log = log
	c.fleet, err = sim.New(sim.Options{Nodes: nodes, Dir: filepath.Join(c.dir, "fleet"), Gateway: c.url(), RunCommands: true,
		BootDelay: 100 * time.Millisecond, OnDelay: 50 * time.Millisecond, OffDelay: 100 * time.Millisecond, Pace: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	if err := c.fleet.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if why := c.fleet.CommandsRefused(); why != "" {
		t.Skip(why)
	}
	c.start()
	c.discover()
	return c
}

func (c *cluster) url() string { return "http://" + c.listen }

func (c *cluster) start() {
	c.t.Helper()
	data := filepath.Join(c.dir, "data")
	c.server = exec.Command(binary, "serve", "--listen", c.listen, "--s3-listen", c.s3, "--data", data,
		"--ssh-port", fmt.Sprint(c.fleet.SSHPort()), "--poll-power", "2s")
	c.server.Stdout, c.server.Stderr = c.log, c.log
	os.Remove(filepath.Join(data, "url"))
	if err := c.server.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		c.server.Wait()
		close(ended)
	}()
	c.ended = ended
	c.eventually("the server is ready", func() bool {
		_, err := os.Stat(filepath.Join(data, "url"))
		return err == nil
	})
}

// kill ends the server as a power cut would.
func (c *cluster) kill() {
	c.server.Process.Kill()
	<-c.ended
}

func (c *cluster) stop() {
	if c.ended != nil {
		c.server.Process.Signal(syscall.SIGTERM)
		<-c.ended
	}
	c.fleet.Stop()
	if c.t.Failed() {
		if text, err := os.ReadFile(c.log.Name()); err == nil {
			c.t.Logf("server log:\n%s", tail(text, 8000))
		}
	}
	c.log.Close()
}

func tail(text []byte, n int) []byte { return text[max(0, len(text)-n):] }

// discover makes the fleet's BMCs known and waits until CFS knows the nodes.
func (c *cluster) discover() {
	c.t.Helper()
	args := []string{"discover"}
	for _, b := range c.fleet.BMCs() {
		args = append(args, b.Address+"="+b.Xname)
	}
	b := c.fleet.BMCs()[0]
	c.drover(append(args, "--username", b.Username, "--password", b.Password)...)
	n := len(c.fleet.Nodes())
	c.eventually("BOS and CFS know every node", func() bool {
		return len(c.list("bos", "v2", "components", "list")) == n && len(c.listIn("components", "cfs", "v3", "components", "list")) == n
	})
}

// drover runs a command that must succeed and returns its output.
func (c *cluster) drover(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("drover %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// try runs a command; its error carries what the command said.
func (c *cluster) try(args ...string) (string, error) {
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "DROVER_SERVER="+c.url(), "HOME="+c.dir, "CRAY_CONFIG_DIR="+c.dir)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s%s", err, errs.String(), out.String())
	}
	return out.String(), nil
}

// object runs a command with --format json and decodes what it prints.
func (c *cluster) object(args ...string) map[string]any {
	c.t.Helper()
	var v map[string]any
	c.decode(&v, args)
	return v
}

func (c *cluster) list(args ...string) []map[string]any {
	c.t.Helper()
	var v []map[string]any
	c.decode(&v, args)
	return v
}

func (c *cluster) listIn(key string, args ...string) []any {
	c.t.Helper()
	list, _ := c.object(args...)[key].([]any)
	return list
}

func (c *cluster) decode(v any, args []string) {
	c.t.Helper()
	out := c.drover(append(args, "--format", "json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		c.t.Fatalf("drover %s printed %q: %v", strings.Join(args, " "), out, err)
	}
}

// eventually waits until the condition holds.
func (c *cluster) eventually(what string, holds func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			c.t.Fatalf("waited %s in vain until %s", patience, what)
		}
		select {
		case <-c.ended:
			c.t.Fatalf("the server ended while waiting until %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// write makes a file below the cluster's directory.
func (c *cluster) write(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// freeAddress picks a port below those that the kernel gives to outgoing
// connections: the server must get the same one again after it was killed.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port found")
	return ""
}

func (c *cluster) remove(path string) {
	c.t.Helper()
	if err := os.Remove(path); err != nil {
		c.t.Fatal(err)
	}
}
