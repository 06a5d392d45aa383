package server

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/bos"
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

// form is a form that a browser sends, with more headers.
func form(t *testing.T, s *Server, token, path string, fields url.Values, header ...string) (status int, text string, answer http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(fields.Encode()))
	must(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Origin", s.URL())
	if token != "" {
		req.SetBasicAuth("anybody", token)
	}
	for i := 0; i < len(header); i += 2 {
		if req.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(body), resp.Header
}

// withPages is a server with a node and a template, of which pages can make plans.
type withPages struct {
	*Server
	t      *testing.T
	ask    func(token, method, path, body string) (int, string)
	tokens map[auth.Role]string
}

const pagesNode = "x1000c0s0b0n0"

func startWithPages(t *testing.T) *withPages {
	t.Helper()
	s, ask := startWithTokens(t, testConfig(t))
	p := &withPages{s, t, ask, map[auth.Role]string{auth.Administrator: s.site.Load().Token()}}
	for _, role := range []auth.Role{auth.Operator, auth.Auditor} {
		_, text, err := s.tokens.Create(t.Context(), auth.Token{Name: "the " + string(role), Role: role}, time.Hour)
		must(t, err)
		p.tokens[role] = text
	}
	admin := p.tokens[auth.Administrator]
	components := s.hub.Subscribe(bos.ComponentsTable)
	defer components.Close()
	if status, text := ask(admin, "POST", hsmPrefix+"/State/Components", `{"Components":[{"ID":"`+pagesNode+`","State":"On","Role":"Compute"}]}`); status >= 300 {
		t.Fatal(status, text)
	}
	bootable(t, s, ask, admin, "")
	for {
		if status, _ := ask(admin, "GET", "/apis/bos/v2/components/"+pagesNode, ""); status == http.StatusOK {
			return p
		}
		select {
		case <-components.Ready():
			components.Take()
		case <-time.After(time.Minute):
			t.Fatal("BOS never learns of the node")
		}
	}
}

func (p *withPages) wish() url.Values {
	return url.Values{"nodes": {pagesNode}, "operation": {"reboot"}, "template": {"/compute"}}
}

// plan is the path of a plan that the operator makes by the page, and the ID of the request.
func (p *withPages) plan() (path, request string) {
	p.t.Helper()
	status, text, header := form(p.t, p.Server, p.tokens[auth.Operator], "/plans", p.wish())
	if status != http.StatusSeeOther || !strings.HasPrefix(header.Get("Location"), "/plans/") {
		p.t.Fatalf("%d %v\n%s", status, header, text)
	}
	return header.Get("Location"), header.Get(requestID)
}

// sessions wants so many to be there.
func (p *withPages) sessions(want int, after string) {
	p.t.Helper()
	list, err := p.bos.Sessions(p.t.Context(), "", bos.SessionFilter{})
	must(p.t, err)
	if len(list) != want {
		p.t.Errorf("after %s there are %d sessions, want %d", after, len(list), want)
	}
}

// A form is allowed, refused and recorded as the request for which it stands.
func TestFormsDoWhatTheirSendersMay(t *testing.T) {
	p := startWithPages(t)
	operator, auditor, admin := p.tokens[auth.Operator], p.tokens[auth.Auditor], p.tokens[auth.Administrator]
	if status, _, header := form(t, p.Server, "", "/plans", p.wish()); status != http.StatusUnauthorized || !strings.Contains(strings.Join(header.Values("WWW-Authenticate"), " "), "Basic") {
		t.Errorf("without a token: %d", status)
	}
	plan, planned := p.plan()
	if _, text := p.ask(operator, "GET", plan, ""); !strings.Contains(text, "<button class=\"deed go\">Reboot 1 node</button>") {
		t.Errorf("the operator sees\n%s", text)
	}
	if _, text := p.ask(auditor, "GET", plan, ""); !strings.Contains(text, "<h1>Reboot 1 node?</h1>") || strings.Contains(text, "<form") {
		t.Errorf("the auditor sees\n%s", text)
	}
	for path, fields := range map[string]url.Values{"/plans": p.wish(), plan + "/apply": nil} {
		if status, text, _ := form(t, p.Server, auditor, path, fields); status != http.StatusForbidden || !strings.Contains(text, "<h1>") || !strings.Contains(text, "this takes the right boot") {
			t.Errorf("%s by the auditor: %d\n%s", path, status, text)
		}
	}
	p.sessions(0, "what the auditor sent")
	status, text, header := form(t, p.Server, operator, plan+"/apply", nil)
	session := strings.TrimPrefix(header.Get("Location"), "/sessions/bos/")
	if status != http.StatusSeeOther || session == header.Get("Location") {
		t.Fatalf("%d %v\n%s", status, header, text)
	}
	cancel := "/sessions/bos/" + session + "/cancel"
	if status, text, _ := form(t, p.Server, auditor, cancel, nil); status != http.StatusForbidden {
		t.Errorf("cancelled by the auditor: %d\n%s", status, text)
	}
	status, text, cancelled := form(t, p.Server, operator, cancel, nil, "X-Forwarded-For", "10.7.7.7")
	if _, page := p.ask(admin, "GET", cancelled.Get("Location"), ""); status != http.StatusSeeOther || !strings.Contains(page, "cancelled by the operator") {
		t.Errorf("%d %v\n%s\n%s", status, cancelled, text, page)
	}

	const api = "/apis/drover/v1"
	id := strings.TrimPrefix(plan, "/plans/")
	var got []string
	for _, r := range records(t, p.ask, admin, "?who=the+operator") {
		got = append(got, strings.Join([]string{r.Path, string(r.Outcome), r.Session, r.Nodes, string(r.Right), r.From, r.Request}, " "))
	}
	slices.Sort(got)
	for i, want := range [][2]string{
		{api + "/plans/" + id + "/apply done " + session + " ", " boot 127.0.0.1 " + header.Get(requestID)},
		{api + "/sessions/" + session + "/cancel done " + session + " ", " boot 10.7.7.7 " + cancelled.Get(requestID)},
		{api + "/sessions?dry_run=true done  " + pagesNode, " boot 127.0.0.1 " + planned},
	} {
		if len(got) != 3 || !strings.HasPrefix(got[i], want[0]) || !strings.HasSuffix(got[i], want[1]) {
			t.Errorf("no record %q in %q", want, got)
		}
	}
	var denied []string
	for _, r := range records(t, p.ask, admin, "?outcome=denied&who=the+auditor") {
		denied = append(denied, r.Path)
	}
	slices.Sort(denied)
	if want := []string{api + "/plans/" + id + "/apply", api + "/sessions/" + session + "/cancel", api + "/sessions?dry_run=true"}; !slices.Equal(denied, want) {
		t.Errorf("denied %q, want %q", denied, want)
	}
}

// A page of another site that has a browser send a form, with what its user gave this
// server, gets nothing done.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	p := startWithPages(t)
	plan, _ := p.plan()
	for name, header := range map[string][]string{
		"by Sec-Fetch-Site":          {"Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example.org"},
		"of a sibling":               {"Sec-Fetch-Site", "same-site"},
		"by Origin":                  {"Sec-Fetch-Site", "", "Origin", "https://elsewhere.example.org"},
		"of nowhere":                 {"Sec-Fetch-Site", "", "Origin", "null"},
		"by a name that is not ours": {"Host", "evil.example"},
	} {
		for path, fields := range map[string]url.Values{"/plans": p.wish(), plan + "/apply": nil, "/sessions/bos/any/cancel": nil} {
			status, text, _ := form(t, p.Server, p.tokens[auth.Operator], path, fields, header...)
			if want := map[bool]int{false: http.StatusForbidden, true: http.StatusMisdirectedRequest}[header[0] == "Host"]; status != want {
				t.Errorf("%s: %s: %d, want %d\n%s", name, path, status, want, text)
			}
		}
	}
	for _, path := range []string{plan + "/apply", "/sessions/bos/any/cancel"} {
		p.ask(p.tokens[auth.Operator], "GET", path, "")
	}
	p.sessions(0, "what others sent")
	if status, text, _ := form(t, p.Server, p.tokens[auth.Operator], plan+"/apply", nil); status != http.StatusSeeOther {
		t.Errorf("of our own: %d\n%s", status, text)
	}
	p.sessions(1, "what we sent")
}

