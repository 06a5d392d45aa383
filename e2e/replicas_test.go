package e2e

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/store/storetest"
)

// member is one of several servers on a database.
type member struct {
	listen, data string
	flags        []string
	cmd          *exec.Cmd
	ended        chan struct{}
}

// members are servers on one database, behind a balancer that each call goes
// through, to one after another.
type members struct {
	c     *cluster
	each  []*member
	turn  atomic.Int64
	cable *cable // to the database
	// outside: repositories of playbooks are folders, and not the servers'.
	outside bool
}

// withMembers has the cluster, which has not begun, be n servers, whose clients
// know the balancer alone.
func (c *cluster) withMembers(n int) *members {
	c.t.Helper()
	m := &members{c: c}
	c.members = m
	c.ended = make(chan struct{}) // a server that ends is looked for where it matters
	m.startObjects()
	front := httptest.NewServer(m)
	c.t.Cleanup(front.Close)
	c.listen = strings.TrimPrefix(front.URL, "http://")
	m.cable = newCable(c.t, storetest.Postgres(c.t))
	for i := range n {
		m.each = append(m.each, &member{listen: freeAddress(c.t), data: filepath.Join(c.dir, fmt.Sprint("data", i)),
			flags: []string{"--database", m.cable.url, "--advertise", c.url(), "--poll-power", "2s", "--secret-key", filepath.Join(c.dir, "secret.key"),
				"--s3-endpoint", "http://" + c.s3, "--s3-access-key", objectKey, "--s3-secret-key", objectKey}})
	}
	return m
}

// objectKey is both keys of the object store.
const objectKey = "drover-of-the-test"

// startObjects starts the object store that all use: that of a server that does
// nothing else.
func (m *members) startObjects() {
	m.c.t.Helper()
	store := &member{listen: freeAddress(m.c.t), data: filepath.Join(m.c.dir, "objects")}
	store.cmd = exec.Command(m.c.binary, "serve", "--listen", store.listen, "--s3-listen", m.c.s3, "--data", store.data,
		"--s3-access-key", objectKey, "--s3-secret-key", objectKey)
	m.c.t.Cleanup(func() { store.signal(syscall.SIGKILL) })
	m.launch("the object store", store)
}

// newMembers is a cluster of two servers.
func newMembers(t *testing.T, nodes int, flags ...string) *members {
	t.Helper()
	c := prepare(t, flags)
	m := c.withMembers(2)
	c.withFleet(nodes)
	return m
}

// start starts the members that do not run, and waits until they answer.
func (m *members) start() {
	m.c.t.Helper()
	for i, one := range m.each {
		if one.runs() {
			continue
		}
		one.cmd = exec.Command(m.c.binary, slices.Concat([]string{"serve", "--listen", one.listen, "--data", one.data}, one.flags, m.c.flags)...)
		m.launch(fmt.Sprint("server ", i), one)
	}
}

// launch starts a server and waits until it answers.
func (m *members) launch(name string, one *member) {
	m.c.t.Helper()
	one.cmd.Stdout, one.cmd.Stderr, one.cmd.Env = m.c.log, m.c.log, m.c.serverEnv()
	if err := one.cmd.Start(); err != nil {
		m.c.t.Fatal(err)
	}
	one.ended = make(chan struct{})
	go func() {
		one.cmd.Wait()
		close(one.ended)
	}()
	m.c.wait(name+" answers", one.ended, func() bool { return one.ready() != "" })
}

// kill ends the one that leads as a power cut would.
func (m *members) kill() {
	m.c.t.Helper()
	m.each[m.leader()].signal(syscall.SIGKILL)
}

// terminate ends all as an administrator does.
func (m *members) terminate() {
	m.c.t.Helper()
	for _, one := range m.each {
		if one.runs() {
			one.signal(syscall.SIGTERM)
			if !one.cmd.ProcessState.Success() {
				m.c.t.Errorf("a server stopped with: %v", one.cmd.ProcessState)
			}
		}
	}
}

func (one *member) runs() bool {
	if one.cmd == nil {
		return false
	}
	select {
	case <-one.ended:
		return false
	default:
		return true
	}
}

func (one *member) signal(s syscall.Signal) {
	one.cmd.Process.Signal(s)
	if s == syscall.SIGKILL || s == syscall.SIGTERM {
		<-one.ended
	}
}

// ready is what a member says of itself; empty: it answers nothing, or that it
// is not ready.
func (one *member) ready() string {
	if status, text := one.probe(); status == http.StatusOK {
		return text
	}
	return ""
}

