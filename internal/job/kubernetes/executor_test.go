package kubernetes

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
	cachetest "k8s.io/client-go/tools/cache/testing"

	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/job/pod"
)

// imitation is a Cluster in memory, for what a real one cannot be made to do:
// it has no controllers, so that the test is the one who tells how a Job stands.
type imitation struct {
	jobs, pods, secrets shelf
	logs                map[string]string // by container
}

func newImitation() *imitation {
	return &imitation{newShelf("jobs"), newShelf("pods"), newShelf("secrets"), map[string]string{}}
}

const (
	ns  = "services"
	app = "cray-cfs-aee"
)

// shelf is objects of one kind, which can be watched. (client-go's clientset in memory
// would do, and has 230 packages of all kinds compiled.)
type shelf struct {
	*cachetest.FakeControllerSource
	kind schema.GroupResource
}

func newShelf(kind string) shelf {
	return shelf{cachetest.NewFakeControllerSource(), schema.GroupResource{Resource: kind}}
}

// IsWatchListSemanticsUnSupported is asked by informers.
func (shelf) IsWatchListSemanticsUnSupported() bool { return true }

func (s shelf) get(name string) (runtime.Object, error) {
	list, err := s.List(metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	objects, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if its, err := meta.Accessor(o); err == nil && its.GetName() == name {
			return o, nil
		}
	}
	return nil, apierrors.NewNotFound(s.kind, name)
}

func (s shelf) create(name string, o runtime.Object) error {
	if _, err := s.get(name); err == nil {
		return apierrors.NewAlreadyExists(s.kind, name)
	}
	s.Add(o.DeepCopyObject())
	return nil
}

func (s shelf) update(name string, o runtime.Object) error {
	if _, err := s.get(name); err != nil {
		return err
	}
	s.Modify(o.DeepCopyObject())
	return nil
}

func (s shelf) remove(name string) error {
	o, err := s.get(name)
	if err == nil {
		s.Delete(o)
	}
	return err
}

func (c *imitation) CreateJob(_ context.Context, j *batchv1.Job) (*batchv1.Job, error) {
	return j, c.jobs.create(j.Name, j)
}

func (c *imitation) Job(_ context.Context, name string) (*batchv1.Job, error) {
	o, err := c.jobs.get(name)
	if err != nil {
		return nil, err
	}
	return o.(*batchv1.Job), nil
}

func (c *imitation) DeleteJob(_ context.Context, name string) error { return c.jobs.remove(name) }

func (c *imitation) CreateSecret(_ context.Context, s *corev1.Secret) error {
	return c.secrets.create(s.Name, s)
}

func (c *imitation) PatchSecret(_ context.Context, name string, patch any) error {
	s, err := c.secrets.get(name)
	if err != nil {
		return err
	}
	text, err := json.Marshal(patch)
	if err == nil {
		err = json.Unmarshal(text, s)
	}
	if err != nil {
		return err
	}
	return c.secrets.update(name, s)
}

func (c *imitation) DeleteSecret(_ context.Context, name string) error { return c.secrets.remove(name) }

func (c *imitation) Log(_ context.Context, _, container string, _ time.Time) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(c.logs[container])), nil
}

func (c *imitation) Jobs(string) cache.ListerWatcher { return c.jobs }
func (c *imitation) Pods(string) cache.ListerWatcher { return c.pods }

// begun is an open executor with a job of which there is a pod.
func begun(t *testing.T) (*Executor, *imitation, *corev1.Pod) {
	t.Helper()
	c := newImitation()
	e, err := New(Config{Dir: filepath.Join(t.TempDir(), "jobs"), App: app, Site: Site{Namespace: ns}, ReportURL: "http://server/jobs/",
		Grown: []string{"results/results.jsonl"}, Replaced: []string{"waits.json"}, MaxReported: 20}, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	if err := e.Start(t.Context(), someWork()); err != nil {
		t.Fatal(err)
	}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "cfs-1-abcde", Namespace: ns, Labels: map[string]string{AppLabel: app, jobLabel: "cfs-1"}},
		Spec: corev1.PodSpec{NodeName: "worker-3"}}
	if err := c.pods.create(p.Name, p); err != nil {
		t.Fatal(err)
	}
	return e, c, p
}

