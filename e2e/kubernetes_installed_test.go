package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/job/kubernetes/kubetest"
)

// installed is a cluster whose server is the Deployment of the printed manifests.
type installed struct{ *inKubernetes }

// The server's ports are those of the manifests; with the machine's network they
// are the machine's.
const (
	installedPort     = 8080
	installedS3Port   = 8081
	installedNodePort = 8083
)

// install applies what `drover kubernetes manifests` prints. There are no
// networks of pods, no names of Services and no provisioner of volumes: server
// and sessions use the machine's network, the options and the Secret say where
// what is, and the volume is there beforehand.
func install(t *testing.T, nodes int) *installed {
	t.Helper()
	k := kubetest.New(t)
	for _, port := range []int{installedPort, installedS3Port, installedNodePort} {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			t.Skipf("the server of the manifests needs the port %d of this machine: %v", port, err)
		}
		l.Close()
	}
	k.Import(os.Getenv("KUBERNETES_ARCHIVE"))
	c := &installed{&inKubernetes{cluster: prepare(t, nil), k8s: k}}
	c.listen, c.s3 = fmt.Sprintf("127.0.0.1:%d", installedPort), fmt.Sprintf("127.0.0.1:%d", installedS3Port)
	c.tokenAt = filepath.Join(c.dir, "volume", "token")
	c.fleetOf(nodes)
	c.kubectlWith(c.volume(), "apply", "-f", "-")
	args := []string{"kubernetes", "manifests", "--namespace", sessionsNamespace, "--image", os.Getenv("KUBERNETES_IMAGE"), "--image-pull-policy", "Never",
		"--host-network", "--sessions-host-network", "--storage-size", "1Gi", "--advertise", fmt.Sprintf("http://127.0.0.1:%d", installedNodePort), "--s3-advertise", "http://" + c.s3}
	for _, option := range append(c.cluster.flags, "--kubernetes-gateway", c.url(), "--kubernetes-requests", "cpu=100m,memory=128Mi") {
		if name, is := strings.CutPrefix(option, "--"); is {
			args = append(args, "--option", "--"+name)
			continue
		}
		args[len(args)-1] += "=" + option
	}
	c.kubectlWith(c.drover(args...), "apply", "-f", "-")
	c.kubectl("create", "secret", "generic", "drover", "-n", sessionsNamespace,
		"--from-literal=KUBERNETES_SERVICE_HOST=127.0.0.1", fmt.Sprintf("--from-literal=KUBERNETES_SERVICE_PORT=%d", k.APIPort()))
	return c
}

// volume is one that the manifests' claim is given, in the user's own hands.
func (c *installed) volume() string {
	c.t.Helper()
	dir := filepath.Join(c.dir, "volume")
	if err := os.Mkdir(dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Chown(dir, 10001, 10001); err != nil {
		c.t.Fatal(err)
	}
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"drover"},"spec":{"capacity":{"storage":"1Gi"},`+
		`"accessModes":["ReadWriteOnce"],"hostPath":{"path":%q}}}`, dir)
}

func TestTheManifestsInKubernetes(t *testing.T) {
	c := install(t, 2)
	c.eventually("the Deployment is available", func() bool {
		return c.kubectl("get", "deployment", "drover", "-n", sessionsNamespace, "-o", "jsonpath={.status.availableReplicas}") == "1"
	})
	// Nobody here carries the Service's address, and none can have a pod on loopback as its end: those that it chooses tell.
	selector := c.kubectl("get", "service", "drover", "-n", sessionsNamespace, "-o", `jsonpath=app.kubernetes.io/name={.spec.selector.app\.kubernetes\.io/name}`)
	if pods := c.kubectl("get", "pods", "-n", sessionsNamespace, "-l", selector, "-o", "name"); !strings.HasPrefix(pods, "pod/drover-") || strings.Contains(pods, "\n") {
		t.Errorf("the Service's pods: %q", pods)
	}
	c.discover()
	c.keep("site", motd("from the cluster"))
	c.template("compute", "site")
	c.succeed(c.session("compute", "boot"))
	c.run("first", "site")
	record, status := c.ends("first")
	if status["succeeded"] != "true" {
		t.Fatalf("%v\n%s", record, c.drover("cfs", "sessions", "log", "first"))
	}
	c.motdsAre("from the cluster")
	c.shape("first")
}
