package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/jail"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/need"
	"github.com/drover-hpc/drover/internal/sim"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// binary is the drover under test, built once; buildFlags has -race when the
// test itself was built with it. client is the one that commands are run by and that
// images bring as their reporter: static, and never with -race, which makes each take
// five times the processor time, and for which a small machine has no memory.
var (
	binary, client string
	buildFlags     []string
)

func TestMain(m *testing.M) {
	sim.ReexecIfChild()
	os.Exit(run(m))
}

// testsAtOnce is how many tests run at a time, however few processors there are: most of the
// time a test waits for its nodes. Empty: as many as there are processors, for with the
// race detector they are busy.
var testsAtOnce = "6"

func run(m *testing.M) int {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given && testsAtOnce != "" {
		if err := flag.Set("test.parallel", testsAtOnce); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "drover-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer storetest.StopPostgres()
	binary, client = filepath.Join(dir, "drover"), filepath.Join(dir, "client")
	for path, flags := range map[string][]string{binary: buildFlags, client: {"-ldflags", "-s -w"}} {
		build := exec.Command("go", slices.Concat([]string{"build", "-o", path}, flags, []string{"../cmd/drover"})...)
		if path == client {
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
		}
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build drover: %v\n%s", err, out)
			return 1
		}
	}
	if err := os.Symlink("drover", filepath.Join(dir, "cray")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// cluster is a server, its fleet, and what the main job needs.
type cluster struct {
	t       *testing.T
	dir     string
	listen  string
	s3      string
	flags   []string   // of the server, besides those that all have
	binary  string     // of the server
	wrapped []string   // the command that runs it, and its arguments; empty: none
	fleet   *sim.Fleet // nil: the server simulates one itself
	nodes   []string
	tokenAt string   // the file with the administrator's token; empty: in the server's data directory
	members *members // nil: there is one server
	locks   *locks   // nil: all doors speak plain HTTP
	server  *exec.Cmd
	ended   <-chan struct{} // closed when the server has
	log     *os.File

	patience time.Duration // bounds every wait
	pause    time.Duration // between two looks
}

// asJSON are the tests in whose server the services answer each other in JSON, as
// they do over the network. In the others they hand values over.
var asJSON = map[string]bool{"TestBOSWorkflowsOfVersion2": true, "TestCFSAutomatedFlow": true}

// patience is for machines under load, which are slow; a hang is longer.
const patience = 3 * time.Minute

// stopsWithin is what SIGTERM may take; a service manager gives no more.
const stopsWithin = 30 * time.Second

// newCluster is a cluster whose fleet lives in the test; flags go to the server,
// or to each of two on one database.
func newCluster(t *testing.T, nodes int, flags ...string) *cluster {
	t.Helper()
	c := prepare(t, flags)
	switch {
	case twoServers && !slices.Contains(flags, "--database"):
		c.withMembers(2)
	case overTLS:
		c.withLocks()
	}
	c.withFleet(nodes)
	return c
}

// twoServers has each cluster of nodes be driven by two servers on PostgreSQL.
var twoServers = os.Getenv("TWO_SERVERS") != ""

// alone skips a test of what is otherwise where there are two servers.
func alone(t *testing.T, why string) {
	if twoServers {
		t.Skip("with two servers: " + why)
	}
}

// withFleet starts the cluster with nodes that live in the test.
func (c *cluster) withFleet(nodes int) {
	c.t.Helper()
	c.fleetOf(nodes)
	c.start()
	c.discover()
}

// fleetOf starts the nodes alone.
func (c *cluster) fleetOf(nodes int) {
	c.t.Helper()
	var err error
	c.fleet, err = sim.New(sim.Options{Nodes: nodes, Dir: filepath.Join(c.dir, "fleet"), Gateway: c.nodesURL(), Infrastructure: c.url(), HTTP: c.nodesHTTP(), RunCommands: true, Network: c.token,
		BootDelay: 100 * time.Millisecond, OnDelay: 50 * time.Millisecond, OffDelay: 100 * time.Millisecond, Pace: 0.1})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.fleet.Start(context.Background()); err != nil {
		c.t.Fatal(err)
	}
	if why := c.fleet.CommandsRefused(); why != "" {
		need.Met(c.t, errors.New(why))
	}
	for _, n := range c.fleet.Nodes() {
		c.nodes = append(c.nodes, n.Xname())
	}
	c.flags = append(c.flags, "--ssh-port", fmt.Sprint(c.fleet.SSHPort()))
	c.showGates()
}

// showGates has playbooks see the folder of what they wait for.
func (c *cluster) showGates() {
	c.t.Helper()
	gates := filepath.Join(c.dir, "gate")
	if err := os.MkdirAll(gates, 0o755); err != nil {
		c.t.Fatal(err)
	}
	c.flags = append(c.flags, "--cage-folders", gates)
}

// newSimulation is a cluster whose server simulates the fleet itself.
func newSimulation(t *testing.T, nodes int) *cluster {
	t.Helper()
	need.Met(t, jail.Probe(t.TempDir()))
	c := prepare(t, []string{"--simulate", fmt.Sprint(nodes),
		"--sim-boot-delay", "100ms", "--sim-on-delay", "50ms", "--sim-off-delay", "100ms"})
	c.showGates()
	c.start()
	for _, n := range c.views() {
		c.nodes = append(c.nodes, n.Xname)
	}
	c.known()
	return c
}

func prepare(t *testing.T, flags []string) *cluster {
	t.Helper()
	c := &cluster{t: t, binary: binary, dir: t.TempDir(), listen: freeAddress(t), s3: freeAddress(t), flags: flags, patience: patience, pause: 2 * time.Millisecond}
	log, err := os.Create(filepath.Join(c.dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	c.log = log
	t.Cleanup(c.stop)
	return c
}

// act is a subtest on the cluster.
func (c *cluster) act(name string, do func()) {
	outer := c.t
	defer func() { c.t = outer }()
	outer.Run(name, func(t *testing.T) {
		c.t = t
		do()
	})
}

func (c *cluster) url() string { return c.scheme() + c.listen }

func (c *cluster) scheme() string {
	if c.locks != nil {
		return "https://"
	}
	return "http://"
}

func (c *cluster) start() {
	c.t.Helper()
	if c.members != nil {
		c.members.start()
		return
	}
	data := filepath.Join(c.dir, "data")
	command := slices.Concat(c.wrapped, []string{c.binary, "serve", "--listen", c.listen, "--s3-listen", c.s3, "--data", data, "--poll-power", "2s"}, c.flags)
	c.server = exec.Command(command[0], command[1:]...)
	c.server.Stdout, c.server.Stderr, c.server.Env = c.log, c.log, c.serverEnv()
	if asJSON[c.t.Name()] {
		c.server.Env = append(c.server.Env, "DROVER_LOCAL_JSON=1")
	}
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
	if c.members != nil {
		c.members.kill()
		return
	}
	c.server.Process.Kill()
	<-c.ended
}

// terminate ends the server as an administrator does; it must say that it went
// well, and soon.
func (c *cluster) terminate() {
	c.t.Helper()
	if c.members != nil {
		c.members.terminate()
		return
	}
	c.server.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(stopsWithin):
		c.server.Process.Signal(syscall.SIGQUIT) // the log gets all stacks
		<-c.ended
		c.t.Errorf("the server did not stop within %s", stopsWithin)
	}
	if !c.server.ProcessState.Success() {
		c.t.Errorf("the server stopped with: %v", c.server.ProcessState)
	}
}

func (c *cluster) stop() {
	if c.members != nil {
		c.terminate()
	}
	if c.server != nil {
		select {
		case <-c.ended: // killed
		default:
			c.terminate()
		}
	}
	c.endJobs()
	if c.fleet != nil {
		c.fleet.Stop()
	}
	if c.t.Failed() {
		if text, err := os.ReadFile(c.log.Name()); err == nil {
			c.t.Logf("server log:\n%s", tail(text, 8000))
		}
	}
	c.log.Close()
}

// endJobs ends what outlives a server, before its files go: a job goes on, and
// tries for five minutes to tell CFS what it did.
func (c *cluster) endJobs() {
	for _, kind := range jobKinds {
		dirs, _ := filepath.Glob(filepath.Join(c.dir, "data*", kind, "*"))
		for _, dir := range dirs {
			id := filepath.Base(dir)
			if err := job.EndProcesses(id); err != nil {
				c.t.Errorf("job %s: %v", id, err)
			}
		}
	}
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
	c.known()
}

// known waits until BOS and CFS know every node.
func (c *cluster) known() {
	c.t.Helper()
	c.eventually("BOS and CFS know every node", func() bool {
		return len(c.list("bos", "v2", "components", "list")) == len(c.nodes) &&
			len(c.listIn("components", "cfs", "v3", "components", "list")) == len(c.nodes)
	})
}

// tokenFile is where the server keeps its administrator's token.
func (c *cluster) tokenFile() string {
	switch {
	case c.tokenAt != "":
		return c.tokenAt
	case c.members != nil:
		return filepath.Join(c.members.each[0].data, "token")
	}
	return filepath.Join(c.dir, "data", "token")
}

// clientEnv is the environment of commands that ask the server.
func (c *cluster) clientEnv() []string {
	env := append(os.Environ(), "DROVER_SERVER="+c.url(), "HOME="+c.dir, "CRAY_CONFIG_DIR="+c.dir, auth.TokenFileVariable+"="+c.tokenFile())
	if c.locks != nil {
		env = append(env, "DROVER_CA_BUNDLE="+c.locks.authority)
	}
	return env
}

// serverEnv is the environment of servers, which leave word of their tokens in the
// test's directory and not in the home of whoever runs it.
func (c *cluster) serverEnv() []string { return append(os.Environ(), "XDG_CONFIG_HOME="+c.dir) }

func (c *cluster) token(context.Context) (string, error) {
	text, err := os.ReadFile(c.tokenFile())
	return strings.TrimSpace(string(text)), err
}

// http is a client that shows the administrator's token.
func (c *cluster) http() *http.Client { return &http.Client{Transport: showing{c}} }

type showing struct{ c *cluster }

func (s showing) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := s.c.token(r.Context())
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return s.c.transport().RoundTrip(r)
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
	cmd := exec.Command(client, args...)
	cmd.Env = c.clientEnv()
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

// eventually waits until the condition holds, while the server runs.
func (c *cluster) eventually(what string, holds func() bool) {
	c.t.Helper()
	c.wait(what, c.ended, holds)
}

// eventuallyAlone waits until the condition holds, without a server.
func (c *cluster) eventuallyAlone(what string, holds func() bool) {
	c.t.Helper()
	c.wait(what, nil, holds)
}

func (c *cluster) wait(what string, ended <-chan struct{}, holds func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(c.patience)
	for !holds() {
		if time.Now().After(deadline) {
			c.t.Fatalf("waited %s in vain until %s", c.patience, what)
		}
		select {
		case <-ended:
			c.t.Fatalf("the server ended while waiting until %s", what)
		case <-time.After(c.pause):
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

// givenPorts are those that freeAddress gave somebody.
var givenPorts sync.Map

// freeAddress picks a port below those that the kernel gives to outgoing
// connections, and gives it to nobody else: the server must get the same one again
// after it was killed.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(20_000)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port found")
	return ""
}

func (c *cluster) remove(name string) {
	c.t.Helper()
	if err := os.Remove(filepath.Join(c.dir, name)); err != nil {
		c.t.Fatal(err)
	}
}