// becomes has the pod and the Job stand so.
func (c *imitation) becomes(t *testing.T, p *corev1.Pod, condition batchv1.JobConditionType) {
	t.Helper()
	if err := c.pods.update(p.Name, p); err != nil {
		t.Fatal(err)
	}
	j, err := c.Job(t.Context(), "cfs-1")
	if err != nil {
		t.Fatal(err)
	}
	j.Status.StartTime = &metav1.Time{Time: at}
	j.Status.Conditions = []batchv1.JobCondition{{Type: condition, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded", LastTransitionTime: metav1.NewTime(at)}}
	if err := c.jobs.update(j.Name, j); err != nil {
		t.Fatal(err)
	}
}

// over waits for the job's end.
func over(t *testing.T, e *Executor) job.State {
	t.Helper()
	for deadline := time.After(20 * time.Second); ; {
		if s := e.State("cfs-1"); s.Over() {
			return s
		}
		select {
		case <-e.Changed():
		case <-deadline:
			t.Fatalf("it does not end: %+v", e.State("cfs-1"))
		}
	}
}

func terminated(name string, exit int32, reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: exit,
		Reason: reason, Message: message, StartedAt: metav1.NewTime(at), FinishedAt: metav1.NewTime(at.Add(time.Minute))}}}
}

func TestAnEvictedPodIsAFailure(t *testing.T) {
	e, c, p := begun(t)
	p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "The node was low on resource: memory."
	c.becomes(t, p, batchv1.JobFailed)
	s := over(t, e)
	if s.Phase != job.Failed || !strings.Contains(s.Message, "pod cfs-1-abcde on node worker-3: Evicted: The node was low on resource: memory.") || !s.Ended.Equal(at) {
		t.Errorf("%+v", s)
	}
	e.leave("cfs-1") // returns when it is done with it
	if _, err := c.secrets.get("cfs-1"); err == nil {
		t.Error("the Secret is still there")
	}
}

// The pod of a node that is lost is told to go and never does.
func TestALostNodeIsAFailure(t *testing.T) {
	e, c, p := begun(t)
	long := metav1.NewTime(time.Now().Add(-time.Hour))
	p.Finalizers, p.DeletionTimestamp, p.Status.Phase = []string{"test/keep"}, &long, corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "DeletionByTaintManager",
		Message: "Taint manager: deleting due to NoExecute taint"}}
	c.becomes(t, p, batchv1.JobFailureTarget)
	if s := over(t, e); s.Phase != job.Failed || !strings.Contains(s.Message, "on node worker-3: DeletionByTaintManager") {
		t.Errorf("%+v", s)
	}
}

func TestAContainerThatNeededTooMuchMemory(t *testing.T) {
	e, c, p := begun(t)
	c.logs["ansible"] = "2030-01-02T03:04:05.000000001Z PLAY [all]\n2030-01-02T03:04:05.000000002Z TASK [one]\n"
	p.Status.Phase = corev1.PodFailed
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{terminated("git-clone", 0, "Completed", "")}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{terminated("inventory", 0, "Completed", ""), terminated("ansible", 137, "OOMKilled", "")}
	c.becomes(t, p, batchv1.JobFailed)
	s := over(t, e)
	if s.Phase != job.Failed || s.Step != "ansible" || !strings.Contains(s.Message, "OOMKilled") || !strings.HasSuffix(s.Message, "PLAY [all]\nTASK [one]") {
		t.Errorf("%+v", s)
	}
	d, _ := e.Dir("cfs-1")
	steps, err := d.Steps()
	if err != nil || len(steps) != 3 || steps[2].Exit != 137 || !steps[2].Started.Equal(at.Add(time.Minute)) {
		t.Errorf("%+v, %v", steps, err)
	}
}

