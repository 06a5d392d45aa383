package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A configuration that always fails is tried less and less, explain says until
// when its nodes wait and why, others do not wait with them, and a change ends
// the wait.
func TestABackOffIsToldAndEndsByAChange(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 5)
	bad, fresh := c.nodes[:4], c.nodes[4]
	noRepository := filepath.Join(c.dir, "no-such.git") // but a folder, whose owner counts
	if err := os.Mkdir(noRepository, 0o755); err != nil {
		t.Fatal(err)
	}
	gone := func(playbook string) {
		c.put("/apis/cfs/v3/configurations/gone", fmt.Sprintf(`{"layers":[{"clone_url":"file://%s","commit":%q,"playbook":%q}]}`,
			noRepository, strings.Repeat("a", 40), playbook))
	}
	gone("site.yml")
	c.patch("/apis/cfs/v3/options", `{"batch_size":1}`)
	const wait = "sessions of configuration gone failed in a row"

	c.act("it is told", func() {
		for _, n := range bad {
			c.patch("/apis/cfs/v3/components/"+n, `{"desired_config":"gone","retry_policy":-1,"enabled":true}`)
		}
		for _, n := range bad {
			c.explains(n, "gone pending", "waits until", wait)
		}
	})
	c.act("the route and explain say the same", func() {
		for _, n := range c.nodes {
			var health struct{ Node, Verdict, Words string }
			c.get("/apis/drover/v1/nodes/"+n+"/health", &health)
			if first, _, _ := strings.Cut(c.drover("explain", n), "\n"); first != n+" "+health.Words || health.Verdict == "" {
				c.t.Errorf("health %+v, explain says %q", health, first)
			}
		}
	})
	c.act("a node that failed nothing has its try", func() {
		c.getsSession(fresh, func() {
			c.patch("/apis/cfs/v3/components/"+fresh, `{"desired_config":"gone","enabled":true}`)
		})
	})
	c.act("a change of the node ends its wait", func() {
		c.getsSession(bad[0], func() { c.patch("/apis/cfs/v3/components/"+bad[0], `{"error_count":0}`) })
		c.explains(bad[1], wait)
	})
	c.act("a change of the configuration ends the wait of all", func() {
		c.getsSession(bad[1], func() { gone("other.yml") })
	})
}

// getsSession wants that a CFS session is made of the node once do was done.
func (c *cluster) getsSession(node string, do func()) {
	c.t.Helper()
	count := func() (n int) {
		for _, r := range c.runs() {
			if r.Ansible.Limit == node {
				n++
			}
		}
		return n
	}
	before := count()
	do()
	c.eventually("CFS makes a session of "+node, func() bool { return count() > before })
}

func (c *cluster) patch(path, body string) {
	c.t.Helper()
	c.send(http.MethodPatch, path, body)
}

func (c *cluster) put(path, body string) {
	c.t.Helper()
	c.send(http.MethodPut, path, body)
}

// send changes something at the server itself, where a command would take too
// long.
func (c *cluster) send(method, path, body string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url()+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http().Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode >= 400 {
		c.t.Fatalf("%s %s: %s %s", method, path, resp.Status, text)
	}
}
