package kubernetes

import (
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/drover-hpc/drover/internal/job"
)

// Config says where and how jobs run.
type Config struct {
	// Dir holds a directory for each job. Only one executor uses it at a time.
	Dir string
	// App is the label of this executor's Jobs and pods among those of the namespace.
	App string
	// Site is what all jobs have in common.
	Site Site
	// ReportURL is the URL below which pods reach ServeHTTP.
	ReportURL string
	// Program is the command that takes "pod STEP --job DIR".
	Program []string
	// StartTimeout is how long a pod may fail to start for what no waiting mends,
	// such as an image that cannot be pulled; then the job has failed. 0: 5 minutes.
	StartTimeout time.Duration
	// Prepare makes what goes into the job's Secret beside its files, from the
	// job's directory. Renew makes what is new in it after each RenewEvery while
	// the job runs. nil: nothing.
	Prepare, Renew func(job.Dir) (map[string][]byte, error)
	RenewEvery     time.Duration
	// Clean removes what only a job that runs needs from its directory; it may be
	// called again. nil: nothing.
	Clean func(job.Dir) error
	// Tell says why a step failed, as job.Plan.Tell does. nil: its output does.
	Tell func(d job.Dir, step string) string
	// Reported are the files that steps may report, those that grow and the
	// others, and how much each may be.
	Grown, Replaced []string
	MaxReported     int64
	// MaxLog bounds the log of each step, in bytes; 0: 8 MiB.
	MaxLog int64
	// KeepFinished is how many finished jobs keep their records and logs. 0: 1,000.
	KeepFinished int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log is where trouble goes; nil is slog.Default.
	Log *slog.Logger
}

// Site is what all Jobs of a site have in common.
type Site struct {
	Namespace      string
	Image          string
	PullPolicy     corev1.PullPolicy
	PullSecret     string // name of a Secret; empty: none
	ServiceAccount string
	HostNetwork    bool
	NodeSelector   map[string]string
	Tolerations    []corev1.Toleration
	// Resources are those of the containers that do the work.
	Resources corev1.ResourceRequirements
}

// Container is a step's container.
type Container struct {
	Name string // of the container
	Step string // of the job
	Env  []corev1.EnvVar
	// Mounts are those beside the job's directory.
	Mounts []corev1.VolumeMount
	// Works: it gets the site's resources.
	Works bool
}

// Work is a job as Kubernetes is to run it.
type Work struct {
	job.Spec
	// Files are the program's files in the job's directory, by name.
	Files map[string]any
	// Labels are those of the Job and its pod; what is no legal value is made one.
	Labels map[string]string
	// TTL is how long Job and pod stay after their end; negative: for ever.
	TTL time.Duration
	// Dir is where the containers have the job's directory.
	Dir string
	// Privileged containers are root and may do all that their machine can; the
	// job's directory is on its disk.
	Privileged bool
	// First run one after another before those in Together, which start together
	// and wait for each other, each for the one before it.
	First, Together []Container
	Volumes         []corev1.Volume
}

// steps are the containers with their steps, in order.
func (w *Work) steps() []stepContainer {
	var list []stepContainer
	for _, c := range w.First {
		list = append(list, stepContainer{Step: c.Step, Container: c.Name})
	}
	for _, c := range w.Together {
		list = append(list, stepContainer{Step: c.Step, Container: c.Name})
	}
	return list
}

// stepContainer is which container runs a step.
type stepContainer struct {
	Step      string `json:"step"`
	Container string `json:"container"`
}
