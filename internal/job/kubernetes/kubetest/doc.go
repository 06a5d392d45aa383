// Package kubetest starts a Kubernetes for tests: etcd, API server, controller
// manager, scheduler, containerd and a kubelet on this machine, all on loopback
// and in a directory of their own. The programs of Kubernetes are those that
// scripts/kubernetes.sh has built. It needs root and a kernel that lets it make
// containers.
package kubetest
