package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
)

// Who runs what they like on a node has no token, finds none, and is nobody to the
// server.
func TestNodeFindsNoToken(t *testing.T) {
	t.Parallel()
	c := newSimulation(t, 1)
	c.configure("site", fmt.Sprintf(`- hosts: all
  gather_facts: false
  tasks:
    - shell: |
        ls %[1]s/token %[2]s/.config/drover 2>/dev/null
        python3 -c 'import sys, urllib.error, urllib.request
        try: print(urllib.request.urlopen(sys.argv[1]).status)
        except urllib.error.HTTPError as e: print(e.code)' %[3]s/apis/bos/v2/sessions
        env | grep -i -e token -e drover
        exit 0
      register: found
    - copy: {content: "{{ found.stdout }}", dest: /etc/motd}
`, filepath.Join(c.dir, "data"), c.dir, c.url()))
	c.template("compute", "site")
	c.succeed(c.session("compute", "boot"))
	if got := c.motdOf(c.nodes[0]); got != "401" {
		t.Errorf("a command on a node found %q, want the status 401 and nothing else", got)
	}
}
