package server

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/auth"
)

// bootable makes an image, the session template "compute" of it for all compute nodes, and
// the same for the tenant, if one is named.
func bootable(t *testing.T, s *Server, ask func(token, method, path, body string) (int, string), admin, tenant string) {
	t.Helper()
	put := func(name, text string) {
		t.Helper()
		if _, err := s.Objects().Put(t.Context(), "s3://boot-images/i1/"+name, strings.NewReader(text), int64(len(text)), ""); err != nil {
			t.Fatal(err)
		}
	}
	artifact := func(kind, name string) string {
		put(name, name)
		return `{"type":"application/vnd.cray.image.` + kind + `","link":{"type":"s3","path":"s3://boot-images/i1/` + name + `","etag":""}}`
	}
	put("manifest.json", `{"version":"1.0","artifacts":[`+artifact("kernel", "kernel")+","+artifact("initrd", "initrd")+","+artifact("rootfs.squashfs", "rootfs")+"]}")
	template := `{"enable_cfs":false,"boot_sets":{"compute":{"type":"s3","path":"s3://boot-images/i1/manifest.json","kernel_parameters":"console=ttyS0 quiet","node_roles_groups":["Compute"]}}}`
	for _, of := range []string{"", tenant} {
		if status, text := askAs(t, s, admin, of, http.MethodPut, "/apis/bos/v2/sessiontemplates/compute", template); status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
}

// askAs asks for a tenant.
func askAs(t *testing.T, s *Server, token, tenant, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set(auth.TenantHeader, tenant)
	return answerTo(t, req)
}

func answerTo(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	var text strings.Builder
	_, err = io.Copy(&text, resp.Body)
	must(t, err)
	return resp.StatusCode, text.String()
}

// Sessions of tenants are on the pages of who may see all, and their links lead to them.
func TestPagesShowSessionsOfTenants(t *testing.T) {
	s, ask := startWithTokens(t, testConfig(t))
	admin := s.site.Load().Token()
	if status, text := ask(admin, "PUT", tapmsPrefix+"/v1alpha3/tenants/blue", `{"spec":{"tenantname":"blue","tenantresources":[{"type":"compute","xnames":["x1000c0s0b0n0"]}]}}`); status != http.StatusOK {
		t.Fatal(status, text)
	}
	bootable(t, s, ask, admin, "blue")
	if status, text := askAs(t, s, admin, "blue", "POST", "/apis/bos/v2/sessions", `{"name":"theirs","operation":"boot","template_name":"compute"}`); status != http.StatusCreated {
		t.Fatal(status, text)
	}
	const link = `"/sessions/bos/theirs?tenant=blue"`
	for path, want := range map[string]string{"/sessions": link, "/tenants": ">x1000c0s0b0n0</a>", "/sessions/bos/theirs?tenant=blue": `<a href="/nodes?tenant=blue">blue</a>`} {
		if status, text := ask(admin, "GET", path, ""); status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s: %d, expected %s in\n%s", path, status, want, text)
		}
	}
	if status, _ := ask(admin, "GET", "/sessions/bos/theirs", ""); status != http.StatusNotFound {
		t.Errorf("without the tenant: %d", status)
	}
}
