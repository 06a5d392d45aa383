package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/drover-hpc/drover/internal/bmc"
	v1 "github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/explain"
	"github.com/drover-hpc/drover/internal/sim"
)

// startV1 starts a session of BOS v1 as the documents type it, and returns its
// ID.
func (c *cluster) startV1(template, operation string, more ...string) string {
	c.t.Helper()
	s := c.object(append([]string{"bos", "v1", "session", "create", "--template-uuid", template, "--operation", operation}, more...)...)
	job, _ := s["job"].(string)
	id, is := strings.CutPrefix(job, "boa-")
	if !is || s["templateName"] != template || s["operation"] != operation {
		c.t.Fatalf("created %v", s)
	}
	return id
}

// bootSetV1 is the status of the session's boot set, nil before there is one.
func (c *cluster) bootSetV1(id string) *v1.BootSetRecord {
	c.t.Helper()
	var top v1.SessionStatus
	c.get("/apis/bos/v1/session/"+id+"/status", &top)
	if !slices.Equal(top.BootSets, []string{"compute"}) {
		c.t.Errorf("the session's status names the boot sets %v", top.BootSets)
	}
	var set v1.BootSetRecord
	resp, err := c.http().Get(c.url() + "/apis/bos/v1/session/" + id + "/status/compute")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		c.t.Fatal(err)
	}
	return &set
}

// nodesV1 are the nodes of a phase's category.
func nodesV1(set *v1.BootSetRecord, phase, category string) []string {
	if set == nil {
		return nil
	}
	for _, p := range set.Phases {
		for _, in := range p.Categories {
			if p.Name == phase && in.Name == category {
				return in.NodeList
			}
		}
	}
	return nil
}

// finishV1 waits for the session and returns how its boot set ended.
func (c *cluster) finishV1(id string) (v1.SessionDetails, *v1.BootSetRecord) {
	c.t.Helper()
	var s v1.SessionDetails
	c.eventually("session "+id+" of v1 is complete", func() bool {
		c.get("/apis/bos/v1/session/"+id, &s)
		return s.Complete
	})
	if s.InProgress || s.StartTime == "" || s.StopTime == "" {
		c.t.Errorf("complete: %+v", s)
	}
	return s, c.bootSetV1(id)
}

// succeedV1 wants all nodes to have succeeded in each of the phases, which are
// all there are.
func (c *cluster) succeedV1(id string, phases ...string) {
	c.t.Helper()
	s, set := c.finishV1(id)
	names := []string{}
	for _, p := range set.Phases {
		names = append(names, p.Name)
		if !p.Metadata.Complete || p.Metadata.StartTime == "" || p.Metadata.StopTime == nil {
			c.t.Errorf("phase %s: %+v", p.Name, p.Metadata)
		}
		if got := nodesV1(set, p.Name, v1.Succeeded); !slices.Equal(got, c.nodes) {
			c.t.Errorf("in phase %s %v succeeded: %+v", p.Name, got, p)
		}
	}
	if !slices.Equal(names, phases) || s.ErrorCount != 0 {
		c.t.Errorf("phases %v, %d errors", names, s.ErrorCount)
	}
}

// saysOfV1 wants explain and the node's health to say the same of it, soon.
func (c *cluster) saysOfV1(node string, verdict explain.Verdict, words string) {
	c.t.Helper()
	var h explain.Health
	c.eventually("the health of "+node+" says "+words, func() bool {
		c.get("/apis/drover/v1/nodes/"+node+"/health", &h)
		return h.Verdict == verdict && strings.Contains(h.Words, words)
	})
	if said := c.drover("explain", node); verdict != explain.Moving && !strings.Contains(said, words) {
		c.t.Errorf("explain does not say %q:\n%s", words, said)
	}
}

