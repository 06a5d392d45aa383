package kubetest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Programs is the environment variable with the directory of Kubernetes'
// programs, as scripts/kubernetes.sh prints it.
const Programs = "KUBERNETES_PROGRAMS"

// node is the name of the only one: a node's address may not be of loopback, its
// name may.
const node = "127.0.0.1"

// Cluster is a running Kubernetes of one node.
type Cluster struct {
	t        testing.TB
	dir      string // short: sockets are in it
	programs string
	parts    map[string]*part
	starter  *starter
	ca       *authority
	ports    struct{ etcd, peer, api, kubelet int }
}

// Patience bounds each wait: machines under load are slow.
const Patience = 3 * time.Minute

// New starts one; it ends with the test. Where there are no programs, or this
// machine cannot run containers, the test is skipped.
func New(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t, programs: os.Getenv(Programs), parts: map[string]*part{}}
	if c.programs == "" {
		t.Skipf("%s names no directory: `make test-kubernetes` has a real Kubernetes", Programs)
	}
	if os.Getuid() != 0 {
		t.Skip("a kubelet needs root")
	}
	for _, name := range []string{"etcd", "containerd", "ctr", "runc"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("a Kubernetes needs %s: %v", name, err)
		}
	}
	dir, err := os.MkdirTemp("/tmp", "drk-")
	if err != nil {
		t.Fatal(err)
	}
	c.dir = dir
	c.starter = newStarter()
	t.Cleanup(c.end)
	for _, p := range []*int{&c.ports.etcd, &c.ports.peer, &c.ports.api, &c.ports.kubelet} {
		*p = freePort(t)
	}
	c.certify()
	c.start("containerd", "containerd", "--config", c.write("containerd.toml", c.containerdConfig()))
	c.start("etcd", "etcd", c.etcdFlags()...)
	c.StartAPI()
	c.start("controllers", c.program("kube-controller-manager"), c.controllerFlags()...)
	c.start("scheduler", c.program("kube-scheduler"), "--kubeconfig="+c.kubeconfig("system:kube-scheduler"), "--leader-elect=false", "--secure-port=0")
	c.until("containerd answers", func() bool { return c.run("ctr", "version") == nil })
	c.importPause()
	c.startKubelet()
	c.until("the node is ready", func() bool {
		out, err := c.Kubectl("get", "node", node, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		return err == nil && out == "True"
	})
	return c
}

// Kubeconfig is a file by which its reader may do all.
func (c *Cluster) Kubeconfig() string { return c.path("admin.conf") }

// Server is the API server's URL.
func (c *Cluster) Server() string { return fmt.Sprintf("https://127.0.0.1:%d", c.ports.api) }

// APIPort is its port.
func (c *Cluster) APIPort() int { return c.ports.api }

// CA is the file of the certificate by which the API server is known.
func (c *Cluster) CA() string { return c.path("ca.crt") }

// Kubectl runs kubectl and returns what it printed.
func (c *Cluster) Kubectl(args ...string) (string, error) { return c.KubectlWith("", args...) }

// KubectlWith gives it an input.
func (c *Cluster) KubectlWith(input string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.program("kubectl"), append([]string{"--kubeconfig", c.Kubeconfig()}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// Import brings a docker archive to the node.
func (c *Cluster) Import(archive string) {
	c.t.Helper()
	if err := c.run("ctr", "-n", "k8s.io", "images", "import", archive); err != nil {
		c.t.Fatal(err)
	}
}

// KillAPI ends the API server at once; StartAPI brings it back.
func (c *Cluster) KillAPI() { c.parts["apiserver"].kill() }

// StartAPI starts the API server and returns when it answers.
func (c *Cluster) StartAPI() {
	c.t.Helper()
	c.start("apiserver", c.program("kube-apiserver"), c.apiFlags()...)
	c.until("the API server answers", func() bool {
		out, err := c.Kubectl("get", "--raw", "/readyz")
		return err == nil && out == "ok"
	})
}

func (c *Cluster) startKubelet() {
	c.start("kubelet", c.program("kubelet"), "--config="+c.write("kubelet.yaml", c.kubeletConfig()), "--kubeconfig="+c.kubeconfig("system:node:"+node, "system:nodes"),
		"--hostname-override="+node, "--root-dir="+c.path("kubelet"), "--cert-dir="+c.path("pki"))
}

func (c *Cluster) path(name string) string    { return filepath.Join(c.dir, name) }
func (c *Cluster) program(name string) string { return filepath.Join(c.programs, name) }

func (c *Cluster) write(name, text string) string {
	path := c.path(name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// run runs a command of containerd's to its end.
func (c *Cluster) run(name string, args ...string) error {
	cmd := exec.Command(name, append([]string{"--address", c.path("containerd.sock")}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// until waits for the condition. A part that has ended ends the test.
func (c *Cluster) until(what string, is func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(Patience); !is(); <-time.After(100 * time.Millisecond) {
		for name, p := range c.parts {
			if p.over() && name != "apiserver" {
				c.t.Fatalf("waiting until %s: %s has ended:\n%s", what, name, p.tail())
			}
		}
		if time.Now().After(deadline) {
			for _, p := range c.parts {
				c.t.Logf("%s:\n%s", p.name, p.tail())
			}
			c.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// end stops all, those first that would start anew what the others end, and
// takes away what containers left mounted.
func (c *Cluster) end() {
	if c.parts["kubelet"] != nil && !c.parts["apiserver"].over() {
		c.Kubectl("delete", "jobs,pods", "--all", "--all-namespaces", "--grace-period=1", "--timeout=30s") //nolint:errcheck // what is left is killed
	}
	if c.t.Failed() {
		for _, p := range c.parts {
			c.t.Logf("%s:\n%s", p.name, p.tail())
		}
	}
	for _, name := range []string{"controllers", "scheduler", "kubelet", "apiserver", "etcd"} {
		if p := c.parts[name]; p != nil {
			p.kill()
		}
	}
	if p := c.parts["containerd"]; p != nil {
		c.killTasks()
		p.kill()
	}
	c.starter.end()
	c.unmount()
	if err := os.RemoveAll(c.dir); err != nil {
		c.t.Error(err)
	}
}

// killTasks ends what still runs in containers.
func (c *Cluster) killTasks() {
	out, err := exec.Command("ctr", "--address", c.path("containerd.sock"), "-n", "k8s.io", "tasks", "ls", "-q").Output()
	if err != nil {
		c.t.Log(err)
	}
	for _, id := range strings.Fields(string(out)) {
		c.run("ctr", "-n", "k8s.io", "tasks", "rm", "-f", id) //nolint:errcheck // the directory's removal tells
	}
}

func (c *Cluster) unmount() {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	lines := strings.Split(string(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- { // the last first
		if f := strings.Fields(lines[i]); len(f) > 4 && strings.HasPrefix(f[4], c.dir+"/") {
			syscall.Unmount(f[4], syscall.MNT_DETACH) //nolint:errcheck // the directory's removal tells
		}
	}
}
