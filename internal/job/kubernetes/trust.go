package kubernetes

import corev1 "k8s.io/api/core/v1"

// caDir is where containers have the certificates of their site.
const caDir = "/etc/cray/ca"

// Trust has all containers of the work trust the certificates that the ConfigMap has
// as certificate_authority.crt, beside the system's, which Go finds in a directory as
// well. The ConfigMap need not exist; an empty name changes nothing.
func (w *Work) Trust(configMap string) {
	if configMap == "" {
		return
	}
	w.Volumes = append(w.Volumes, corev1.Volume{Name: "ca-pubkey", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: configMap}, Optional: new(true)}}})
	for _, list := range [][]Container{w.First, w.Together} {
		for i := range list {
			list[i].Env = append(list[i].Env, corev1.EnvVar{Name: "SSL_CERT_FILE", Value: caDir + "/certificate_authority.crt"})
			list[i].Mounts = append(list[i].Mounts, corev1.VolumeMount{Name: "ca-pubkey", MountPath: caDir, ReadOnly: true})
		}
	}
}