// The three workflows of the documents, and reboot, in their order.
func TestBOSWorkflowsOfVersion1(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 4)
	c.configure("first", motd("first"))
	c.configure("second", motd("second"))
	c.template("one", "first")
	c.template("two", "second")

	t.Run("boot and configure", func(t *testing.T) {
		id := c.startV1("one", "Boot")
		c.eventually("the boot set is told of, all nodes in it", func() bool {
			set := c.bootSetV1(id)
			return set != nil && len(nodesV1(set, "boot", v1.NotStarted))+len(nodesV1(set, "boot", v1.InProgress))+len(nodesV1(set, "boot", v1.Succeeded)) == len(c.nodes)
		})
		c.saysOfV1(c.nodes[0], explain.Moving, "is in session "+id+" of BOS v1: boot, ")
		if said := c.drover("watch", "--plain", id); !strings.Contains(said, "session "+id+" of BOS v1 complete in ") || !strings.HasSuffix(said, ": all 4 nodes succeeded\n") {
			t.Errorf("watch says\n%s", said)
		}
		c.succeedV1(id, "boot", "configure")
		c.saysOfV1(c.nodes[0], explain.Good, "was booted by session "+id+" of BOS v1, and is as it should be.")
		for _, n := range c.nodes {
			if got := c.motdOf(n); got != "first" {
				t.Errorf("%s: motd %q, want first", n, got)
			}
			if got := c.resets(n); got["On"] != 1 || len(got) != 1 {
				t.Errorf("%s: resets %v, want one On", n, got)
			}
		}
		if said := c.drover("bss", "bootparameters", "list", "--name", c.nodes[0]); !strings.Contains(said, "quiet bos_session_id="+id) {
			t.Errorf("the boot parameters do not end with the session:\n%s", said)
		}
	})
	t.Run("boot leaves nodes that are on as they are", func(t *testing.T) {
		s, set := c.finishV1(c.startV1("two", "boot"))
		if got := nodesV1(set, "boot", v1.Excluded); !slices.Equal(got, c.nodes) || s.ErrorCount != 0 {
			t.Errorf("%v are excluded: %+v", got, set)
		}
		if got := c.motdOf(c.nodes[0]); got != "first" {
			t.Errorf("motd %q", got)
		}
		c.saysOfV1(c.nodes[0], explain.Good, "was booted by session ")
	})
	t.Run("a limit that leaves no node", func(t *testing.T) {
		id := c.startV1("one", "reboot", "--limit", "x9c0s0b0n0", "--allow-unknown")
		const words = "no node is in the boot set: the limit 'x9c0s0b0n0' leaves none of the 4 that it names"
		if s, set := c.finishV1(id); s.ErrorCount != 1 || set.Phases[0].Errors[words] == nil {
			t.Errorf("%d errors, expected %q: %+v", s.ErrorCount, words, set)
		}
		if said, err := c.try("watch", "--plain", id); err == nil || !strings.Contains(said, words) {
			t.Errorf("watch ends with %v and says\n%s", err, said)
		}
	})
	t.Run("reconfigure", func(t *testing.T) {
		c.succeedV1(c.startV1("two", "Configure"), "configure")
		for _, n := range c.nodes {
			if got := c.motdOf(n); got != "second" {
				t.Errorf("%s: motd %q, want second", n, got)
			}
			if got := c.resets(n); len(got) != 1 {
				t.Errorf("%s: resets %v, want none since", n, got)
			}
		}
	})
	t.Run("reboot of some", func(t *testing.T) {
		all := c.nodes
		defer func() { c.nodes = all }()
		c.nodes = all[:2]
		c.succeedV1(c.startV1("one", "Reboot", "--limit", strings.Join(c.nodes, ",")), "shutdown", "boot", "configure")
		if got, other := c.motdOf(all[0]), c.motdOf(all[3]); got != "first" || other != "second" {
			t.Errorf("motd %q and %q", got, other)
		}
	})
	t.Run("power off", func(t *testing.T) {
		c.succeedV1(c.startV1("two", "Shutdown"), "shutdown")
		for _, n := range c.nodes {
			if power := c.view(n).Power; power != bmc.Off {
				t.Errorf("%s is %s", n, power)
			}
			c.saysOfV1(n, explain.Good, "is off, as session ")
		}
		var ids []string
		c.decode(&ids, []string{"bos", "v1", "session", "list"})
		if len(ids) != 6 {
			t.Errorf("sessions %v are listed", ids)
		}
	})
}

// An agent goes on without its server, which finds it again, and a session of
// version 2 waits for the nodes that the agent has.
func TestAgentOutlivesItsServerAndVersion2WaitsForIt(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, "--job-orphan-timeout", "5m")
	c.configure("first", motd("first"))
	c.template("one", "first")
	node := c.nodes[0]
	c.fleet.Nodes()[0].SetFaults(sim.Faults{HangBoot: 10})
	id := c.startV1("one", "Boot")
	c.eventually("one node is up, the other hangs", func() bool {
		set := c.bootSetV1(id)
		return len(nodesV1(set, "boot", v1.Succeeded)) == 1 && len(nodesV1(set, "boot", v1.InProgress)) == 1
	})
	second := c.session("one", "shutdown", "--limit", c.nodes[1])
	words := "waits for session '" + id + "' of BOS v1"
	c.eventually("the session of version 2 says that it waits", func() bool {
		said, _ := c.component(c.nodes[1])["error"].(string)
		return strings.Contains(said, words)
	})
	if said := c.drover("explain", c.nodes[1]); !strings.Contains(said, words) {
		t.Errorf("explain does not say %q:\n%s", words, said)
	}
	if said := c.drover("explain", c.nodes[1]); !strings.Contains(said, "waits for session "+id+" of BOS v1, which has the node until it ends: boot, ") {
		t.Errorf("explain does not say where the node stands in v1:\n%s", said)
	}
	if power := c.view(c.nodes[1]).Power; power != bmc.On {
		t.Errorf("the agent's node is %s", power)
	}
	c.kill()
	c.start()
	third := c.startV1("one", "shutdown")
	_, set := c.finishV1(third)
	if got := nodesV1(set, "shutdown", v1.Excluded); !slices.Equal(got, c.nodes) {
		t.Errorf("%v are excluded: %+v", got, set)
	}
	for _, s := range c.supervisors() { // the agent's: no session of CFS is left
		if s.Alive() {
			syscall.Kill(s.PID, syscall.SIGKILL) //nolint:errcheck // gone already is fine
		}
	}
	s, set := c.finishV1(id)
	if got := nodesV1(set, "boot", v1.Failed); s.ErrorCount == 0 || !slices.Equal(got, []string{node}) {
		t.Errorf("%d errors, %v failed: %+v", s.ErrorCount, got, set)
	}
	status := c.finish(second)
	if status["percent_successful"] != 100.0 {
		t.Errorf("the session that waited: %v", status)
	}
	if power := c.view(c.nodes[1]).Power; power != bmc.Off {
		t.Errorf("the node is %s after the session that waited", power)
	}
}