// Who clicks twice, or many at once, are all led to one session.
func TestAPlanThatIsAppliedTwiceIsOneSession(t *testing.T) {
	p := startWithPages(t)
	plan, _ := p.plan()
	to := make([]string, 6)
	var all sync.WaitGroup
	for i := range to {
		all.Go(func() {
			status, text, header := form(t, p.Server, p.tokens[auth.Operator], plan+"/apply", nil)
			if to[i] = header.Get("Location"); status != http.StatusSeeOther {
				t.Errorf("%d to %q\n%s", status, to[i], text)
			}
		})
	}
	all.Wait()
	if slices.Sort(to); to[0] != to[len(to)-1] || to[0] == "" {
		t.Errorf("led to %q", to)
	}
	p.sessions(1, "six clicks")
	if _, text := p.ask(p.tokens[auth.Operator], "GET", plan, ""); !strings.Contains(text, "This plan has been applied") || !strings.Contains(text, to[0]) {
		t.Errorf("its page says\n%s", text)
	}
}

// What a plan says may not hold any more: then nothing is done, and what changed is told.
func TestAPlanThatDoesNotHoldIsShownWithWhatChanged(t *testing.T) {
	p := startWithPages(t)
	plan, _ := p.plan()
	if status, text := p.ask(p.tokens[auth.Administrator], "POST", hsmPrefix+"/locks/lock", `{"ComponentIDs":["`+pagesNode+`"]}`); status >= 300 {
		t.Fatal(status, text)
	}
	status, text, _ := form(t, p.Server, p.tokens[auth.Operator], plan+"/apply", nil)
	if status != http.StatusConflict || !strings.Contains(text, pagesNode+": no longer dealt with") || !strings.Contains(text, "Make the plan anew") {
		t.Errorf("%d\n%s", status, text)
	}
	p.sessions(0, "a plan that does not hold")
}

// Where nobody is asked who they are, a form is recorded once, as what it stands for.
func TestFormsOfAnybodyAreRecorded(t *testing.T) {
	c := testConfig(t)
	c.Auth = authNone
	s, err := Start(t.Context(), c, Options{})
	must(t, err)
	defer s.Stop()
	ask := func(_, method, path, body string) (int, string) { return askOver(t, s, method, path, body) }
	if _, text := ask("", "GET", "/plans/new", ""); !strings.Contains(text, `<form class="wish"`) {
		t.Errorf("anybody sees\n%s", text)
	}
	status, text, _ := form(t, s, "", "/sessions/bos/none/cancel", nil)
	list := records(t, ask, "", "?session=none")
	if status != http.StatusNotFound || len(list) != 1 || list[0].Path != "/apis/drover/v1/sessions/none/cancel" || list[0].Outcome != audit.Invalid {
		t.Errorf("%d %+v\n%s", status, list, text)
	}
}
