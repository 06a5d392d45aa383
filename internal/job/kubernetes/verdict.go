package kubernetes

import (
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// end is how a Job ended.
type end struct {
	succeeded bool
	at        time.Time
	says      string // the Job's own words on a failure
}

// ended tells whether the Job has ended, and how. One whose pod is on a node that
// does not answer has, though that pod can never be seen to end.
func ended(j *batchv1.Job, p *corev1.Pod, now time.Time) (e end, is bool) {
	for _, c := range j.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		this := end{at: c.LastTransitionTime.Time, says: says(c.Reason, c.Message)}
		switch c.Type {
		case batchv1.JobComplete:
			this.succeeded, this.says = true, ""
			if j.Status.CompletionTime != nil {
				this.at = j.Status.CompletionTime.Time
			}
			return this, true
		case batchv1.JobFailed:
			return this, true
		case batchv1.JobFailureTarget:
			if p == nil || overdue(p, now) {
				e, is = this, true
			}
		}
	}
	return e, is
}

// overdue tells whether the pod should have been gone by now: its node does not
// answer.
func overdue(p *corev1.Pod, now time.Time) bool {
	return p.DeletionTimestamp != nil && now.After(p.DeletionTimestamp.Add(lateEnd))
}

// lateEnd is how much later than it has to a pod may be gone.
const lateEnd = 10 * time.Second

// says joins a reason and a message of Kubernetes.
func says(reason, message string) string {
	message = strings.TrimSpace(message)
	switch {
	case message == "" || strings.HasPrefix(message, reason):
		return strings.TrimSpace(reason + strings.TrimPrefix(message, reason))
	case reason == "":
		return message
	}
	return reason + ": " + message
}

// status is that of the container, if the pod has one.
func status(p *corev1.Pod, name string) *corev1.ContainerStatus {
	if p == nil {
		return nil
	}
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// fate is what became of the pod as a whole, beyond what its containers did:
// evicted, its node lost, deleted. "" if nothing.
func fate(p *corev1.Pod) string {
	if p == nil {
		return ""
	}
	if p.Status.Reason != "" { // Evicted, NodeLost, ...
		return fmt.Sprintf("pod %s on node %s: %s", p.Name, p.Spec.NodeName, says(p.Status.Reason, p.Status.Message))
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return fmt.Sprintf("pod %s on node %s: %s", p.Name, p.Spec.NodeName, says(c.Reason, c.Message))
		}
	}
	return ""
}

// hopeless are the reasons for which a container waits that do not pass by
// themselves, or not soon.
var hopeless = map[string]bool{
	"ErrImagePull": true, "ImagePullBackOff": true, "ErrImageNeverPull": true, "InvalidImageName": true, "ImageInspectError": true,
	"RegistryUnavailable": true, "CreateContainerConfigError": true, "CreateContainerError": true, "RunContainerError": true,
}

// trouble is what keeps the pod from starting, if anything; mends: waiting may be
// all that is needed.
func trouble(p *corev1.Pod) (why string, mends bool) {
	if p == nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return "", true
	}
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for _, c := range list {
			if w := c.State.Waiting; w != nil && hopeless[w.Reason] {
				return fmt.Sprintf("container %s: %s", c.Name, says(w.Reason, w.Message)), false
			}
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return says(c.Reason, c.Message), true
		}
	}
	return "", true
}

// how tells the end of a container: "exit status 2", or by what it was ended.
func how(t *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("exit status %d", t.ExitCode)
	switch {
	case t.Reason == "OOMKilled":
		return "OOMKilled: it needed more memory than the container may have, " + text
	case t.ExitCode > 128:
		text = fmt.Sprintf("signal %d", t.ExitCode-128)
	}
	if t.Reason == "" || t.Reason == "Error" || t.Reason == "Completed" {
		return text
	}
	return says(t.Reason, text)
}
