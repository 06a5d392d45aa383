package server

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/aee/trust"
	"github.com/drover-hpc/drover/internal/boa"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/ims/imagejob"
	"github.com/drover-hpc/drover/internal/job/kubernetes"
)

// The values of --executor.
const (
	executorLocal      = "local"
	executorKubernetes = "kubernetes"
)

// Kubernetes is how CFS sessions and agents of BOS v1 run as Jobs, if they do.
type Kubernetes struct {
	Kubeconfig     string        `mapstructure:"kubernetes-kubeconfig"`
	Namespace      string        `mapstructure:"kubernetes-namespace"`
	Image          string        `mapstructure:"kubernetes-image"`
	ImageJobs      string        `mapstructure:"kubernetes-ims-image"`
	PullPolicy     string        `mapstructure:"kubernetes-image-pull-policy"`
	PullSecret     string        `mapstructure:"kubernetes-image-pull-secret"`
	ServiceAccount string        `mapstructure:"kubernetes-service-account"`
	Gateway        string        `mapstructure:"kubernetes-gateway"`
	HostNetwork    bool          `mapstructure:"kubernetes-host-network"`
	Requests       []string      `mapstructure:"kubernetes-requests"`
	Limits         []string      `mapstructure:"kubernetes-limits"`
	NodeSelector   []string      `mapstructure:"kubernetes-node-selector"`
	Tolerations    []string      `mapstructure:"kubernetes-tolerations"`
	CAConfigMap    string        `mapstructure:"kubernetes-ca-configmap"`
	VCSSecret      string        `mapstructure:"kubernetes-vcs-secret"`
	StartTimeout   time.Duration `mapstructure:"kubernetes-start-timeout"`
}

func declareKubernetes(f *pflag.FlagSet) {
	f.String("executor", executorLocal, "what runs CFS sessions and agents of BOS v1: `local` (processes beside this one) or kubernetes (a Job each)")
	f.String("kubernetes-kubeconfig", "", "`FILE` that says how to reach the cluster (without it: as the pod that this server runs in)")
	f.String("kubernetes-namespace", "", "`NAMESPACE` of the Jobs (default: that of the kubeconfig's context, or of this server's pod)")
	f.String("kubernetes-image", "", "`IMAGE` of the Jobs' containers, with this version of drover in it (see make container)")
	f.String("kubernetes-ims-image", "", "run the jobs of IMS as privileged Jobs with this `IMAGE`, which has this version of drover and their tools in it (default: they run beside this server, as root)")
	f.String("kubernetes-image-pull-policy", "", "`POLICY` by which nodes pull it: Always, IfNotPresent or Never (default: the cluster's)")
	f.String("kubernetes-image-pull-secret", "", "`NAME` of the Secret with which they do")
	f.String("kubernetes-service-account", "drover-sessions", "`NAME` of the Jobs' service account, which needs no rights")
	f.String("kubernetes-gateway", "", "`URL` by which pods reach this server (default: --advertise)")
	f.Bool("kubernetes-host-network", false, "have the Jobs' pods use the network of the machine they run on, where only that leads to the nodes")
	f.StringSlice("kubernetes-requests", []string{"cpu=500m", "memory=4Gi"}, "what Ansible's container asks for, as `RESOURCE=QUANTITY` with commas between them")
	f.StringSlice("kubernetes-limits", []string{"cpu=8", "memory=6Gi"}, "most that it may use, as `RESOURCE=QUANTITY`; checkouts and inventory are in memory and count")
	f.StringSlice("kubernetes-node-selector", nil, "`LABEL=VALUE`s of the machines on which the Jobs may run")
	f.StringSlice("kubernetes-tolerations", nil, "taints of machines that the Jobs bear, as `KEY[=VALUE]:EFFECT`")
	f.String("kubernetes-ca-configmap", "", "`NAME` of a ConfigMap with the key certificate_authority.crt: certificates that sessions trust beside the system's")
	f.String("kubernetes-vcs-secret", "vcs-user-credentials", "`NAME` of a Secret with the keys vcs_username and vcs_password: git's login where a source has none; it need not exist")
	f.Duration("kubernetes-start-timeout", 5*time.Minute, "`TIME` for which a pod may fail to start, such as for an image that cannot be pulled, before its session fails")
}

