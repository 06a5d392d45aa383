package aee

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/drover-hpc/drover/internal/aee/plugin"
	"github.com/drover-hpc/drover/internal/aee/trust"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/job/kubernetes"
)

// KubernetesConfig says how sessions run as Jobs of Kubernetes.
type KubernetesConfig struct {
	ExecutorConfig
	Cluster kubernetes.Cluster
	Site    kubernetes.Site
	// ReportURL is the URL below which pods reach Reports.
	ReportURL string
	// StartTimeout is how long a pod may fail to start; 0: 5 minutes.
	StartTimeout time.Duration
	// CAConfigMap has the site's certificates as certificate_authority.crt, and
	// VCSSecret a login for git servers as vcs_username and vcs_password. Neither
	// need exist.
	CAConfigMap, VCSSecret string
	// TTL is how long Jobs stay after their end; negative: for ever.
	TTL func(context.Context) (time.Duration, error)
	// Authority issues the SSH keys of sessions.
	Authority *trust.Authority
}

// KubernetesExecutor is an Executor on Jobs of Kubernetes.
type KubernetesExecutor struct {
	*Executor
	// Jobs takes the reports of pods.
	Jobs *kubernetes.Executor
}

// app is the label of sessions' Jobs.
const app = "cray-cfs-aee"

// InPod begins the place in which a session is held that runs in a pod.
const InPod = "kubectl exec "

// NewKubernetesExecutor returns an executor; Open sets it to work.
func NewKubernetesExecutor(c KubernetesConfig) (*KubernetesExecutor, error) {
	if c.Program == nil {
		c.Program = []string{"drover", "aee"}
	}
	s := &c.Settings
	s.CacheDir, s.TrustDir, s.KeyDir, s.CertDir, s.ConfigDir = podMirrors, "", podKeys, podCerts, podConfigs
	s.Release, s.CAFile, s.StartTimeout = podRelease, "", c.StartTimeout
	if c.CAConfigMap != "" {
		s.CAFile = podCAFile
	}
	defaults := s.withDefaults()
	jobs, err := kubernetes.New(kubernetes.Config{Dir: c.Dir, App: app, Site: c.Site, ReportURL: c.ReportURL, Program: c.Program, StartTimeout: c.StartTimeout,
		Prepare:    func(d job.Dir) (map[string][]byte, error) { return issue(c.Authority, d) },
		Renew:      func(d job.Dir) (map[string][]byte, error) { return renew(c.Authority, d) },
		RenewEvery: trust.Renewal, Clean: Clean, Tell: tell, Grown: reportedGrown, Replaced: reportedReplaced,
		MaxReported: defaults.MaxResults * 3 / 2, MaxLog: defaults.MaxLog, KeepFinished: c.KeepFinished, Now: c.Now, Log: c.Log}, c.Cluster)
	if err != nil {
		return nil, err
	}
	e := &Executor{jobs: jobs, cfg: c.ExecutorConfig, heldIn: func(id string) string { return enter(c.Site.Namespace, id) }}
	e.start = func(ctx context.Context, j cfs.Job, logins map[string]Login) error {
		ttl, err := c.TTL(ctx)
		if err != nil {
			return err
		}
		own := c.settingsOf(j)
		own.Enter = enter(c.Site.Namespace, j.ID)
		return jobs.Start(ctx, c.work(j, own, logins, ttl))
	}
	return &KubernetesExecutor{e, jobs}, nil
}

func enter(namespace, id string) string {
	return InPod + "-it -n " + namespace + " job/" + id + " -c " + StepAnsible + " -- sh"
}

// What a session's Secret has beside its files, by the names that the trust keys
// of nodes have.
const (
	secretPrivate = "private"
	secretPublic  = "public"
	secretCert    = "certificate"
)

// issue makes the session's SSH key, which stays here until the session ends.
func issue(ca *trust.Authority, d Dir) (map[string][]byte, error) {
	j, err := readJob(d)
	if err != nil {
		return nil, err
	}
	if err := d.Mkdir("ssh"); err != nil {
		return nil, err
	}
	if err := ca.Issue(key(d), j.Session); err != nil {
		return nil, err
	}
	return contents(map[string]string{secretPrivate: key(d), secretPublic: key(d) + ".pub", secretCert: key(d) + "-cert.pub"})
}

// renew certifies that key again.
func renew(ca *trust.Authority, d Dir) (map[string][]byte, error) {
	j, err := readJob(d)
	if err == nil {
		err = ca.Renew(key(d), j.Session)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the session has just ended
	}
	if err != nil {
		return nil, err
	}
	return contents(map[string]string{secretCert: key(d) + "-cert.pub"})
}

func contents(paths map[string]string) (map[string][]byte, error) {
	data := map[string][]byte{}
	for name, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		data[name] = text
	}
	return data, nil
}

