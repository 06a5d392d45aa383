package kubernetes

import "testing"

func TestAllContainersTrustTheSitesCertificates(t *testing.T) {
	w := Work{First: []Container{{Name: "fetch"}}, Together: []Container{{Name: "upload"}}}
	w.Trust("")
	if len(w.Volumes) != 0 || len(w.First[0].Env) != 0 {
		t.Errorf("without a ConfigMap: %+v", w)
	}
	w.Trust("site-ca")
	for _, c := range []Container{w.First[0], w.Together[0]} {
		if len(c.Env) != 1 || c.Env[0].Value != "/etc/cray/ca/certificate_authority.crt" || len(c.Mounts) != 1 || c.Mounts[0].MountPath != "/etc/cray/ca" {
			t.Errorf("%s: %+v", c.Name, c)
		}
	}
	if v := w.Volumes[0].ConfigMap; v.Name != "site-ca" || !*v.Optional {
		t.Errorf("%+v", v)
	}
}
