package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/drover-hpc/drover/internal/job"
)

// What a killed server leaves running ends, with its playbook and all, if no
// server comes in time.
func TestPlaybookEndsWhenTheServerStaysAway(t *testing.T) {
	t.Parallel()
	alone(t, "jobs end with the server that started them")
	c := newCluster(t, 1, "--job-orphan-timeout", "3s")
	gate := c.gated()
	c.write(gate, "")
	session := c.session("one", "boot")
	c.eventually("Ansible runs", func() bool { return ansibleRuns(c, c.nodes[0]) })
	jobs, interrupted := c.jobs(), c.openRuns()[0].Name
	c.kill()
	c.eventuallyAlone("nothing of the job runs", func() bool { return c.processes(jobs) == 0 })
	c.remove(gate)
	c.start()
	c.succeed(session) // in another attempt
	for _, run := range c.runs() {
		if run.Name == interrupted && run.Status.Session.Succeeded != "false" {
			t.Errorf("%+v, expected a failure", run)
		}
	}
}

// Nothing of a job goes on without the data it belongs to.
func TestPlaybookEndsWhenTheDataIsGone(t *testing.T) {
	t.Parallel()
	alone(t, "jobs end with the server that started them")
	c := newCluster(t, 1)
	c.write(c.gated(), "")
	c.session("one", "boot")
	c.eventually("Ansible runs", func() bool { return ansibleRuns(c, c.nodes[0]) })
	jobs := c.jobs()
	c.kill()
	if c.processes(jobs) == 0 {
		t.Fatal("the job ended with the server")
	}
	c.eventuallyAlone("the data has gone", func() bool { // while the job goes on to write
		return os.RemoveAll(filepath.Join(c.dir, "data", "jobs")) == nil
	})
	c.eventuallyAlone("nothing of the job runs", func() bool { return c.processes(jobs) == 0 })
}

// jobs are the ids of those that have a supervisor.
func (c *cluster) jobs() (ids []string) {
	c.t.Helper()
	files, _ := filepath.Glob(filepath.Join(c.dir, "data", "jobs", "*", "supervisor.json"))
	for _, file := range files {
		ids = append(ids, filepath.Base(filepath.Dir(file)))
	}
	if len(ids) == 0 {
		c.t.Fatal("no job runs")
	}
	return ids
}

func (c *cluster) processes(jobs []string) (n int) {
	for _, id := range jobs {
		n += len(job.Processes(id))
	}
	return n
}