// work is the session as Kubernetes runs it.
func (c *KubernetesConfig) work(j cfs.Job, s Settings, logins map[string]Login, ttl time.Duration) kubernetes.Work {
	config := j.AnsibleConfig
	if config == "" {
		config = plugin.DefaultConfigName
	}
	ca := corev1.VolumeMount{Name: "ca-pubkey", MountPath: podCA, ReadOnly: true}
	mirrors := corev1.VolumeMount{Name: "repositories", MountPath: podMirrors}
	certs := corev1.VolumeMount{Name: "cfs-trust-certificate", MountPath: podCerts, ReadOnly: true}
	w := kubernetes.Work{Spec: spec(j, Settings{}), Files: files(j, s, logins), TTL: ttl, Dir: string(podDir),
		Labels: map[string]string{"cfsession": j.Session, "aee": j.Session, "cfsversion": "v3", "configuration": j.Configuration},
		First: []kubernetes.Container{{Name: "git-clone", Step: StepClone, Mounts: []corev1.VolumeMount{mirrors, ca},
			Env: c.cloneEnv(j, s)}},
		Together: []kubernetes.Container{
			{Name: "inventory", Step: StepInventory, Env: c.podEnv(j, s), Mounts: []corev1.VolumeMount{ca, certs,
				{Name: "cfs-trust-keys", MountPath: podKeys, ReadOnly: true},
				{Name: "ansible-config", MountPath: podConfigs + "/" + config, ReadOnly: true}}},
			{Name: "ansible", Step: StepAnsible, Works: true, Env: ansibleEnv(j, s), Mounts: []corev1.VolumeMount{mirrors, ca, certs}},
		},
	}
	if j.Target == cfs.TargetImage {
		w.Together = append(w.Together, kubernetes.Container{Name: "teardown", Step: StepTeardown, Env: c.podEnv(j, s), Mounts: []corev1.VolumeMount{ca}})
	}
	w.Volumes = []corev1.Volume{
		{Name: "repositories", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		configMap("ca-pubkey", c.CAConfigMap),
		configMap("ansible-config", config, corev1.KeyToPath{Key: "ansible.cfg", Path: "ansible.cfg"}),
		secret("cfs-trust-keys", j.ID, corev1.KeyToPath{Key: secretPublic, Path: "id_ecdsa.pub"}, corev1.KeyToPath{Key: secretPrivate, Path: "id_ecdsa"}),
		secret("cfs-trust-certificate", j.ID, corev1.KeyToPath{Key: secretCert, Path: "id_ecdsa-cert.pub"}),
	}
	return w
}

// configMap is a volume of a ConfigMap that need not be there; without a name it
// is empty.
func configMap(volume, name string, items ...corev1.KeyToPath) corev1.Volume {
	if name == "" {
		return corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	}
	return corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: name}, Items: items, Optional: new(true)}}}
}

func secret(volume, name string, items ...corev1.KeyToPath) corev1.Volume {
	return corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name, Items: items}}}
}

// cloneEnv is git-clone's environment. The login is git's where a source has none.
func (c *KubernetesConfig) cloneEnv(j cfs.Job, s Settings) []corev1.EnvVar {
	defaults := s.withDefaults()
	env := append(trusts(s, "GIT_SSL_CAINFO"), variables("SESSION_CONFIGURATION_NAME", j.Configuration, "SESSION_CONFIGURATION_LIMIT", j.Selection,
		"GIT_RETRY_MAX", strconv.Itoa(defaults.GitRetries), "GIT_RETRY_DELAY", strconv.Itoa(int(defaults.GitDelay/time.Second)))...)
	if c.VCSSecret == "" {
		return env
	}
	for _, name := range []string{"VCS_USERNAME", "VCS_PASSWORD"} {
		env = append(env, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: c.VCSSecret}, Key: strings.ToLower(name), Optional: new(true)}}})
	}
	return env
}

// podEnv is that of inventory and teardown.
func (c *KubernetesConfig) podEnv(j cfs.Job, s Settings) []corev1.EnvVar {
	return append(variables("SESSION_NAME", j.Session, "RESOURCE_NAMESPACE", c.Site.Namespace), trusts(s, "SSL_CAINFO")...)
}

// ansibleEnv tells a site's tools in the container what it runs.
func ansibleEnv(j cfs.Job, s Settings) []corev1.EnvVar {
	return append(variables("SESSION_NAME", j.Session, "ANSIBLE_ARGS", strings.Join(ansibleArgs(j), " "),
		"INVENTORY_TYPE", string(j.Target), "DISABLE_STATE_RECORDING", pythonBool(!j.RecordState),
		"DEBUG_WAIT_TIME", strconv.Itoa(int(j.DebugWait/time.Second))), trusts(s, "SSL_CAINFO")...)
}

// trusts names the file with the site's certificates, if there is one.
func trusts(s Settings, variable string) []corev1.EnvVar {
	if s.CAFile == "" {
		return nil
	}
	return variables(variable, s.CAFile)
}

// variables pairs names and values.
func variables(pairs ...string) (env []corev1.EnvVar) {
	for i := 0; i+1 < len(pairs); i += 2 {
		env = append(env, corev1.EnvVar{Name: pairs[i], Value: pairs[i+1]})
	}
	return env
}
