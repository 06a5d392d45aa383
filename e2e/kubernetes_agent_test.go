package e2e

import (
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/drover-hpc/drover/internal/bos/v1"
)

// agents has sessions of BOS v1 carried out by Jobs.
func (c *inKubernetes) agents() {
	c.t.Helper()
	c.act("an agent of BOS v1, while the server is killed", func() {
		id := c.startV1("compute", "reboot")
		c.eventually("the agent has begun", func() bool { return c.bootSetV1(id) != nil })
		c.kill()
		c.start()
		c.succeedV1(id, "shutdown", "boot", "configure")
		job := "boa-" + id
		c.eventually("its Job is complete", func() bool {
			return c.kubectl("get", "job", job, "-n", sessionsNamespace, "-o", "jsonpath={.status.succeeded}") == "1"
		})
		var log string
		c.eventually("its log is here", func() bool {
			text, _ := os.ReadFile(filepath.Join(c.dir, "data/agents", job, "log/operate.log"))
			log = string(text)
			return strings.HasSuffix(log, " session "+id+" ended\n")
		})
		if said := c.drover("logs", "-f", id); said != "==> operate <==\n"+log {
			c.t.Errorf("drover logs says\n%s\nwant\n%s", said, log)
		}
		if strings.Count(log, " session "+id+": reboot of template compute\n") != 1 {
			c.t.Errorf("it did not begin once:\n%s", log)
		}
	})
	c.act("the Job of an agent is deleted by hand", func() {
		id := c.startV1("compute", "shutdown")
		c.eventually("the agent has begun", func() bool { return c.bootSetV1(id) != nil })
		c.kubectl("delete", "job", "boa-"+id, "-n", sessionsNamespace)
		s, set := c.finishV1(id)
		if len(nodesV1(set, "shutdown", v1.Succeeded)) == len(c.nodes) {
			return // it was quicker
		}
		if words := strings.Join(errorsV1(set), "; "); s.ErrorCount == 0 || !strings.Contains(words, "was deleted before it ended") {
			c.t.Errorf("%+v: %s", s, words)
		}
	})
	c.act("a session of BOS v1 is deleted", func() {
		id := c.startV1("compute", "boot")
		c.eventually("the agent has begun", func() bool { return c.bootSetV1(id) != nil })
		c.drover("bos", "v1", "session", "delete", id)
		c.eventually("Job, pod and Secret are gone", func() bool {
			return !strings.Contains(c.kubectl("get", "jobs,pods,secrets", "-n", sessionsNamespace, "-o", "name"), "boa-"+id)
		})
	})
}

// errorsV1 are what is told of the boot set's nodes.
func errorsV1(set *v1.BootSetRecord) (words []string) {
	for _, p := range set.Phases {
		for said := range p.Errors {
			words = append(words, said)
		}
	}
	return words
}