// check refuses what cannot work together.
func (k *Kubernetes) check(c *Config) error {
	switch c.Executor {
	case "", executorLocal:
		if k.ImageJobs != "" {
			return fault.New(fault.Invalid, "kubernetes-ims-image: expected executor %s with it", executorKubernetes)
		}
		return nil
	case executorKubernetes:
	default:
		return fault.New(fault.Invalid, "executor: expected %s or %s, got %q", executorLocal, executorKubernetes, c.Executor)
	}
	var err error
	if k.Kubeconfig, err = absolute(k.Kubeconfig); err != nil {
		return fault.New(fault.Invalid, "kubernetes-kubeconfig: %w", err)
	}
	if _, err := k.site(""); err != nil {
		return err
	}
	switch {
	case k.Image == "":
		return fault.New(fault.Invalid, "kubernetes-image: expected the image of sessions, such as registry.example.org/drover:%s", Version)
	case k.Gateway == "" && c.Advertise == "":
		return fault.New(fault.Invalid, "kubernetes-gateway: expected the URL by which pods reach this server, here or as advertise")
	case c.NodeS3Listen != "" && c.S3URL == "":
		return fault.New(fault.Invalid, "s3-url: with node-s3-listen pods do not find the object store where nodes do: expected the URL by which they reach s3-listen")
	case k.StartTimeout < time.Second:
		return fault.New(fault.Invalid, "kubernetes-start-timeout: expected at least 1s, got %s", k.StartTimeout)
	case c.AnsibleDir != "":
		return fault.New(fault.Invalid, "ansible-config-dir: sessions in Kubernetes have their Ansible configurations in ConfigMaps of those names, with the key ansible.cfg")
	case c.Virtual.Nodes > 0:
		return fault.New(fault.Invalid, "virtual: pods do not reach virtual nodes: expected executor %s", executorLocal)
	}
	return nil
}

// site is what all Jobs have in common.
func (k *Kubernetes) site(namespace string) (kubernetes.Site, error) {
	s := kubernetes.Site{Namespace: namespace, Image: k.Image, PullPolicy: corev1.PullPolicy(k.PullPolicy), PullSecret: k.PullSecret,
		ServiceAccount: k.ServiceAccount, HostNetwork: k.HostNetwork}
	switch s.PullPolicy {
	case "", corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
	default:
		return s, fault.New(fault.Invalid, "kubernetes-image-pull-policy: expected Always, IfNotPresent or Never, got %q", k.PullPolicy)
	}
	var err error
	if s.Resources.Requests, err = quantities("kubernetes-requests", k.Requests); err != nil {
		return s, err
	}
	if s.Resources.Limits, err = quantities("kubernetes-limits", k.Limits); err != nil {
		return s, err
	}
	for _, text := range k.NodeSelector {
		label, value, ok := strings.Cut(text, "=")
		if !ok || label == "" {
			return s, fault.New(fault.Invalid, "kubernetes-node-selector: expected LABEL=VALUE, got %q", text)
		}
		if s.NodeSelector == nil {
			s.NodeSelector = map[string]string{}
		}
		s.NodeSelector[label] = value
	}
	for _, text := range k.Tolerations {
		t, err := toleration(text)
		if err != nil {
			return s, err
		}
		s.Tolerations = append(s.Tolerations, t)
	}
	return s, nil
}

func quantities(flag string, list []string) (corev1.ResourceList, error) {
	out := corev1.ResourceList{}
	for _, text := range list {
		name, amount, _ := strings.Cut(text, "=")
		q, err := resource.ParseQuantity(amount)
		if err != nil || name == "" {
			return nil, fault.New(fault.Invalid, "%s: expected RESOURCE=QUANTITY such as memory=4Gi, got %q", flag, text)
		}
		out[corev1.ResourceName(name)] = q
	}
	return out, nil
}

func toleration(text string) (corev1.Toleration, error) {
	taint, effect, ok := strings.Cut(text, ":")
	key, value, equal := strings.Cut(taint, "=")
	t := corev1.Toleration{Key: key, Value: value, Effect: corev1.TaintEffect(effect), Operator: corev1.TolerationOpExists}
	if equal {
		t.Operator = corev1.TolerationOpEqual
	}
	switch t.Effect {
	case corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
	default:
		ok = false
	}
	if !ok || key == "" {
		return t, fault.New(fault.Invalid, "kubernetes-tolerations: expected KEY[=VALUE]:NoSchedule, :PreferNoSchedule or :NoExecute, got %q", text)
	}
	return t, nil
}

// connectKubernetes is the cluster in which Jobs run, and what they have in common.
func (s *Server) connectKubernetes() (kubernetes.Cluster, kubernetes.Site, error) {
	k := &s.config.Kubernetes
	cluster, namespace, err := kubernetes.Connection{Kubeconfig: k.Kubeconfig, Namespace: k.Namespace,
		Wrap: s.leading}.Connect()
	if err != nil {
		return nil, kubernetes.Site{}, err
	}
	site, err := k.site(namespace)
	return cluster, site, err
}

