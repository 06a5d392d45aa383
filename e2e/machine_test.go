package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/aee/trust"
)

// newMachines is a cluster whose server has virtual nodes: QEMU machines that
// boot for real. Its tests are not parallel: emulation takes all there is of the
// processor, which the time limits of the others do not allow for.
func newMachines(t *testing.T, nodes int, flags ...string) *cluster {
	t.Helper()
	c := prepareMachines(t, nodes, flags...)
	c.start()
	c.known()
	return c
}

// takesMinutes leaves the test to make virtual-check, which sets VIRTUAL_CHECK.
func takesMinutes(t *testing.T) {
	t.Helper()
	if os.Getenv("VIRTUAL_CHECK") == "" {
		t.Skip("VIRTUAL_CHECK is not set, for this takes minutes of emulation: make virtual-check sets it, and installs QEMU")
	}
}

// prepareMachines is one that was not started yet.
func prepareMachines(t *testing.T, nodes int, flags ...string) *cluster {
	t.Helper()
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skipf("%v; make test installs QEMU where apt-get can", err)
	}
	c := prepare(t, append([]string{"--virtual", fmt.Sprint(nodes), "--boot-retry", "2s"}, flags...))
	c.patience, c.pause = 15*time.Minute, 100*time.Millisecond // emulated, beside other tests
	for i := range nodes {
		c.nodes = append(c.nodes, fmt.Sprintf("x3000c0s%db0n0", i+1))
	}
	return c
}

// built is an image of Debian packages as IMS knows it.
type built struct {
	id, path, etag string
	root           string // kernel parameters
}

// build makes an image, with the cache that all runs share, and registers it.
func (c *cluster) build(name, variant string) built {
	c.t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		c.t.Fatal(err)
	}
	o := c.object("images", "build", "--name", name, "--variant", variant, "--reporter", client, "--cache", filepath.Join(cache, "drover", "images"))
	text := func(key string) string { s, _ := o[key].(string); return s }
	return built{text("id"), text("path"), text("etag"), text("root")}
}

// boots is a session template by which nodes boot the image; no configuration
// means none.
func (c *cluster) boots(name string, image built, parameters, configuration string) {
	c.t.Helper()
	file := c.write(name+"-template.json", fmt.Sprintf(`{"enable_cfs":%v,"cfs":{"configuration":%q},"boot_sets":{"compute":
		{"type":"s3","path":%q,"etag":%q,"kernel_parameters":%q,"node_roles_groups":["Compute"]}}}`,
		configuration != "", configuration, image.path, image.etag, parameters))
	c.drover("bos", "v2", "sessiontemplates", "create", "--file", file, name)
}

// ssh runs a command on the virtual node as a CFS session would: with a key
// that the authority has certified.
func (c *cluster) ssh(node, command string) (string, error) {
	c.t.Helper()
	key := filepath.Join(c.dir, "ssh-key")
	if _, err := os.Stat(key); err != nil {
		ca, err := trust.Open(filepath.Join(c.dir, "data", "trust"), nil)
		if err == nil {
			err = ca.Issue(key, "e2e")
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
	port, err := os.ReadFile(filepath.Join(c.dir, "data", "virtual", "ssh.port"))
	if err != nil {
		c.t.Fatal(err)
	}
	ssh := exec.Command("ssh", "-F", "/dev/null", "-i", key, "-p", string(port), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", fmt.Sprintf("root@127.122.0.%d", slices.Index(c.nodes, node)+1), command)
	out, err := ssh.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// says wants the command's output on the node to hold the words.
func (c *cluster) says(node, command, words string) {
	c.t.Helper()
	if out, err := c.ssh(node, command); err != nil || !strings.Contains(out, words) {
		c.t.Errorf("%s on %s: %q, %v; want %q", command, node, out, err, words)
	}
}

// machines are the QEMU processes that the server with the process number has
// started: it is part of the command by which they reach its services.
func machines(server int) (list []int) {
	entries, _ := os.ReadDir("/proc")
	mark := []byte("/proc/" + strconv.Itoa(server) + "/exe virtual-relay")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if bytes.HasPrefix(command, []byte("qemu-system-x86_64")) && bytes.Contains(command, mark) {
			list = append(list, pid)
		}
	}
	return list
}

// power is the node's as PCS knows it.
func (c *cluster) power(node string) string {
	c.t.Helper()
	var answer struct {
		Status []struct {
			PowerState string `json:"powerState"`
		} `json:"status"`
	}
	c.get("/apis/power-control/v1/power-status?xname="+node, &answer)
	if len(answer.Status) == 0 {
		return ""
	}
	return answer.Status[0].PowerState
}