// probe asks a member whether it is ready; 0: it does not answer.
func (one *member) probe() (status int, text string) {
	client := http.Client{Timeout: time.Second}
	resp, err := client.Get("http://" + one.listen + "/readyz")
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(body))
}

// leader is the member that answers without another.
func (m *members) leader() (leader int) {
	m.c.t.Helper()
	m.c.eventually("a server leads", func() bool {
		for i := range m.each {
			if m.each[i].ready() == "ok" {
				leader = i
				return true
			}
		}
		return false
	})
	return leader
}

// ServeHTTP passes a call to the next member. One that cannot be reached is left
// out; what changes nothing is asked of the next one as well if there is no answer.
func (m *members) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	for range 2 * len(m.each) {
		if err != nil {
			break
		}
		to := m.each[int(m.turn.Add(1))%len(m.each)].listen
		ctx, cancel := context.WithTimeout(r.Context(), 15*time.Second)
		defer cancel()
		out := r.Clone(ctx)
		out.RequestURI, out.URL.Scheme, out.URL.Host, out.Body = "", "http", to, io.NopCloser(bytes.NewReader(body))
		if len(body) == 0 { // else it would be sent as one of unknown length, and has no type
			out.Body = http.NoBody
		}
		var resp *http.Response
		resp, err = http.DefaultTransport.RoundTrip(out)
		if err == nil {
			defer resp.Body.Close()
			for name, values := range resp.Header {
				w.Header()[name] = values
			}
			w.WriteHeader(resp.StatusCode)
			io.Copy(w, resp.Body)
			return
		}
		if r.Method == http.MethodGet || strings.Contains(err.Error(), "connection refused") {
			err = nil
		}
	}
	http.Error(w, fmt.Sprint("no server answers: ", err), http.StatusBadGateway)
}

// cable is the way to a database, which can be cut.
type cable struct {
	url    string
	socket string
	mu     sync.Mutex
	is     bool // cut
	ends   map[net.Conn]bool
}

func newCable(t *testing.T, url string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	through, socket := storetest.Through(t, url, l.Addr().String())
	c := &cable{url: through, socket: socket, ends: map[net.Conn]bool{}}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			c.connect(near)
		}
	}()
	return c
}

func (c *cable) connect(near net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.is {
		near.Close()
		return
	}
	far, err := net.Dial("unix", c.socket)
	if err != nil {
		near.Close()
		return
	}
	c.ends[near], c.ends[far] = true, true
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			io.Copy(way[0], way[1])
			near.Close()
			far.Close()
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.ends, way[1])
		}()
	}
}

// cut ends all connections and lets no others come about; or does again.
func (c *cable) cut(is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.is = is
	for end := range c.ends {
		end.Close()
	}
}

// takesOver waits until another member than the one leads and answers, and
// tells how long that took.
func (m *members) takesOver(from int) {
	m.c.t.Helper()
	begun := time.Now()
	m.c.eventually("another server leads", func() bool {
		for i := range m.each {
			if i != from && m.each[i].ready() == "ok" {
				return true
			}
		}
		return false
	})
	m.c.t.Logf("another server led after %v", time.Since(begun).Round(100*time.Millisecond))
}

// whole: all that can be tried of several servers, with 200 nodes, or so many.
func whole() (nodes int, is bool) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("REPLICAS_CHECK"), "0"))
	return cmp.Or(n, 3), err != nil || n > 0
}

