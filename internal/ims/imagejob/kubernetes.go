package imagejob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/job/kubernetes"
	"github.com/drover-hpc/drover/internal/job/pod"
	"github.com/drover-hpc/drover/internal/s3"
)

// KubernetesConfig says how jobs run as Jobs of Kubernetes.
type KubernetesConfig struct {
	Dir string
	// Settings and Credentials are as in Config.
	Settings    Settings
	Credentials func(ims.JobOrder) s3.Credentials
	Cluster     kubernetes.Cluster
	// Site has the image with the tools.
	Site kubernetes.Site
	// ReportURL is the URL below which pods reach Reports.
	ReportURL string
	// StartTimeout is how long a pod may fail to start; 0: 5 minutes.
	StartTimeout time.Duration
	// CAConfigMap has the site's certificates as certificate_authority.crt; it need
	// not exist.
	CAConfigMap string
}

const (
	// app is the label of the Jobs.
	app = "cray-ims-job"
	// podDir is where a pod has the job's directory, and podCache what recipes of
	// type drover are built of.
	podDir   = job.Dir("/job")
	podCache = "/var/cache/drover"
	// podAddress is the variable with the address of the pod.
	podAddress = "POD_IP"
	// keepKube is how long Jobs stay after their end, and keepJobs how many jobs that
	// ended keep their records here.
	keepKube = 24 * time.Hour
	keepJobs = 200
)

// reported are the files that the server gets of a job's pod.
var reported = []string{shellFile, productFile, whyFile, "waits.json"}

// NewKubernetesRunner returns a runner on Jobs of Kubernetes, and who takes the
// reports of their pods; Open sets it to work.
func NewKubernetesRunner(c KubernetesConfig) (*Runner, *kubernetes.Executor, error) {
	c.Settings.Cache, c.Settings.Host = podCache, ""
	jobs, err := kubernetes.New(kubernetes.Config{Dir: c.Dir, App: app, Site: c.Site, ReportURL: c.ReportURL, Program: []string{"drover", "ims-job"},
		StartTimeout: c.StartTimeout, Clean: Clean, Tell: tellInPod, Replaced: reported, KeepFinished: keepJobs}, c.Cluster)
	if err != nil {
		return nil, nil, err
	}
	start := func(ctx context.Context, o ims.JobOrder) error {
		w := podWork(o, c.Settings.with(c.Credentials, o))
		w.Trust(c.CAConfigMap)
		err := jobs.Start(ctx, w)
		if err != nil && !fault.Is(err, fault.Invalid) {
			err = fault.New(fault.Unavailable, "image job %s: %w", o.ID, err)
		}
		return err
	}
	return &Runner{jobs: jobs, dir: jobs.Path(), settings: c.Settings, start: start, refuse: refuseInPod}, jobs, nil
}

// podWork is the job as Kubernetes runs it: a container for each step, one after
// another.
func podWork(o ims.JobOrder, s Settings) kubernetes.Work {
	w := kubernetes.Work{Spec: job.Spec{ID: o.ID}, Files: files(o, s), Dir: string(podDir), TTL: keepKube, Privileged: true}
	for _, name := range steps(o) {
		w.First = append(w.First, kubernetes.Container{Name: name, Step: name, Env: []corev1.EnvVar{{Name: podAddress,
			ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}}}})
	}
	last := len(w.First) - 1
	w.First, w.Together = w.First[:last:last], w.First[last:]
	return w
}

// refuseInPod tells what no pod can do. What its image lacks only the pod knows.
func refuseInPod(o ims.JobOrder, _ Settings) error {
	if o.Type == ims.Create && o.Recipe != RecipeKiwi && o.Recipe != RecipeDrover {
		return fault.New(fault.Invalid, "recipes of type %s cannot be built here: expected %s or %s - 'artifact_id'", o.Recipe, RecipeKiwi, RecipeDrover)
	}
	return nil
}

// tellInPod is what a step of the pod said of its failure, if it got through.
func tellInPod(d job.Dir, step string) string {
	if own, err := job.Read[why](d, whyFile); err == nil && own.Step == step {
		return own.Why
	}
	return ending(job.Tail(d.Log(step), 256<<10))
}

// inPod runs a step as a container of the job's pod.
func inPod(ctx context.Context, step string, d job.Dir, program []string, out, errs io.Writer) (int, error) {
	plan := pod.Plan{Dir: d, Program: program, Step: step, Replaced: reported}
	from := d
	if step == ims.StepFetch {
		plan.Given = kubernetes.GivenDir
		from = job.Dir(plan.Given)
	}
	w, err := readWork(from)
	if err != nil {
		return 1, err
	}
	if err := refuse(w.order, w.settings); err != nil {
		return 1, err
	}
	if err := showLoops(); err != nil {
		return 1, err
	}
	plan.Patience = w.settings.Patience
	return pod.Run(ctx, plan, out, errs)
}

// loops is how many devices are shown beyond the first that is free: until the
// step takes one, others may.
const loops = 16

// showLoops makes the files of devices for volumes: a container has only those
// that there were when it began.
func showLoops() error {
	control, err := os.Open("/dev/loop-control")
	if err != nil {
		return fmt.Errorf("a device for the job's volume: %w", err)
	}
	defer control.Close()
	free, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return fmt.Errorf("a device for the job's volume: %w", err)
	}
	const major = 7
	for n := free; n < free+loops; n++ {
		err := unix.Mknod(fmt.Sprintf("/dev/loop%d", n), unix.S_IFBLK|0o660, int(unix.Mkdev(major, uint32(n))))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("a device for the job's volume: %w", err)
		}
	}
	return nil
}
