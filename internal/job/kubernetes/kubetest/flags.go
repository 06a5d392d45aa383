package kubetest

import (
	"fmt"
	"os"
)

// pause is the image of the container that holds a pod together.
const pause = "drover.local/pause:test"

func (c *Cluster) containerdConfig() string {
	if err := os.MkdirAll(c.path("cni"), 0o700); err != nil {
		c.t.Fatal(err)
	}
	// Pods use the machine's network; a kubelet wants one for pods all the same.
	c.write("cni/10-test.conflist", `{"cniVersion":"0.4.0","name":"test","plugins":[{"type":"bridge","bridge":"drk0",`+
		`"ipam":{"type":"host-local","subnet":"10.250.0.0/24"}}]}`)
	return fmt.Sprintf(`version = 2
root = %[1]q
state = %[2]q
[grpc]
  address = %[3]q
[ttrpc]
  address = %[4]q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %[5]q
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %[6]q
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`, c.path("root"), c.path("state"), c.path("containerd.sock"), c.path("ttrpc.sock"), pause, c.path("cni"))
}

func (c *Cluster) etcdFlags() []string {
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", c.ports.etcd), fmt.Sprintf("http://127.0.0.1:%d", c.ports.peer)
	return []string{"--data-dir=" + c.path("etcd"), "--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer, "--unsafe-no-fsync"}
}

func (c *Cluster) apiFlags() []string {
	return []string{fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", c.ports.etcd), fmt.Sprintf("--secure-port=%d", c.ports.api),
		"--allow-privileged", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", "--authorization-mode=Node,RBAC",
		"--tls-cert-file=" + c.path("server.crt"), "--tls-private-key-file=" + c.path("server.key"), "--client-ca-file=" + c.path("ca.crt"),
		"--kubelet-client-certificate=" + c.path("kubelet-client.crt"), "--kubelet-client-key=" + c.path("kubelet-client.key"),
		"--kubelet-preferred-address-types=Hostname,InternalIP", "--cert-dir=" + c.path("api"),
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + c.path("accounts.pub"),
		"--service-account-signing-key-file=" + c.path("accounts.key"), "--service-cluster-ip-range=10.96.0.0/16"}
}

func (c *Cluster) controllerFlags() []string {
	return []string{"--kubeconfig=" + c.kubeconfig("system:kube-controller-manager"), "--leader-elect=false", "--secure-port=0",
		"--use-service-account-credentials", "--service-account-private-key-file=" + c.path("accounts.key"), "--root-ca-file=" + c.path("ca.crt")}
}

func (c *Cluster) kubeletConfig() string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: %d
readOnlyPort: 0
healthzPort: 0
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %s}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://%s
podLogsDir: %s
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
localStorageCapacityIsolation: false
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 50Mi, nodefs.available: 0%%, imagefs.available: 0%%}
`, c.ports.kubelet, c.path("ca.crt"), c.path("containerd.sock"), c.path("pods"))
}
