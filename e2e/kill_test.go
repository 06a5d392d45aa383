package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/sim"
)

// moment tells whether the time has come to end the server; it must come by
// in each reboot of the node.
type moment func(c *cluster, node string) bool

func atOnce(*cluster, string) bool { return true }

// rebootStatuses are those of a reboot in their order.
var rebootStatuses = []string{"on_hold", "power_off_pending", "power_off_gracefully_called", "power_off_forcefully_called",
	"power_on_pending", "power_on_called", "configuring"}

// status is the moment at which the node has come that far in the session. Some
// statuses last but milliseconds: then it is soon after.
func status(name string) moment {
	return func(c *cluster, node string) bool {
		now := c.status(node)
		return slices.Index(rebootStatuses, now) >= slices.Index(rebootStatuses, name)
	}
}

// batchHeld is the moment at which the node waits for a session to be made.
func batchHeld(c *cluster, node string) bool {
	var component struct {
		Enabled bool                    `json:"enabled"`
		Status  cfs.ConfigurationStatus `json:"configuration_status"`
	}
	c.get("/apis/cfs/v3/components/"+node, &component)
	return component.Enabled && component.Status == cfs.Pending
}

func sessionMade(c *cluster, _ string) bool { return len(c.openRuns()) > 0 }

// ansibleRuns is the moment at which a node's playbook is under way: of many nodes, more are
// in the queue than sessions may run.
func ansibleRuns(c *cluster, _ string) bool {
	return slices.ContainsFunc(c.nodes, func(n string) bool { return c.motdOf(n) == "begun" })
}

// The server dies in mid-session, at many moments, once or again, and the next
// one finishes: nothing is lost, and no node is driven twice.
func TestKilledServerFinishesTheReboot(t *testing.T) {
	for _, chapter := range [][]struct {
		name  string
		kills []moment
	}{{
		{"right after the request", []moment{atOnce}},
		{"as nodes are to go off", []moment{status("power_off_pending")}},
		{"as nodes go off", []moment{status("power_off_gracefully_called")}},
		{"as nodes are off", []moment{status("power_on_pending")}},
		{"as nodes go on", []moment{status("power_on_called")}},
	}, {
		{"as nodes are up", []moment{status("configuring")}},
		{"while a batch is held", []moment{batchHeld}},
		{"once a CFS session is made", []moment{sessionMade}},
		{"while Ansible runs", []moment{ansibleRuns}},
		{"twice at once", []moment{status("power_off_gracefully_called"), atOnce}},
		{"again and again", []moment{atOnce, status("power_on_called"), sessionMade, ansibleRuns, atOnce}},
	}} {
		t.Run(chapter[0].name+" and later", func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 3)
			gate := c.gated()
			c.succeed(c.session("one", "boot"))
			for _, act := range chapter {
				c.act(act.name, func() {
					before := c.allResets()
					c.write(gate, "")
					session := c.session("one", "reboot")
					for _, reached := range act.kills {
						c.eventually("the moment has come", func() bool { return reached(c, c.nodes[0]) })
						c.kill()
						c.start()
					}
					c.remove(gate)
					c.succeed(session)
					c.drivenOnce(session, before, "GracefulShutdown", "On")
				})
			}
		})
	}
}

// A node that ignores the shutdown is forced off, whenever the server dies.
func TestKilledServerForcesOff(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	c.drover("bos", "v2", "options", "update", "--max-power-off-wait-time", "3")
	c.gated()
	c.succeed(c.session("one", "boot"))
	for _, n := range c.fleet.Nodes() {
		n.SetFaults(sim.Faults{IgnoreSoftOff: true})
	}
	for _, kill := range []struct {
		name    string
		reached moment
	}{
		{"while the node ignores the shutdown", func(c *cluster, node string) bool { return c.resets(node)["GracefulShutdown"] > 0 }},
		{"as the power is cut", status("power_off_forcefully_called")},
	} {
		c.act(kill.name, func() {
			before := c.allResets()
			session := c.session("one", "reboot")
			c.eventually("the moment has come", func() bool { return kill.reached(c, c.nodes[0]) })
			c.kill()
			c.start()
			c.succeed(session)
			for n, got := range c.resetsSince(before) {
				// A server that dies before it has written down the BMC's answer
				// asks again, because the node shows nothing of it.
				if tries := got["GracefulShutdown"]; tries < 1 || tries > 2 || got["ForceOff"] != 1 || got["On"] != 1 {
					t.Errorf("%s: resets %v", n, got)
				}
			}
			c.configured()
			c.configuredOnce(session)
		})
	}
}

// What a stopped server leaves running goes on, and the next one takes it up.
func TestPlaybookSurvivesTheServer(t *testing.T) {
	t.Parallel()
	alone(t, "jobs end with the server that started them")
	c := newCluster(t, 2)
	gate := c.gated()
	c.write(gate, "")
	session := c.session("one", "boot")
	c.eventually("Ansible runs", func() bool { return ansibleRuns(c, c.nodes[0]) && ansibleRuns(c, c.nodes[1]) })
	before := c.supervisors()
	if len(before) == 0 {
		t.Fatal("no job runs")
	}
	c.terminate()
	for _, s := range before {
		if !s.Alive() {
			t.Errorf("the job of process %d ended with the server", s.PID)
		}
	}
	c.start()
	c.remove(gate)
	c.succeed(session)
	if after := c.supervisors(); !slices.Equal(after, before) {
		t.Errorf("jobs were %v before and %v after the restart", before, after)
	}
	c.drivenOnce(session, nil, "On")
}