// Nodes that do not get there are told of with the reason, in the words of who
// knows it; the others go on.
func TestAgentTellsWhichNodesFailedAndWhy(t *testing.T) {
	t.Setenv("GRACEFUL_SHUTDOWN_TIMEOUT", "3") // the agent's, in the published names
	t.Setenv("NODE_STATE_CHECK_NUMBER_OF_RETRIES", "20")
	t.Setenv("NODE_STATE_CHECK_SLEEP_INTERVAL", "1")
	c := newCluster(t, 4)
	refused, hangs, unconfigurable := c.fleet.Nodes()[0], c.fleet.Nodes()[1], c.fleet.Nodes()[2]
	const words = "Insufficient power budget in chassis 0"
	refused.SetFaults(sim.Faults{RefusePowerOn: words})
	hangs.SetFaults(sim.Faults{HangBoot: 1, IgnoreSoftOff: true})
	c.drover("cfs", "v3", "options", "update", "--default-batcher-retry-policy", "1")
	c.configure("site", fmt.Sprintf("- hosts: Compute\n  gather_facts: false\n  tasks:\n"+
		"    - ansible.builtin.fail: {msg: the disk is missing}\n      when: inventory_hostname == '%s'\n"+
		"    - ansible.builtin.copy: {dest: /etc/motd, content: done}\n", unconfigurable.Xname()))
	c.template("one", "site")
	s, set := c.finishV1(c.startV1("one", "Boot"))
	phase := func(name string) *v1.PhaseRecord {
		return &set.Phases[slices.IndexFunc(set.Phases, func(p v1.PhaseRecord) bool { return p.Name == name })]
	}
	blames := func(p *v1.PhaseRecord, words, node string) {
		t.Helper()
		for message, nodes := range p.Errors {
			if strings.Contains(message, words) && slices.Contains(nodes, node) {
				return
			}
		}
		t.Errorf("phase %s does not say %q of %s: %v", p.Name, words, node, p.Errors)
	}
	boot, configure := phase("boot"), phase("configure")
	if got := nodesV1(set, "boot", v1.Failed); !slices.Equal(got, c.nodes[:2]) {
		t.Errorf("%v failed to boot", got)
	}
	blames(boot, words, c.nodes[0])
	blames(boot, "is not Ready after", c.nodes[1])
	c.saysOfV1(c.nodes[0], explain.Failed, "failed in phase boot of session ")
	if said := c.drover("explain", c.nodes[0]); !strings.Contains(said, words) {
		t.Errorf("explain does not say %q:\n%s", words, said)
	}
	c.saysOfV1(c.nodes[2], explain.Failed, "failed in phase configure of session ")
	if got := nodesV1(set, "configure", v1.Excluded); !slices.Equal(got, c.nodes[:2]) {
		t.Errorf("%v are excluded from the configuration", got)
	}
	if got := nodesV1(set, "configure", v1.Failed); !slices.Equal(got, c.nodes[2:3]) || s.ErrorCount != 3 {
		t.Errorf("%v failed to be configured, %d errors", got, s.ErrorCount)
	}
	blames(configure, "CFS says that the node's configuration is failed", c.nodes[2])
	if got := nodesV1(set, "configure", v1.Succeeded); !slices.Equal(got, c.nodes[3:]) {
		t.Errorf("%v are configured", got)
	}
	c.succeedV1(c.startV1("one", "Shutdown"), "shutdown")
	if got := c.resets(c.nodes[1]); got["GracefulShutdown"] == 0 || got["ForceOff"] != 1 {
		t.Errorf("resets of the node that ignores a shutdown: %v", got)
	}
	if got := c.resets(c.nodes[3]); got["ForceOff"] != 0 {
		t.Errorf("resets of a node that obeys: %v", got)
	}
}
