package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job/kubernetes/kubetest"
)

// inKubernetes is a cluster whose sessions are Jobs of a real Kubernetes. Their
// pods have the machine's network, on which server and simulated nodes are.
type inKubernetes struct {
	*cluster
	k8s        *kubetest.Cluster
	flags      []string // without those of Kubernetes
	kubeconfig string
}

// sessionsNamespace is where their Jobs are.
const sessionsNamespace = "services"

// newInKubernetes skips the test where there is no Kubernetes, or no image:
// KUBERNETES_IMAGE is its name, KUBERNETES_ARCHIVE the file it is in.
func newInKubernetes(t *testing.T, nodes int) *inKubernetes {
	t.Helper()
	k := kubetest.New(t)
	k.Import(os.Getenv("KUBERNETES_ARCHIVE"))
	c := &inKubernetes{k8s: k}
	c.cluster = prepare(t, nil)
	c.fleetOf(nodes)
	c.flags = c.cluster.flags
	// The server has the rights of the manifests and no others. Their Deployment waits for a volume, which there is none here.
	c.kubectlWith(c.drover("kubernetes", "manifests", "--namespace", sessionsNamespace, "--image", os.Getenv("KUBERNETES_IMAGE")), "apply", "-f", "-")
	c.kubeconfig = c.write("drover.conf", k.TokenConfig(c.kubectl("create", "token", "drover", "-n", sessionsNamespace)))
	c.begin()
	c.discover()
	return c
}

// begin starts the server, with more options.
func (c *inKubernetes) begin(more ...string) {
	c.t.Helper()
	c.cluster.flags = append(append([]string{"--executor", "kubernetes", "--kubernetes-kubeconfig", c.kubeconfig, "--kubernetes-namespace", sessionsNamespace,
		"--kubernetes-image", os.Getenv("KUBERNETES_IMAGE"), "--kubernetes-image-pull-policy", "Never", "--kubernetes-host-network",
		"--kubernetes-gateway", c.url(), "--kubernetes-requests", "cpu=100m,memory=128Mi", "--kubernetes-limits", "memory=2Gi"}, c.flags...), more...)
	c.start()
}

func (c *inKubernetes) kubectl(args ...string) string {
	c.t.Helper()
	return c.kubectlWith("", args...)
}

