package kubernetes

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	at  = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	now = at.Add(time.Hour)
)

func jobWith(conditions ...batchv1.JobCondition) *batchv1.Job {
	j := &batchv1.Job{}
	for _, c := range conditions {
		c.Status, c.LastTransitionTime = corev1.ConditionTrue, metav1.NewTime(at)
		j.Status.Conditions = append(j.Status.Conditions, c)
	}
	return j
}

// A Job's end is what its conditions say. That its pods are about to be
// terminated is an end only where they cannot be seen to.
func TestEndOfAJob(t *testing.T) {
	complete := batchv1.JobCondition{Type: batchv1.JobComplete}
	failed := batchv1.JobCondition{Type: batchv1.JobFailed, Reason: "BackoffLimitExceeded", Message: "too many"}
	target := batchv1.JobCondition{Type: batchv1.JobFailureTarget, Reason: "BackoffLimitExceeded"}
	leaving := func(since time.Duration) *corev1.Pod {
		deleted := metav1.NewTime(now.Add(-since))
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &deleted}}
	}
	for name, c := range map[string]struct {
		job       *batchv1.Job
		pod       *corev1.Pod
		over      bool
		succeeded bool
		says      string
	}{
		"runs":                               {job: jobWith()},
		"suspended":                          {job: jobWith(batchv1.JobCondition{Type: batchv1.JobSuspended})},
		"complete":                           {job: jobWith(batchv1.JobCondition{Type: batchv1.JobSuccessCriteriaMet}, complete), over: true, succeeded: true},
		"failed":                             {job: jobWith(target, failed), over: true, says: "BackoffLimitExceeded: too many"},
		"failing, its pod ends":              {job: jobWith(target), pod: leaving(time.Second)},
		"failing, its pod's node is lost":    {job: jobWith(target), pod: leaving(time.Minute), over: true, says: "BackoffLimitExceeded"},
		"failing, its pod is gone":           {job: jobWith(target), over: true, says: "BackoffLimitExceeded"},
		"failing, its pod is not told to go": {job: jobWith(target), pod: &corev1.Pod{}},
	} {
		e, over := ended(c.job, c.pod, now)
		if over != c.over || e.succeeded != c.succeeded || e.says != c.says || over && !e.at.Equal(at) {
			t.Errorf("%s: %+v, %t", name, e, over)
		}
	}
}

func waiting(reason, message string) *corev1.Pod {
	return &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{{Name: "one",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}}}
}

func TestWhatKeepsAPodFromStarting(t *testing.T) {
	unschedulable := &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled,
		Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes are available"}}}}
	for name, c := range map[string]struct {
		pod   *corev1.Pod
		why   string
		mends bool
	}{
		"no pod":        {nil, "", true},
		"creating":      {waiting("ContainerCreating", ""), "", true},
		"initializing":  {waiting("PodInitializing", ""), "", true},
		"no image":      {waiting("ImagePullBackOff", "no such image"), "container one: ImagePullBackOff: no such image", false},
		"no room":       {unschedulable, "Unschedulable: 0/3 nodes are available", true},
		"wrong command": {waiting("RunContainerError", "exec: drover"), "container one: RunContainerError: exec: drover", false},
	} {
		if why, mends := trouble(c.pod); why != c.why || mends != c.mends {
			t.Errorf("%s: %q, %t", name, why, mends)
		}
	}
	over := waiting("ImagePullBackOff", "")
	over.Status.Phase = corev1.PodFailed
	if why, _ := trouble(over); why != "" {
		t.Errorf("of a pod that has ended: %q", why)
	}
}

func TestFateOfAPod(t *testing.T) {
	evicted := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: corev1.PodSpec{NodeName: "n"},
		Status: corev1.PodStatus{Reason: "Evicted", Message: "The node was low on resource: memory. "}}
	tainted := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: corev1.PodSpec{NodeName: "n"},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue,
			Reason: "DeletionByTaintManager", Message: "Taint manager: deleting due to NoExecute taint"}}}}
	for want, p := range map[string]*corev1.Pod{
		"pod p on node n: Evicted: The node was low on resource: memory.":                         evicted,
		"pod p on node n: DeletionByTaintManager: Taint manager: deleting due to NoExecute taint": tainted,
		"": {},
	} {
		if got := fate(p); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}

func TestHowAContainerEnded(t *testing.T) {
	for want, c := range map[string]corev1.ContainerStateTerminated{
		"exit status 2":               {ExitCode: 2, Reason: "Error"},
		"signal 9":                    {ExitCode: 137, Reason: "Error"},
		"StartError: exit status 128": {ExitCode: 128, Reason: "StartError"},
	} {
		if got := how(&c); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
	if got := how(&corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}); !strings.Contains(got, "memory") {
		t.Error(got)
	}
}

func TestLabelValues(t *testing.T) {
	for text, want := range map[string]string{
		"compute-23.4": "compute-23.4", "mit Leerzeichen/é": "mit_Leerzeichen", "-x-": "x", "": "",
		strings.Repeat("a", 59) + "-b": strings.Repeat("a", 59), strings.Repeat("ab", 40): strings.Repeat("ab", 30),
	} {
		if got := LabelValue(text); got != want {
			t.Errorf("%q: %q, expected %q", text, got, want)
		}
	}
}
