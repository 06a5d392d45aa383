package kubernetes

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/drover-hpc/drover/internal/job"
)

func someWork() Work {
	return Work{Spec: job.Spec{ID: "cfs-1"}, Files: map[string]any{"b.json": 1, "a.json": 2}, Dir: "/inventory", TTL: time.Hour,
		Labels: map[string]string{"aee": "s1", "configuration": "two words"},
		First:  []Container{{Name: "git-clone", Step: "clone", Env: []corev1.EnvVar{{Name: "A", Value: "b"}}}},
		Together: []Container{{Name: "inventory", Step: "inventory"},
			{Name: "ansible", Step: "ansible", Works: true, Mounts: []corev1.VolumeMount{{Name: "more", MountPath: "/more"}}}},
		Volumes: []corev1.Volume{{Name: "more"}}}
}

func TestJobOfAWork(t *testing.T) {
	limits := corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": resource.MustParse("6Gi")}}
	site := Site{Namespace: "services", Image: "registry/drover:1", PullPolicy: corev1.PullAlways, PullSecret: "pull", ServiceAccount: "sessions",
		NodeSelector: map[string]string{"worker": "yes"}, Resources: limits}
	j := build(site, app, []string{"drover", "aee"}, someWork())
	pod := j.Spec.Template.Spec
	labels := map[string]string{"aee": "s1", "configuration": "two_words", AppLabel: app}
	for name, pair := range map[string][2]any{
		"name":             {j.Namespace + "/" + j.Name, "services/cfs-1"},
		"labels":           {j.Labels, labels},
		"the pod's labels": {j.Spec.Template.Labels, labels},
		"retries":          {*j.Spec.BackoffLimit, int32(0)},
		"TTL":              {*j.Spec.TTLSecondsAfterFinished, int32(3600)},
		"restarts":         {pod.RestartPolicy, corev1.RestartPolicyNever},
		"service account":  {pod.ServiceAccountName, "sessions"},
		"its token":        {*pod.AutomountServiceAccountToken, false},
		"pull secret":      {pod.ImagePullSecrets, []corev1.LocalObjectReference{{Name: "pull"}}},
		"machines":         {pod.NodeSelector, map[string]string{"worker": "yes"}},
		"no root":          {*pod.SecurityContext.RunAsNonRoot, true},
		"shared directory": {pod.Volumes[0], corev1.Volume{Name: "config-vol", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: "Memory"}}}},
		"given files": {pod.Volumes[1].Secret, &corev1.SecretVolumeSource{SecretName: "cfs-1", Items: []corev1.KeyToPath{
			{Key: "a.json", Path: "a.json"}, {Key: "b.json", Path: "b.json"}, {Key: "spec.json", Path: "spec.json"}}}},
		"a volume more": {pod.Volumes[2].Name, "more"},
		"first command": {pod.InitContainers[0].Command, []string{"drover", "aee", "pod", "clone", "--job", "/inventory"}},
		"first mounts": {pod.InitContainers[0].VolumeMounts, []corev1.VolumeMount{{Name: "config-vol", MountPath: "/inventory"},
			{Name: "job", MountPath: GivenDir, ReadOnly: true}}},
		"first environment": {pod.InitContainers[0].Env, []corev1.EnvVar{{Name: "A", Value: "b"}}},
		"last image":        {pod.Containers[1].Image + " " + string(pod.Containers[1].ImagePullPolicy), "registry/drover:1 Always"},
		"last mounts":       {pod.Containers[1].VolumeMounts, []corev1.VolumeMount{{Name: "config-vol", MountPath: "/inventory"}, {Name: "more", MountPath: "/more"}}},
		"last resources":    {pod.Containers[1].Resources, limits},
		"other resources":   {pod.Containers[0].Resources, little},
	} {
		if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if pod.HostNetwork || pod.DNSPolicy != "" {
		t.Error("the pod has the machine's network")
	}
}

func TestHowLongAJobStays(t *testing.T) {
	for ttl, want := range map[time.Duration]*int32{-1: nil, 0: new(int32(0)), 7 * 24 * time.Hour: new(int32(604800)),
		100 * 365 * 24 * time.Hour: new(int32(math.MaxInt32))} {
		w := someWork()
		w.TTL = ttl
		if diff := cmp.Diff(want, build(Site{HostNetwork: true}, app, nil, w).Spec.TTLSecondsAfterFinished); diff != "" {
			t.Errorf("%s: %s", ttl, diff)
		}
	}
}

// The pod's name is the Job's, a dash and five characters, and at most 63.
func TestNamesLeaveRoomForThePods(t *testing.T) {
	e := &Executor{}
	w := someWork()
	w.ID = strings.Repeat("x", 58)
	if err := e.Start(t.Context(), w); err == nil || !strings.Contains(err.Error(), "at most 57") {
		t.Error(err)
	}
}

func TestAPrivilegedJob(t *testing.T) {
	w := someWork()
	w.Privileged = true
	pod := build(Site{}, app, nil, w).Spec.Template.Spec
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		if s := c.SecurityContext; !*s.Privileged || *s.RunAsUser != 0 || *s.RunAsNonRoot || s.Capabilities != nil {
			t.Errorf("%s: %+v", c.Name, s)
		}
	}
	if medium := pod.Volumes[0].EmptyDir.Medium; medium != corev1.StorageMediumDefault {
		t.Errorf("its directory is in %s", medium)
	}
}
