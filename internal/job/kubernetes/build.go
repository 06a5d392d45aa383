package kubernetes

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AppLabel is the label by which an executor finds its Jobs and pods.
const AppLabel = "app.kubernetes.io/name"

// maxName is the longest name of a Job: the pod's is six characters longer, and
// one of more than 63 loses the dash before them.
const maxName = 57

// GivenDir is where the first container finds the job's files.
const GivenDir = "/etc/drover/job"

// User is who runs in the containers: the image's own.
const User = 10001

// Names of volumes.
const (
	DirVolume   = "config-vol"
	givenVolume = "job"
)

// grace is how long the containers of a deleted Job may take to end.
const grace = 10

// build makes the Job, of the app.
func build(site Site, app string, program []string, w Work) *batchv1.Job {
	labels := map[string]string{AppLabel: app}
	for name, value := range w.Labels {
		labels[name] = LabelValue(value)
	}
	one := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: w.ID, Namespace: site.Namespace, Labels: labels},
		Spec: batchv1.JobSpec{BackoffLimit: new(int32), Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podOf(site, program, w)}},
	}
	if w.TTL >= 0 {
		one.Spec.TTLSecondsAfterFinished = new(int32(min(w.TTL/time.Second, math.MaxInt32)))
	}
	return one
}

// podOf is the Job's pod: the site's frame around the work's containers. Only the
// first of them sees the job's files as they were given; all share the job's
// directory.
func podOf(site Site, program []string, w Work) corev1.PodSpec {
	pod := frame(site)
	pod.Volumes = volumes(w)
	for _, c := range w.First {
		pod.InitContainers = append(pod.InitContainers, container(site, program, w, c))
	}
	for _, c := range w.Together {
		pod.Containers = append(pod.Containers, container(site, program, w, c))
	}
	first := &pod.Containers[0]
	if len(pod.InitContainers) > 0 {
		first = &pod.InitContainers[0]
	}
	first.VolumeMounts = append(first.VolumeMounts, corev1.VolumeMount{Name: givenVolume, MountPath: GivenDir, ReadOnly: true})
	return pod
}

// frame is what the pods of a site have in common: where they run, and as whom.
func frame(site Site) corev1.PodSpec {
	pod := corev1.PodSpec{
		RestartPolicy:                 corev1.RestartPolicyNever,
		ServiceAccountName:            site.ServiceAccount,
		AutomountServiceAccountToken:  new(bool),
		EnableServiceLinks:            new(bool),
		TerminationGracePeriodSeconds: new(int64(grace)),
		HostNetwork:                   site.HostNetwork,
		NodeSelector:                  site.NodeSelector,
		Tolerations:                   site.Tolerations,
		SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), RunAsUser: new(int64(User)), RunAsGroup: new(int64(User)), FSGroup: new(int64(User)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
	}
	if site.HostNetwork {
		pod.DNSPolicy = corev1.DNSClusterFirstWithHostNet
	}
	if site.PullSecret != "" {
		pod.ImagePullSecrets = []corev1.LocalObjectReference{{Name: site.PullSecret}}
	}
	return pod
}

// volumes are the job's directory, its files as they were given, and what the
// work has beside them.
func volumes(w Work) []corev1.Volume {
	medium := corev1.StorageMediumMemory
	if w.Privileged {
		medium = corev1.StorageMediumDefault
	}
	return append([]corev1.Volume{
		{Name: DirVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: medium}}},
		{Name: givenVolume, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: w.ID, Items: givenItems(w)}}},
	}, w.Volumes...)
}

func container(site Site, program []string, w Work, c Container) corev1.Container {
	one := corev1.Container{
		Name: c.Name, Image: site.Image, ImagePullPolicy: site.PullPolicy,
		Command:      append(slices.Clone(program), "pod", c.Step, "--job", w.Dir),
		Env:          c.Env,
		VolumeMounts: append([]corev1.VolumeMount{{Name: DirVolume, MountPath: w.Dir}}, c.Mounts...),
		// Where its log cannot be had any more, the end of it is in the pod's status.
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: new(bool),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
		Resources: little,
	}
	if w.Privileged {
		one.SecurityContext = &corev1.SecurityContext{Privileged: new(true), RunAsNonRoot: new(false), RunAsUser: new(int64(0)), RunAsGroup: new(int64(0))}
	}
	if c.Works {
		one.Resources = site.Resources
	}
	return one
}

// little is what containers ask for that mostly wait.
var little = corev1.ResourceRequirements{Requests: corev1.ResourceList{
	corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")}}

// givenItems are the job's files among what its Secret has.
func givenItems(w Work) []corev1.KeyToPath {
	names := append(slices.Collect(maps.Keys(w.Files)), specFile)
	slices.Sort(names)
	var items []corev1.KeyToPath
	for _, name := range names {
		items = append(items, corev1.KeyToPath{Key: name, Path: name})
	}
	return items
}

var illegalInLabel = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// LabelValue makes the text a label's value: at most 60 characters of those that
// are allowed, with a letter or digit at both ends.
func LabelValue(text string) string {
	text = illegalInLabel.ReplaceAllString(text, "_")
	if len(text) > 60 {
		text = text[:60]
	}
	return strings.Trim(text, "._-")
}