// Two clusters on one machine, with the same names, have nothing to do with
// each other: one goes on while the other's server is dead.
func TestTwoClusters(t *testing.T) {
	t.Parallel()
	one, other := newCluster(t, 2), newCluster(t, 2)
	gate := one.gated()
	other.gated()
	one.write(gate, "")
	session, undisturbed := one.session("one", "boot"), other.session("one", "boot")
	one.eventually("Ansible runs", func() bool { return ansibleRuns(one, one.nodes[0]) })
	one.kill()
	other.succeed(undisturbed)
	other.drivenOnce(undisturbed, nil, "On")
	one.remove(gate)
	one.start()
	one.succeed(session)
	one.drivenOnce(session, nil, "On")
}

// gated makes the template "one", whose playbook waits on each node, once it
// has begun, while the file exists that is returned, relative to c.dir.
func (c *cluster) gated() string {
	c.t.Helper()
	gate := "gate/closed"
	c.configure("site", fmt.Sprintf("- hosts: Compute\n  gather_facts: false\n  tasks:\n"+
		"    - ansible.builtin.copy: {dest: /etc/motd, content: begun}\n"+
		"    - ansible.builtin.wait_for: {path: %q, state: absent, timeout: 120, sleep: 1}\n      delegate_to: localhost\n      connection: local\n"+
		"    - ansible.builtin.copy: {dest: /etc/motd, content: done}\n", filepath.Join(c.dir, gate)))
	c.template("one", "site")
	return gate
}

func (c *cluster) allResets() map[string]map[string]int {
	all := map[string]map[string]int{}
	for _, n := range c.nodes {
		all[n] = c.resets(n)
	}
	return all
}

// resetsSince are what the BMCs were asked for since before.
func (c *cluster) resetsSince(before map[string]map[string]int) map[string]map[string]int {
	all := c.allResets()
	for n, counts := range all {
		for kind := range counts {
			if counts[kind] -= before[n][kind]; counts[kind] == 0 {
				delete(counts, kind)
			}
		}
	}
	return all
}

// drivenOnce wants that each BMC got these resets and no others since before,
// and that each node was configured to the end in one CFS session.
func (c *cluster) drivenOnce(session string, before map[string]map[string]int, resets ...string) {
	c.t.Helper()
	c.resetOnce(before, resets...)
	c.configuredOnce(session)
}

// resetOnce wants that each BMC got these resets and no others since before,
// and that each node was configured to the end.
func (c *cluster) resetOnce(before map[string]map[string]int, resets ...string) {
	c.t.Helper()
	c.resetsAre(before, resets...)
	c.configured()
}

// resetsAre wants that each BMC got these resets and no others since before.
func (c *cluster) resetsAre(before map[string]map[string]int, resets ...string) {
	c.t.Helper()
	want := map[string]int{}
	for _, r := range resets {
		want[r] = 1
	}
	for n, got := range c.resetsSince(before) {
		if !maps.Equal(got, want) {
			c.t.Errorf("%s: resets %v since the session began, want %v", n, got, want)
		}
	}
}

// configured wants that the playbook came to its end on each node.
func (c *cluster) configured() {
	c.t.Helper()
	for _, n := range c.nodes {
		if got := c.motdOf(n); got != "done" {
			c.t.Errorf("%s: motd %q, want done", n, got)
		}
	}
}

func (c *cluster) configuredOnce(session string) {
	c.t.Helper()
	runs := c.runsOf(session)
	for _, n := range c.nodes {
		var of []string
		for _, r := range runs {
			if slices.Contains(strings.Split(r.Ansible.Limit, ","), n) {
				of = append(of, r.Name)
			}
		}
		// A session whose job ended with its server is not the last one.
		if len(of) != 1 && (c.members == nil || len(of) == 0) {
			c.t.Errorf("%s: CFS sessions %v, want one", n, of)
		}
	}
}

// cfsSession is a session of CFS.
type cfsSession struct {
	Name    string
	Tags    map[string]string
	Ansible struct{ Limit string }
	Status  struct {
		Session struct{ Status, Succeeded string }
	}
}

func (c *cluster) runs() []cfsSession {
	var answer struct{ Sessions []cfsSession }
	c.get("/apis/cfs/v3/sessions?limit=1000", &answer)
	return answer.Sessions
}

// runsOf are those that configure for the BOS session.
func (c *cluster) runsOf(session string) []cfsSession {
	return slices.DeleteFunc(c.runs(), func(r cfsSession) bool { return r.Tags["bos_session"] != session })
}

func (c *cluster) openRuns() []cfsSession {
	return slices.DeleteFunc(c.runs(), func(r cfsSession) bool { return r.Status.Session.Status == "complete" })
}

// jobKinds are the folders of jobs in a data directory.
var jobKinds = []string{"jobs", "agents", "image-jobs"}

// supervisors are the processes that run, or ran, jobs.
func (c *cluster) supervisors() (list []job.Supervisor) {
	c.t.Helper()
	var files []string
	for _, kind := range jobKinds {
		found, _ := filepath.Glob(filepath.Join(c.dir, "data*", kind, "*/supervisor.json"))
		files = append(files, found...)
	}
	for _, file := range files {
		var s job.Supervisor
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &s)
		}
		if err != nil {
			c.t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}