func (c *inKubernetes) kubectlWith(input string, args ...string) string {
	c.t.Helper()
	out, err := c.k8s.KubectlWith(input, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// run creates a session.
func (c *inKubernetes) run(session, configuration string, more ...string) {
	c.t.Helper()
	c.drover(append([]string{"cfs", "v3", "sessions", "create", "--name", session, "--configuration-name", configuration}, more...)...)
}

// jobOf waits until the session has a Job of which the pod runs Ansible, and
// returns its name.
func (c *inKubernetes) jobOf(session string) (name string) {
	c.t.Helper()
	c.eventually("the Job of "+session+" runs Ansible", func() bool {
		text, _ := c.try("cfs", "sessions", "log", session)
		return strings.Contains(text, "TASK [begins]")
	})
	return c.kubectl("get", "jobs", "-n", sessionsNamespace, "-l", "cfsession="+session, "-o", "jsonpath={.items[*].metadata.name}")
}

// gated is a playbook whose task waits until the file is gone on the nodes.
func gated(gate string) string {
	return fmt.Sprintf("- hosts: Compute\n  gather_facts: false\n  tasks:\n"+
		"    - {name: begins, command: 'true'}\n"+
		"    - {name: waits, raw: 'while [ -e %s ]; do sleep 0.2; done'}\n"+
		"    - {name: ends, command: 'true'}\n", gate)
}

func TestSessionsAreJobsOfKubernetes(t *testing.T) {
	c := newInKubernetes(t, 2)
	c.keep("site", motd("by a Job"))
	c.act("nodes boot and are configured", func() {
		c.template("compute", "site")
		c.succeed(c.session("compute", "boot"))
		c.motdsAre("by a Job")
	})
	c.outcomes()
	c.images("beside", func() {})
	c.imageJobs()
	c.keep("gated", gated("/etc/gate"))
	c.deletions()
	c.outages()
	c.agents() // they leave the nodes off
	c.refusals()
}

// outcomes are the ends of sessions that nothing disturbs.
func (c *inKubernetes) outcomes() {
	c.t.Helper()
	c.act("a session that succeeds, and its records", func() {
		c.run("good", "site")
		record, status := c.ends("good")
		if status["succeeded"] != "true" {
			c.t.Fatalf("%v\n%s", record, c.drover("cfs", "sessions", "log", "good"))
		}
		log := c.drover("cfs", "sessions", "log", "good")
		for _, once := range []string{"==> clone <==", "==> inventory <==", "==> ansible <==", "PLAY RECAP"} {
			if strings.Count(log, once) != 1 {
				c.t.Errorf("%d times %q in\n%s", strings.Count(log, once), once, log)
			}
		}
		if results := c.listIn("results", "cfs", "v3", "sessions", "results", "good"); len(results) != len(c.nodes) {
			c.t.Errorf("results: %v", results)
		}
		c.shape("good")
	})
	c.act("a playbook that fails", func() {
		c.keep("bad", "- hosts: Compute\n  gather_facts: false\n  tasks:\n    - {name: breaks, fail: {msg: 'no scratch'}}\n")
		c.run("bad", "bad")
		_, status := c.ends("bad")
		if why := c.why("bad"); status["succeeded"] != "false" || !strings.Contains(why, "task 'breaks' failed on") {
			c.t.Errorf("%v: %s", status, why)
		}
	})
	c.act("a session that is held", func() {
		c.keep("held", "- hosts: Compute\n  gather_facts: false\n  tasks:\n    - {name: breaks, fail: {msg: 'no scratch'}}\n")
		c.run("held", "held", "--debug-on-failure", "true")
		var log struct{ Held *struct{ Directory string } }
		c.eventually("it is held", func() bool {
			c.get("/apis/cfs/v3/sessions/held/log", &log)
			return log.Held != nil
		})
		enter := strings.Fields(strings.TrimPrefix(log.Held.Directory, "kubectl "))
		for i, word := range enter {
			if word == "-it" { // there is no terminal
				enter[i] = "-i"
			}
		}
		if text := c.kubectl(append(enter, "-c", "pwd; cat /inventory/hosts/01-cfs-generated.yaml; touch /tmp/complete")...); !strings.Contains(text, c.nodes[0]) {
			c.t.Errorf("in the pod: %s", text)
		}
		if _, status := c.ends("held"); status["succeeded"] != "false" {
			c.t.Errorf("%v", status)
		}
	})
	c.act("a repository that is not there", func() {
		c.drover("cfs", "v3", "configurations", "update", "gone", "--file", c.write("gone.json",
			fmt.Sprintf(`{"layers":[{"clone_url":%q,"commit":%q,"playbook":"site.yml"}]}`, c.url()+"/vcs/cray/gone.git", strings.Repeat("a", 40))))
		c.run("gone", "gone")
		if _, status := c.ends("gone"); status["succeeded"] != "false" || !strings.HasPrefix(c.why("gone"), "clone (exit status 128): clone layer 0") {
			c.t.Errorf("%v: %s", status, c.why("gone"))
		}
	})
}

// deletions take a Job, or its session, away while it runs.
func (c *inKubernetes) deletions() {
	c.t.Helper()
	c.act("the Job is deleted by hand", func() {
		c.close("deleted")
		name := c.jobOf("deleted")
		c.kubectl("delete", "job", "-n", sessionsNamespace, name)
		_, status := c.ends("deleted")
		if why := c.why("deleted"); status["succeeded"] != "unknown" || !strings.Contains(why, "was deleted before it ended") {
			c.t.Errorf("%v: %s", status, why)
		}
	})
	c.act("the session is deleted", func() {
		c.close("removed")
		name := c.jobOf("removed")
		c.drover("cfs", "v3", "sessions", "delete", "removed")
		c.eventually("Job, pod and Secret are gone", func() bool {
			return c.kubectl("get", "jobs,pods,secrets", "-n", sessionsNamespace, "-o", "name") == "" || !strings.Contains(c.kubectl("get", "jobs,pods,secrets", "-n", sessionsNamespace, "-o", "name"), name)
		})
	})
}

// outages take the server, or the API server, away while a Job runs.
func (c *inKubernetes) outages() {
	c.t.Helper()
	c.act("the server is killed meanwhile", func() {
		c.close("survivor")
		name := c.jobOf("survivor")
		c.kill()
		c.start()
		c.open()
		_, status := c.ends("survivor")
		jobs := c.kubectl("get", "jobs", "-n", sessionsNamespace, "-l", "cfsession=survivor", "-o", "jsonpath={.items[*].metadata.name}")
		if status["succeeded"] != "true" || jobs != name {
			c.t.Errorf("%v, Jobs %q, of which there was %s", status, jobs, name)
		}
		c.wholeLog("survivor")
	})
	c.act("the server is away at the end", func() {
		c.close("alone")
		name := c.jobOf("alone")
		c.kill()
		c.open()
		c.eventuallyAlone("Ansible waits for the server to report to", func() bool {
			out, _ := c.k8s.Kubectl("logs", "-n", sessionsNamespace, "job/"+name, "-c", "ansible")
			return strings.Contains(out, "TASK [ends]")
		})
		c.start()
		if _, status := c.ends("alone"); status["succeeded"] != "true" {
			c.t.Errorf("%v", status)
		}
		c.wholeLog("alone")
	})
	c.act("the API server is away", func() {
		c.close("outage")
		c.jobOf("outage")
		c.k8s.KillAPI()
		c.open()
		<-time.After(apiAway) // the time that is to pass is what is tested
		c.k8s.StartAPI()
		if _, status := c.ends("outage"); status["succeeded"] != "true" {
			c.t.Errorf("%v", status)
		}
		c.wholeLog("outage")
	})
}

// refusals are sessions that get less of the cluster than they need.
func (c *inKubernetes) refusals() {
	c.t.Helper()
	c.act("a task that needs more memory than there may be", func() {
		c.keep("greedy", "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n"+
			"    - {name: allocates, command: python3 -c 'x = b\"x\" * (1 << 30)'}\n")
		c.terminate()
		c.begin("--kubernetes-limits", "memory=256Mi")
		c.run("greedy", "greedy")
		_, status := c.ends("greedy")
		if why := c.why("greedy"); status["succeeded"] != "false" || !strings.HasPrefix(why, "ansible (OOMKilled: ") {
			c.t.Errorf("%v: %s", status, why)
		}
	})
	c.act("an image that is not to be had", func() {
		c.terminate()
		c.begin("--kubernetes-image", "drover.local/none:none", "--kubernetes-start-timeout", "5s")
		c.run("imageless", "site")
		_, status := c.ends("imageless")
		if why := c.why("imageless"); status["succeeded"] != "false" || !strings.Contains(why, "did not start within 5s") || !strings.Contains(why, "ErrImageNeverPull") {
			c.t.Errorf("%v: %s", status, why)
		}
	})
}

// apiAway is how long the API server is away.
const apiAway = 150 * time.Second

// close runs the configuration gated as a session that waits for open.
func (c *inKubernetes) close(session string) {
	c.t.Helper()
	for _, n := range c.nodes {
		if err := os.WriteFile(filepath.Join(c.layer(n), "etc/gate"), nil, 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	c.run(session, "gated")
}

// open lets it go on.
func (c *inKubernetes) open() {
	c.t.Helper()
	for _, n := range c.nodes {
		if err := os.Remove(filepath.Join(c.layer(n), "etc/gate")); err != nil {
			c.t.Fatal(err)
		}
	}
}

// layer is where the node's files are.
func (c *inKubernetes) layer(node string) string { return c.view(node).Layer }

// why is what is told of the session's end.
func (c *inKubernetes) why(session string) string {
	c.t.Helper()
	var log struct{ Message string }
	c.get("/apis/cfs/v3/sessions/"+session+"/log", &log)
	return log.Message
}

// wholeLog wants each task of the gated playbook once in the session's log.
func (c *inKubernetes) wholeLog(session string) {
	c.t.Helper()
	log := c.drover("cfs", "sessions", "log", session)
	for _, once := range []string{"==> clone <==", "==> inventory <==", "==> ansible <==", "TASK [begins]", "PLAY RECAP"} {
		if strings.Count(log, once) != 1 {
			c.t.Errorf("%d times %q in\n%s", strings.Count(log, once), once, log)
		}
	}
}

// shape wants that the session's Job is as the published service has it, as the
// API server has completed it.
func (c *inKubernetes) shape(session string) {
	c.t.Helper()
	for path, want := range map[string]string{
		"{.items[0].spec.backoffLimit}":                                            "0",
		"{.items[0].spec.ttlSecondsAfterFinished}":                                 "604800",
		"{.items[0].spec.template.spec.restartPolicy}":                             "Never",
		"{.items[0].spec.template.spec.initContainers[*].name}":                    "git-clone",
		"{.items[0].spec.template.spec.containers[*].name}":                        "inventory ansible",
		"{.items[0].metadata.labels.cfsversion}":                                   "v3",
		`{.items[0].spec.template.metadata.labels.app\.kubernetes\.io/name}`:       "cray-cfs-aee",
		"{.items[0].spec.template.spec.serviceAccountName}":                        "drover-sessions",
		"{.items[0].spec.template.metadata.labels.configuration}":                  "site",
		`{.items[0].spec.template.spec.volumes[?(@.name=="config-vol")].emptyDir}`: `{"medium":"Memory"}`,
	} {
		if got := c.kubectl("get", "jobs", "-n", sessionsNamespace, "-l", "cfsession="+session, "-o", "jsonpath="+path); got != want {
			c.t.Errorf("%s is %q, expected %q", path, got, want)
		}
	}
}