// The Job's own server says that it is gone, not what was last seen of it.
func TestAJobThatIsGoneIsLost(t *testing.T) {
	e, c, _ := begun(t)
	if err := c.DeleteJob(t.Context(), "cfs-1"); err != nil {
		t.Fatal(err)
	}
	if err := c.pods.remove("cfs-1-abcde"); err != nil {
		t.Fatal(err)
	}
	if s := over(t, e); s.Phase != job.Lost || !strings.Contains(s.Message, "was deleted") {
		t.Errorf("%+v", s)
	}
	if err := e.Start(t.Context(), someWork()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Job(t.Context(), "cfs-1"); err == nil {
		t.Error("it was started a second time")
	}
}

// Another server, with a directory of its own, takes the place of the one that
// made the Job.
func TestAnotherServerTakesTheJobOver(t *testing.T) {
	_, c, p := begun(t)
	c.logs["git-clone"] = "2030-01-02T03:04:05.000000001Z no such host\n"
	other, err := New(Config{Dir: filepath.Join(t.TempDir(), "jobs"), App: app, Site: Site{Namespace: ns}}, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	if s := other.State("cfs-1"); s.Over() {
		t.Errorf("%+v", s)
	}
	if s := other.State("cfs-2"); s.Phase != job.Lost {
		t.Errorf("of one that never was: %+v", s)
	}
	p.Status.Phase = corev1.PodFailed
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{terminated("git-clone", 128, "Error", "")}
	c.becomes(t, p, batchv1.JobFailed)
	if s := over(t, other); s.Phase != job.Failed || s.Message != "clone (exit status 128): no such host" {
		t.Errorf("%+v", s)
	}
	if err := other.Stop(t.Context(), "cfs-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Job(t.Context(), "cfs-1"); err == nil {
		t.Error("the Job is still there")
	}
}

// A quota, or a policy against such pods, keeps a Job without one.
func TestAJobWithoutAPod(t *testing.T) {
	e, c, p := begun(t)
	if err := c.pods.remove(p.Name); err != nil {
		t.Fatal(err)
	}
	j, err := c.Job(t.Context(), "cfs-1")
	if err != nil {
		t.Fatal(err)
	}
	j.Status.StartTime = &metav1.Time{Time: time.Now().Add(-time.Minute)}
	if err := c.jobs.update(j.Name, j); err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(20 * time.Second); ; {
		s := e.State("cfs-1")
		if s.Phase == job.Running && len(s.Waits) == 1 && strings.Contains(s.Waits[0].Why, "kubectl describe job -n services cfs-1") {
			return
		}
		select {
		case <-e.Changed():
		case <-deadline:
			t.Fatalf("%+v", s)
		}
	}
}

func TestReportsOfAJob(t *testing.T) {
	e, _, _ := begun(t)
	d, _ := e.Dir("cfs-1")
	report, err := job.Read[pod.Report](d, pod.ReportFile)
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, name, offset, token, body string) (int, string) {
		r := httptest.NewRequest(method, "/?offset="+offset, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		e.Reports(w, r, "cfs-1", name)
		return w.Code, w.Header().Get(pod.OffsetHeader)
	}
	const grown = "results/results.jsonl"
	for _, c := range []struct {
		method, name, offset, token, body string
		status                            int
		has                               string
	}{
		{"PATCH", grown, "0", "wrong", "x", 403, ""},
		{"PATCH", grown, "0", report.Token, "line 1\n", 200, ""},
		{"PATCH", grown, "0", report.Token, "line 1\n", 409, "7"}, // its answer was lost
		{"PATCH", grown, "7", report.Token, "line 2\n", 200, ""},
		{"PATCH", grown, "14", report.Token, "line 3\n", 413, ""},
		{"PUT", grown, "", report.Token, "x", 400, ""},
		{"PUT", "waits.json", "", report.Token, "[]", 200, ""},
		{"PUT", "../other", "", report.Token, "[]", 400, ""},
		{"PUT", "job.json", "", report.Token, "{}", 400, ""},
	} {
		if status, has := call(c.method, c.name, c.offset, c.token, c.body); status != c.status || has != c.has {
			t.Errorf("%s %s at %s: %d, %q", c.method, c.name, c.offset, status, has)
		}
	}
	if text, err := os.ReadFile(d.Path(grown)); string(text) != "line 1\nline 2\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if waits, err := os.ReadFile(d.Path("waits.json")); string(waits) != "[]" || err != nil {
		t.Errorf("%q, %v", waits, err)
	}
	call(http.MethodDelete, "waits.json", "", report.Token, "")
	if _, err := os.Stat(d.Path("waits.json")); !os.IsNotExist(err) {
		t.Error(err)
	}
}
