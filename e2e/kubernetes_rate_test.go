package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manySessions is how many are made at once.
const manySessions = 30

// What sessions cost that do nothing is printed; none is lost, however many there
// are at once.
func TestManySessionsInKubernetes(t *testing.T) {
	c := newInKubernetes(t, 2)
	c.pause = 200 * time.Millisecond // looking is not to cost much
	c.keep("nothing", "- hosts: Compute\n  gather_facts: false\n  tasks: []\n")
	c.terminate()
	c.begin("--kubernetes-requests", "cpu=10m,memory=64Mi", "--max-sessions", strconv.Itoa(manySessions))
	before, start := c.processorTime(), time.Now()
	for n := range manySessions {
		resp, err := c.http().Post(c.url()+"/apis/cfs/v3/sessions", "application/json",
			strings.NewReader(fmt.Sprintf(`{"name":"many-%d","configuration_name":"nothing"}`, n)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			t.Fatalf("session %d: %s", n, resp.Status)
		}
	}
	var list struct{ Sessions []struct{ Name string } }
	c.eventually("all are complete", func() bool {
		c.get("/apis/cfs/v3/sessions?status=complete&succeeded=true", &list)
		return len(list.Sessions) == manySessions
	})
	took, cost := time.Since(start), c.processorTime()-before
	if jobs := len(strings.Fields(c.kubectl("get", "jobs", "-n", sessionsNamespace, "-o", "name"))); jobs != manySessions {
		t.Errorf("%d Jobs", jobs)
	}
	t.Logf("%d sessions in %.1f s: %.2f a second, %d ms of drover's processor time each",
		manySessions, took.Seconds(), manySessions/took.Seconds(), (cost / manySessions).Milliseconds())
}

// processorTime is what the server has used.
func (c *cluster) processorTime() time.Duration {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.server.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name before may hold anything
	fields := strings.Fields(rest)
	var ticks time.Duration
	for _, field := range fields[11:13] { // user and system
		n, err := strconv.Atoi(field)
		if err != nil {
			c.t.Fatal(err)
		}
		ticks += time.Duration(n)
	}
	return ticks * time.Second / 100
}