// Whatever ends or stands still, at whatever moment of a reboot: another server
// goes on, each node is driven once, and is configured to the end.
func TestAnotherServerTakesThePlaceOfTheOneThatLeads(t *testing.T) {
	t.Parallel()
	nodes, all := whole()
	outage := 7 * time.Second
	if all {
		outage = 30 * time.Second
	}
	m := newMembers(t, nodes, "--max-sessions", "2")
	c := m.c
	c.patience *= time.Duration(1 + nodes/50) // Ansible takes its time
	gate := c.gated()
	quick := "one"
	if all { // Ansible takes a second for each node: only where it matters
		quick = "quick"
		c.configure("nothing", "- hosts: Compute\n  gather_facts: false\n  tasks: []\n")
		c.template(quick, "nothing")
	}
	c.succeed(c.session(quick, "boot"))
	reboot := func(name, template string, moment moment, do func()) {
		c.act(name, func() { m.rebootsWhile(template, gate, moment, do) })
	}
	for _, dies := range []struct {
		name, template string
		moment         moment
		short          bool // of the tests that are always run
	}{
		{"right after the request", quick, atOnce, false},
		{"as nodes go off", quick, status("power_off_gracefully_called"), false},
		{"as nodes go on", quick, status("power_on_called"), false},
		{"as nodes are configured", quick, status("configuring"), false},
		{"while Ansible runs", "one", ansibleRuns, true},
	} {
		if !all && !dies.short {
			continue
		}
		reboot("the leader dies "+dies.name, dies.template, dies.moment, func() {
			leader := m.leader()
			m.each[leader].signal(syscall.SIGKILL)
			m.takesOver(leader)
			m.start()
		})
	}
	if all {
		reboot("the other one dies", quick, status("power_on_called"), func() {
			other := 1 - m.leader()
			m.each[other].signal(syscall.SIGKILL)
			m.start()
		})
		reboot("the leader stops as it is told to", quick, status("configuring"), func() {
			leader := m.leader()
			m.each[leader].signal(syscall.SIGTERM)
			m.takesOver(leader)
			m.start()
		})
	}
	reboot("the leader stands still while nodes go off", quick, status("power_off_gracefully_called"), func() { m.standsStill(outage) })
	if all {
		reboot("the leader stands still while Ansible runs", "one", ansibleRuns, func() { m.standsStill(outage) })
	}
	reboot("the database is away", quick, status("power_on_called"), func() {
		m.cable.cut(true)
		<-time.After(outage) // it is what is tried
		m.cable.cut(false)
		m.leader()
	})
	c.act("what sessions left is read from a server that did not run them", func() { m.leavesRecords() })
}

// rebootsWhile reboots all nodes and does something at the moment: the session ends
// well, and each node was driven once.
func (m *members) rebootsWhile(template, gate string, moment moment, do func()) {
	c := m.c
	c.t.Helper()
	before := c.allResets()
	c.write(gate, "")
	session := c.session(template, "reboot")
	c.eventually("the moment has come", func() bool { return moment(c, c.nodes[0]) })
	do()
	c.remove(gate)
	c.succeed(session)
	c.resetsAre(before, "GracefulShutdown", "On")
	if template == "one" {
		c.configured()
	}
}

// leavesRecords compares what the leader and its successor tell of a session of CFS and
// one of BOS v1 that the leader ran, whose files the successor does not have; those of
// the agent go even before.
func (m *members) leavesRecords() {
	c := m.c
	c.t.Helper()
	c.configure("told", motd("told"))
	c.drover("cfs", "v3", "sessions", "create", "--name", "told", "--configuration-name", "told")
	c.ends("told")
	first := c.startV1("one", "shutdown")
	c.drover("logs", "--follow", first)
	tell := func() string {
		return c.drover("logs", "told") + c.drover("cfs", "v3", "sessions", "results", "told", "--format", "json") + c.drover("logs", first)
	}
	before, leader := tell(), m.leader()
	for _, words := range []string{"PLAY RECAP", `"task"`, " session " + first + " ended\n"} {
		if !strings.Contains(before, words) {
			c.t.Errorf("the sessions do not tell %q:\n%s", words, before)
		}
	}
	for _, jobs := range []string{"jobs", "agents"} {
		c.eventually("the object store has it", func() bool {
			kept, err := filepath.Glob(filepath.Join(m.each[leader].data, jobs, "*", "shelved"))
			ended, err2 := filepath.Glob(filepath.Join(m.each[leader].data, jobs, "*", "result.json"))
			return err == nil && err2 == nil && len(kept) > 0 && len(kept) == len(ended)
		})
	}
	if err := os.RemoveAll(filepath.Join(m.each[leader].data, "agents", "boa-"+first)); err != nil {
		c.t.Fatal(err)
	}
	if after := tell(); after != before {
		c.t.Errorf("without the agent's files the server tells\n%s\nwant\n%s", after, before)
	}
	m.each[leader].signal(syscall.SIGKILL)
	m.takesOver(leader)
	if after := tell(); after != before {
		c.t.Errorf("another server tells\n%s\nwant\n%s", after, before)
	}
	m.start()
}

// standsStill stops the leader for so long, and has it go on.
func (m *members) standsStill(outage time.Duration) {
	m.c.t.Helper()
	leader := m.leader()
	m.each[leader].signal(syscall.SIGSTOP)
	over := time.After(outage)
	m.takesOver(leader)
	<-over
	m.each[leader].signal(syscall.SIGCONT)
	m.c.eventually("it stands by", func() bool { return strings.HasPrefix(m.each[leader].ready(), "ok, by way of") })
}
