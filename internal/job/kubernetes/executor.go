package kubernetes

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/job/pod"
)

// Files of a job's directory that are this executor's.
const (
	specFile  = "spec.json"
	stepsFile = "containers.json" // []stepContainer
	sentFile  = "submitted.json"  // there is, or was, a Job
)

// Executor runs jobs as Jobs.
type Executor struct {
	*job.Spool
	cfg     Config
	cluster Cluster
	view    *view
	ctx     context.Context // until Close
	close   context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	attended map[string]*attendant
}

// New returns an executor; Open sets it to work.
func New(cfg Config, cluster Cluster) (*Executor, error) {
	cfg.StartTimeout = cmp.Or(cfg.StartTimeout, 5*time.Minute)
	cfg.KeepFinished = cmp.Or(cfg.KeepFinished, 1000)
	cfg.MaxLog = cmp.Or(cfg.MaxLog, 8<<20)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	nothing := func(job.Dir) (map[string][]byte, error) { return nil, nil }
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Prepare == nil {
		cfg.Prepare = nothing
	}
	if cfg.Renew == nil {
		cfg.Renew = nothing
	}
	if cfg.Clean == nil {
		cfg.Clean = func(job.Dir) error { return nil }
	}
	spool, err := job.OpenSpool(cfg.Dir)
	if err != nil {
		return nil, err
	}
	e := &Executor{Spool: spool, cfg: cfg, cluster: cluster, attended: map[string]*attendant{}}
	e.ctx, e.close = context.WithCancel(context.Background())
	e.view, err = newView(cluster, cfg.Site.Namespace, cfg.App, e.wake, cfg.Log)
	return e, err
}

// Open takes up the jobs that an earlier executor left. It does not wait for the
// API server.
func (e *Executor) Open() error {
	unfinished, err := e.Unfinished()
	if err != nil {
		return err
	}
	e.view.run(e.ctx)
	for _, id := range unfinished {
		if e.Started(id) {
			e.attend(id)
		}
	}
	return nil
}

// Close ends watching. The Jobs go on.
func (e *Executor) Close() {
	e.close()
	e.running.Wait()
}

// Start makes the Job. Starting an ID that was started before, by this process or
// an earlier one, changes nothing: a job never runs twice. A Job that Kubernetes
// will never take has failed.
func (e *Executor) Start(ctx context.Context, w Work) error {
	if !job.ValidID(w.ID) || len(w.ID) > maxName {
		return fault.New(fault.Invalid, "job id %q: expected at most %d lower-case letters, digits, '-' and '.'", w.ID, maxName)
	}
	if e.Started(w.ID) {
		return nil
	}
	// Another server may have made it, or this one before it could write that down:
	// the Secret of a Job that runs must stay as it is.
	if found, err := e.adopt(w.ID); found || err != nil {
		if err != nil {
			return fmt.Errorf("start the Job: %w", err)
		}
		e.Tell(w.ID)
		return nil
	}
	d := e.dir(w.ID)
	files := map[string]any{stepsFile: w.steps()}
	for name, content := range w.Files {
		files[name] = content
	}
	report := pod.Report{URL: e.cfg.ReportURL + w.ID + "/files/", Token: rand.Text()}
	files[pod.ReportFile] = report
	w.Files = files
	if err := job.Create(string(d), w.Spec, files); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	err := e.submit(ctx, d, w)
	if apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err) {
		e.finish(d, job.Result{Phase: job.Failed, Message: fmt.Sprintf("Kubernetes refuses the Job: %v", err)})
		return nil
	}
	if err != nil {
		return fmt.Errorf("start the Job: %w", err)
	}
	if err := d.Write(sentFile, struct{}{}); err != nil {
		return err
	}
	e.attend(w.ID)
	e.Tell(w.ID)
	return nil
}

// submit makes the Secret and the Job, or finds the Job that an earlier call made.
func (e *Executor) submit(ctx context.Context, d job.Dir, w Work) error {
	data, err := e.cfg.Prepare(d)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: w.ID, Namespace: e.cfg.Site.Namespace, Labels: map[string]string{AppLabel: e.cfg.App}},
		Data: map[string][]byte{}}
	for _, item := range givenItems(w) {
		if secret.Data[item.Key], err = os.ReadFile(d.Path(item.Key)); err != nil {
			return fmt.Errorf("read the job's files: %w", err)
		}
	}
	for name, text := range data {
		secret.Data[name] = text
	}
	err = e.cluster.CreateSecret(ctx, secret)
	if apierrors.IsAlreadyExists(err) {
		err = e.cluster.PatchSecret(ctx, w.ID, map[string]any{"data": secret.Data})
	}
	if err != nil {
		return fmt.Errorf("its Secret: %w", err)
	}
	made, err := e.cluster.CreateJob(ctx, build(e.cfg.Site, e.cfg.App, e.cfg.Program, w))
	if apierrors.IsAlreadyExists(err) {
		made, err = e.cluster.Job(ctx, w.ID)
	}
	if err != nil {
		return err
	}
	owner := map[string]any{"apiVersion": "batch/v1", "kind": "Job", "name": made.Name, "uid": made.UID}
	err = e.cluster.PatchSecret(ctx, w.ID, map[string]any{"metadata": map[string]any{"ownerReferences": []any{owner}}})
	if err != nil && !apierrors.IsNotFound(err) { // finish removes it as well
		e.cfg.Log.Warn("the Secret of a job will stay if its Job is deleted by hand", "job", w.ID, "error", err)
	}
	return nil
}

