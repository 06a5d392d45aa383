package boa

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/drover-hpc/drover/internal/job"
)

// An agent in a pod waits as long as one beside the server would, and trusts the
// site's certificates.
func TestAgentAsAPod(t *testing.T) {
	t.Setenv("FORCEFUL_SHUTDOWN_TIMEOUT", "7")
	c := KubernetesConfig{CAConfigMap: "site-ca"}
	w := c.work(job.Spec{ID: "boa-1"}, nil)
	if len(w.Together) != 1 || len(w.First) != 0 || w.Together[0].Step != stepOperate {
		t.Fatalf("%+v", w)
	}
	want := []corev1.EnvVar{{Name: "FORCEFUL_SHUTDOWN_TIMEOUT", Value: "7"}, {Name: "SSL_CERT_FILE", Value: "/etc/cray/ca/certificate_authority.crt"}}
	if diff := cmp.Diff(want, w.Together[0].Env); diff != "" {
		t.Error(diff)
	}
	if w.Volumes[0].ConfigMap.Name != "site-ca" || w.Together[0].Mounts[0].Name != w.Volumes[0].Name {
		t.Errorf("%+v", w.Volumes)
	}
	c.CAConfigMap = ""
	if w := c.work(job.Spec{ID: "boa-1"}, nil); len(w.Volumes) != 0 || len(w.Together[0].Env) != 1 {
		t.Errorf("%+v", w)
	}
}