// podsGateway is the URL by which pods reach this server.
func (s *Server) podsGateway() string {
	return strings.TrimRight(cmp.Or(s.config.Kubernetes.Gateway, s.config.Advertise), "/")
}

// podsS3 is the URL by which they reach the object store.
func (s *Server) podsS3() string { return cmp.Or(s.config.S3URL, s.nodeS3()) }

// startKubernetes sets up what runs sessions as Jobs.
func (s *Server) startKubernetes(trusted string, source func(context.Context, string) (cfs.Repository, error), options func(context.Context) (cfs.Options, error)) (cfs.Executor, error) {
	k := &s.config.Kubernetes
	cluster, site, err := s.connectKubernetes()
	if err != nil {
		return nil, err
	}
	authority, err := trust.Open(trusted, s.now)
	if err != nil {
		return nil, err
	}
	gateway := s.podsGateway()
	names := s.vcsNames()
	names.Listener = gateway
	c := aee.KubernetesConfig{Cluster: cluster, Site: site, ReportURL: gateway + jobsPath, StartTimeout: k.StartTimeout,
		CAConfigMap: k.CAConfigMap, VCSSecret: k.VCSSecret, Authority: authority,
		TTL: func(ctx context.Context) (time.Duration, error) {
			o, err := options(ctx)
			if err != nil {
				return 0, err
			}
			return o.KeepSessions(), nil
		}}
	c.ExecutorConfig = aee.ExecutorConfig{Dir: s.path(ofSessions), Token: s.sessionToken, Repository: source, Now: s.now,
		Settings: aee.Settings{Files: s.config.files(), ARA: s.config.ARA, Gateway: gateway, VCS: names, HSM: s.config.forJobs(s.config.HSM), IMS: s.config.forJobs(s.config.IMS), SSHPort: s.config.SSHPort}}
	e, err := aee.NewKubernetesExecutor(c)
	if err != nil {
		return nil, err
	}
	s.takeReports(e.Jobs)
	return e, s.openJobs(ofSessions, e)
}

// kubernetesAgents is what runs agents of BOS v1 as Jobs.
func (s *Server) kubernetesAgents(dir string) (*boa.Executor, error) {
	k := &s.config.Kubernetes
	cluster, site, err := s.connectKubernetes()
	if err != nil {
		return nil, err
	}
	return boa.NewKubernetesExecutor(boa.KubernetesConfig{Dir: dir, Settings: s.agentSettings(s.podsGateway(), s.podsS3()), Cluster: cluster, Site: site,
		Token: s.agentToken, Credentials: s.agentCredentials, StartTimeout: k.StartTimeout, CAConfigMap: k.CAConfigMap})
}

// jobsPath is where pods report what their steps recorded.
const jobsPath = nativePrefix + "/v1/jobs/"

// takeReports has pods report what their steps recorded.
func (s *Server) takeReports(jobs *kubernetes.Executor) {
	s.podJobs = append(s.podJobs, jobs)
	if len(s.podJobs) > 1 {
		return // the route is there
	}
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
		s.mux.HandleFunc(method+" "+jobsPath+"{job}/files/{name...}", func(w http.ResponseWriter, r *http.Request) {
			id := r.PathValue("job")
			of := s.podJobs[0] // which refuses those that nobody has
			for _, jobs := range s.podJobs {
				if jobs.Has(id) {
					of = jobs
				}
			}
			of.Reports(w, r, id, r.PathValue("name"))
		})
	}
}

// kubernetesImages is what runs image jobs as Jobs.
func (s *Server) kubernetesImages(dir string) (*imagejob.Runner, error) {
	k := &s.config.Kubernetes
	cluster, site, err := s.connectKubernetes()
	if err != nil {
		return nil, err
	}
	site.Image = k.ImageJobs
	runner, jobs, err := imagejob.NewKubernetesRunner(imagejob.KubernetesConfig{Dir: dir, Cluster: cluster, Site: site, StartTimeout: k.StartTimeout,
		ReportURL: s.podsGateway() + jobsPath, Settings: imagejob.Settings{Endpoint: s.podsS3()}, Credentials: s.imageJobCredentials, CAConfigMap: k.CAConfigMap})
	if err != nil {
		return nil, err
	}
	s.takeReports(jobs)
	return runner, nil
}
