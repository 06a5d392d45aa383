package kubernetes

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	batchv1 "k8s.io/api/batch/v1"
)

// streams is a Cluster whose logs come one after another, as often as a log is
// opened; the last one again and again.
type streams struct {
	*imitation
	list []func() io.Reader
	next int
	last chan struct{} // closed when the last is opened
}

func (s *streams) Log(context.Context, string, string, time.Time) (io.ReadCloser, error) {
	now := s.list[s.next]
	if s.next < len(s.list)-1 {
		s.next++
	} else {
		select {
		case <-s.last:
		default:
			close(s.last)
		}
	}
	return io.NopCloser(now()), nil
}

// A stream that breaks off, or ends while the container goes on, may end within
// a line: that line is neither lost nor cut in two.
func TestALineThatIsBrokenOff(t *testing.T) {
	const first, second = "2030-01-02T03:04:05.000000001Z one\n", "2030-01-02T03:04:05.000000002Z two and more"
	half := first + second[:len(second)-9]
	e, c, p := begun(t)
	s := &streams{imitation: c, last: make(chan struct{}), list: []func() io.Reader{
		func() io.Reader { return strings.NewReader(half) },
		func() io.Reader {
			return io.MultiReader(strings.NewReader(half), iotest.ErrReader(errors.New("connection reset")))
		},
		func() io.Reader { return strings.NewReader(first + second) },
	}}
	e.leave("cfs-1")
	e.cluster = s
	e.attend("cfs-1")
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "git-clone", State: corev1.ContainerState{
		Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(at)}}}}
	if err := c.pods.update(p.Name, p); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.last:
	case <-time.After(20 * time.Second):
		t.Fatal("the log is not opened again")
	}
	p.Status.Phase = corev1.PodFailed
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{terminated("git-clone", 1, "Error", "")}
	c.becomes(t, p, batchv1.JobFailed)
	if state := over(t, e); state.Message != "clone (exit status 1): one\ntwo and more" {
		t.Errorf("%+v", state)
	}
}
