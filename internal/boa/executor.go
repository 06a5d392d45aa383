package boa

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/job/kubernetes"
	"github.com/drover-hpc/drover/internal/job/local"
	"github.com/drover-hpc/drover/internal/s3"
)

// jobs is what runs agents: processes of this machine, or Jobs of Kubernetes.
// Their directories are on this machine.
type jobs interface {
	State(id string) job.State
	End(ctx context.Context, id string) error
	Stop(ctx context.Context, id string) error
	Changed() <-chan string
	Keep(shelf job.Shelf)
	Left(ctx context.Context, id string) (job.Dir, error)
	Follow(id string) (changed <-chan struct{}, stop func())
	Open() error
	Close()
}

// Executor runs agents.
type Executor struct {
	jobs
	dir   string
	start func(context.Context, job.Spec, map[string]any) error
	// settings go with each agent, with its token and its credentials.
	settings    Settings
	token       func(v1.Order) string         // may be nil
	credentials func(v1.Order) s3.Credentials // likewise
}

var (
	_ v1.Executor = (*Executor)(nil)
	_ v1.Records  = (*Executor)(nil)
)

// Config says where and how agents run.
type Config struct {
	// Dir holds a directory for each agent. Only one executor uses it at a time.
	Dir string
	// Program is the command line up to and including "boa"; empty: this executable.
	Program  []string
	Settings Settings
	// Token gives what an agent shows at the gateway; nil: nothing.
	Token func(v1.Order) string
	// Credentials gives an agent what it reads the object store with; nil: what the
	// settings have.
	Credentials func(v1.Order) s3.Credentials
	// Succession is for local.Executor.
	Succession local.Succession
}

// NewExecutor returns an executor on processes of this machine; Open sets it to
// work.
func NewExecutor(c Config) (*Executor, error) {
	if len(c.Program) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own executable: %w", err)
		}
		c.Program = []string{self, "boa"}
	}
	jobs, err := local.New(local.Config{Dir: c.Dir, Program: c.Program, Variables: waitVariables})
	if err != nil {
		return nil, err
	}
	jobs.Succeed(c.Succession)
	start := func(_ context.Context, spec job.Spec, files map[string]any) error { return jobs.Start(spec, files) }
	return &Executor{jobs, c.Dir, start, c.Settings, c.Token, c.Credentials}, nil
}

// KubernetesConfig says how agents run as Jobs of Kubernetes.
type KubernetesConfig struct {
	Dir      string
	Settings Settings
	// Token and Credentials are as in Config.
	Token       func(v1.Order) string
	Credentials func(v1.Order) s3.Credentials
	Cluster     kubernetes.Cluster
	Site        kubernetes.Site
	// StartTimeout is how long a pod may fail to start; 0: 5 minutes.
	StartTimeout time.Duration
	// CAConfigMap has the site's certificates as certificate_authority.crt; it need
	// not exist.
	CAConfigMap string
}

const (
	// app is the label of agents' Jobs.
	app = "cray-bos-boa"
	// podDir is where a pod has the agent's directory.
	podDir = "/job"
	// keepJobs is how long Jobs stay after their end, and keepAgents how many agents
	// that ended keep their records here.
	keepJobs   = 24 * time.Hour
	keepAgents = 200
)

// NewKubernetesExecutor returns an executor on Jobs of Kubernetes; Open sets it
// to work.
func NewKubernetesExecutor(c KubernetesConfig) (*Executor, error) {
	jobs, err := kubernetes.New(kubernetes.Config{Dir: c.Dir, App: app, Site: c.Site, Program: []string{"drover", "boa"},
		StartTimeout: c.StartTimeout, KeepFinished: keepAgents}, c.Cluster)
	if err != nil {
		return nil, err
	}
	start := func(ctx context.Context, spec job.Spec, files map[string]any) error {
		return jobs.Start(ctx, c.work(spec, files))
	}
	return &Executor{jobs, c.Dir, start, c.Settings, c.Token, c.Credentials}, nil
}

// work is the agent as Kubernetes runs it, with what this server's environment
// says of its waits.
func (c *KubernetesConfig) work(spec job.Spec, files map[string]any) kubernetes.Work {
	agent := kubernetes.Container{Name: "boa", Step: stepOperate}
	for _, name := range waitVariables {
		if value, is := os.LookupEnv(name); is {
			agent.Env = append(agent.Env, corev1.EnvVar{Name: name, Value: value})
		}
	}
	w := kubernetes.Work{Spec: spec, Files: files, Dir: podDir, TTL: keepJobs}
	w.Together = []kubernetes.Container{agent}
	w.Trust(c.CAConfigMap)
	return w
}

// Start implements v1.Executor. Agents wait most of the time: no limit holds
// for how many there are.
func (e *Executor) Start(ctx context.Context, o v1.Order) error {
	settings := e.settings
	if e.token != nil {
		settings.Token = e.token(o)
	}
	if e.credentials != nil {
		settings.Credentials = e.credentials(o)
	}
	return e.start(ctx, job.Spec{ID: o.ID, Free: true}, map[string]any{orderFile: o, settingsFile: settings})
}

// Jobs implements v1.Executor.
func (e *Executor) Jobs() ([]string, error) {
	found, err := filepath.Glob(filepath.Join(e.dir, "boa-*"))
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return found, err
}