// Started reports whether there is, or was, a Job, or its start is settled
// otherwise.
func (e *Executor) Started(id string) bool {
	d := e.dir(id)
	for _, name := range []string{sentFile, "result.json"} {
		if _, err := os.Stat(d.Path(name)); err == nil {
			return true
		}
	}
	return false
}

// State tells where the job stands. An ID that was never started, or whose traces
// are gone, is lost: never a guess.
func (e *Executor) State(id string) job.State {
	if !job.ValidID(id) {
		return job.State{Phase: job.Lost}
	}
	d := e.dir(id)
	if r, err := d.Result(); err == nil {
		return r.State()
	}
	if !e.Started(id) {
		found, err := e.adopt(id)
		switch {
		case err != nil: // asked again at the next look at all
			return job.State{Phase: job.Waiting, Waits: []job.Wait{{What: "Job " + id, Why: fmt.Sprintf("the API server does not tell of it: %v", err)}}}
		case !found:
			return job.State{Phase: job.Lost, Message: "no trace of the job"}
		}
	}
	s := job.State{Phase: job.Waiting}
	j, p := e.view.job(id), e.view.pod(id)
	if j != nil && j.Status.StartTime != nil {
		s.Phase, s.Started = job.Running, j.Status.StartTime.Time
	}
	if steps, err := d.Steps(); err == nil && len(steps) > 0 {
		s.Phase, s.Step, s.Started = job.Running, steps[len(steps)-1].Name, cmp.Or(s.Started, steps[0].Started)
	}
	if waits, err := d.Waits(); err == nil {
		s.Waits = waits
	}
	why, _ := trouble(p)
	if p == nil && s.Phase == job.Running && s.Step == "" && e.cfg.Now().Sub(s.Started) > podLate {
		why = fmt.Sprintf("Kubernetes has made none: 'kubectl describe job -n %s %s' says why", e.cfg.Site.Namespace, id)
	}
	if why != "" {
		s.Waits = append(s.Waits, job.Wait{What: "pod", Why: why})
	}
	return s
}

func (e *Executor) dir(id string) job.Dir {
	d, _ := e.Dir(id)
	return d
}

// Follow returns a channel that receives after the job's records or logs
// changed, until stop is called. Hints only.
func (e *Executor) Follow(id string) (changed <-chan struct{}, stop func()) {
	c := e.Followers.Join(id)
	return c, func() { e.Followers.Leave(id, c, nil) }
}

// End deletes the Job, which makes the job lost if it runs; its traces stay.
// Unknown IDs are fine.
func (e *Executor) End(ctx context.Context, id string) error {
	if !job.ValidID(id) {
		return nil
	}
	if err := e.cluster.DeleteJob(ctx, id); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("end job %s: %w", id, err)
	}
	return nil
}

// Stop deletes the Job and removes the job's traces. Unknown IDs are fine.
func (e *Executor) Stop(ctx context.Context, id string) error {
	if !job.ValidID(id) {
		return nil
	}
	e.leave(id)
	for _, remove := range []func(context.Context, string) error{e.cluster.DeleteJob, e.cluster.DeleteSecret} {
		if err := remove(ctx, id); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("stop job %s: %w", id, err)
		}
	}
	if err := e.Remove(id); err != nil {
		return fmt.Errorf("stop job %s: %w", id, err)
	}
	return nil
}

// finish records how the job ended. Without a Job to wait for, what only a job
// that runs needs goes.
func (e *Executor) finish(d job.Dir, r job.Result) {
	id := filepath.Base(string(d))
	r.Ended = cmp.Or(r.Ended, e.cfg.Now().UTC())
	if err := d.SetResult(r); err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.cfg.Log.Error("cannot record how a job ended", "job", id, "error", err)
	}
	ctx, cancel := context.WithTimeout(e.ctx, 10*time.Second)
	defer cancel()
	if err := e.cluster.DeleteSecret(ctx, id); err != nil && !apierrors.IsNotFound(err) {
		e.cfg.Log.Warn("the Secret of a job that ended stays until its Job goes", "job", id, "error", err)
	}
	if err := e.cfg.Clean(d); err != nil {
		e.cfg.Log.Error("a job left files", "job", id, "error", err)
	}
	e.Tell(id)
	e.Prune(e.cfg.KeepFinished, e.cfg.Log)
}
