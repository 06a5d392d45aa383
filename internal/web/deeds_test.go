package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/fault"
)

// asked is what a page asked of a service in somebody's name.
type asked struct {
	tenant, call, body string
}

// deedSite is fleetSite where deeds can be done: they are noted, and answered with the texts
// at their calls, or refused.
func deedSite() *site {
	s := tenantSite()
	s.may = true
	nodes := make([]string, 0, len(s.nodes))
	for _, n := range s.nodes {
		nodes = append(nodes, `{"ID": "`+n.Xname+`", "Role": "Compute"}`)
	}
	s.at["/apis/smd/hsm/v2/State/Components"] = `{"Components": [` + strings.Join(nodes, ",") + `]}`
	s.at["/apis/smd/hsm/v2/groups"] = `[{"label": "blades", "members": {"ids": ["x1000c0s1b0n0", "x1000c0s2b0n0"]}}]`
	s.at["/apis/smd/hsm/v2/partitions"] = `[]`
	s.at["/apis/bos/v2/sessiontemplates"] = `[{"name": "compute", "tenant": null}, {"name": "theirs", "tenant": "a&b"}]`
	s.at["/apis/drover/v1/plans/p1"] = aPlan
	s.answers = map[string]string{
		"POST /apis/drover/v1/sessions?dry_run=true": `{"id": "p1"}`,
		"POST /apis/drover/v1/plans/p1/apply":        `{"session": "night/1"}`,
		"POST /apis/drover/v1/sessions/b1/cancel":    `{}`,
	}
	return s
}

const aPlan = `{"id": "p1", "at": "2030-01-02T11:59:00Z", "operation": "reboot", "template_name": "compute", "limit": "x1000c0s0b0n0,x1000c0s1b0n0,x1000c0s2b0n0", "nodes": 3, "groups": [
	{"nodes": ["x1000c0s0b0n0", "x1000c0s1b0n0"], "now": {"power": "on", "status": "stable", "image": "old", "configuration": "site", "configuration_status": "configured"},
	 "then": {"image": "new<b>", "kernel": "s3://b/new/kernel", "configuration": "site"}, "parameters_added": ["debug"], "parameters_removed": ["quiet"],
	 "layers": [{"name": "base", "repository": "https://git/base.git", "playbook": "site.yml", "from": "11111111111111", "to": "22222222222222", "runs": true},
		{"repository": "https://git/net.git", "to": "33333333333333", "from": "33333333333333", "runs": false}],
	 "actions": ["shutdown", "power on", "configure"], "taken_from": "b1"},
	{"nodes": ["x1000c0s2b0n0"], "now": {"power": "undefined", "status": "on_hold"}, "then": {}, "actions": [], "waits": "PCS cannot tell"}],
	"left_out": [{"name": "x1000c0s3b0n0", "reason": "it is locked"}, {"name": "x1000c0s4b0n0", "reason": "it is locked"}], "left_out_count": 5,
	"boots": [{"image": "new", "kernel": "k", "count": 53, "median_seconds": 130.04}]}`

// do is Sources.Do.
func (s *site) do(r *http.Request, tenant, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	s.done = append(s.done, asked{tenant, method + " " + path, string(body)})
	if s.refuses != nil {
		return s.refuses
	}
	text, known := s.answers[method+" "+path]
	if !known {
		return errors.New("nobody should ask for " + method + " " + path)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal([]byte(text), out)
}

func (s *site) allows(context.Context, string, string) bool { return s.may }

// send sends a form as a browser does, and returns where that leads, if it does.
func send(t *testing.T, s *site, path string, fields url.Values) (status int, text, location string) {
	t.Helper()
	mux := http.NewServeMux()
	Register(mux, sources(s))
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(fields.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header().Get("Location")
}

func TestAPlanIsAskedForByAForm(t *testing.T) {
	wants(t, deedSite(), "/nodes?stand=stable", `href="/plans/new?filter=&amp;stand=stable&amp;tenant="`, `href="/plans/new?nodes=x1000c0s%5B3%2C5-9%5Db0n0"`, "Plan a boot, reboot or shutdown of x1000c0s")
	wants(t, deedSite(), "/nodes/x1000c0s5b0n0", `href="/plans/new?nodes=x1000c0s5b0n0"`)
	wants(t, deedSite(), "/", `href="/plans/new?nodes=x1000c0s%5B0-1%5Db0n0"`, `<a href="/nodes?filter=rack%3Dx1000">x1000</a>`)
	wants(t, deedSite(), "/plans/new?filter=rack%3Dx1001", ">x1001c0s0b0n0</textarea>", `value="boot" checked`, `<option value="/compute">compute</option>`, `<option value="a&amp;b/theirs">theirs of tenant a&amp;b</option>`)
	wants(t, deedSite(), "/plans/new?nodes=x1000c0s1b0n0&operation=reboot", ">x1000c0s1b0n0</textarea>", `value="reboot" checked`, `<option value="/compute" selected>`)
	wants(t, deedSite(), "/plans/new?nodes=x1000c0s0b0n0", `<option value="a&amp;b/theirs" selected>`)
	wants(t, deedSite(), "/plans/new?nodes=x1000c0s[0-1]b0n0", `<option value="a&amp;b/theirs">`, `<option value="/compute">`)

	for name, c := range map[string]struct {
		fields url.Values
		want   asked
		to     string
	}{
		"ranges": {url.Values{"nodes": {"x1000c0s[1-2]b0n0\n x1001c0 "}, "operation": {"reboot"}, "template": {"/compute"}},
			asked{"", "", `{"operation":"reboot","template_name":"compute","limit":"x1000c0s1b0n0,x1000c0s2b0n0,x1001c0s0b0n0"}`}, "/plans/p1"},
		"another image": {url.Values{"nodes": {"x1000c0s1b0n0"}, "operation": {"boot"}, "template": {"/compute"}, "image": {" compute-9 "}, "configuration": {"site"}},
			asked{"", "", `{"operation":"boot","template_name":"compute","image":"compute-9","configuration":"site","limit":"x1000c0s1b0n0"}`}, "/plans/p1"},
		"an image alone": {url.Values{"nodes": {"x1000c0s1b0n0"}, "operation": {"boot"}, "template": {""}, "image": {"compute-9"}},
			asked{"", "", `{"operation":"boot","image":"compute-9","limit":"x1000c0s1b0n0"}`}, "/plans/p1"},
		"a group, for a tenant": {url.Values{"nodes": {"blades"}, "operation": {"shutdown"}, "template": {"a&b/theirs"}},
			asked{"a&b", "", `{"operation":"shutdown","template_name":"theirs","limit":"x1000c0s1b0n0,x1000c0s2b0n0"}`}, "/plans/p1?tenant=a%26b"},
	} {
		s := deedSite()
		c.want.call = "POST /apis/drover/v1/sessions?dry_run=true"
		status, text, to := send(t, s, "/plans", c.fields)
		if status != http.StatusSeeOther || to != c.to || len(s.done) != 1 || s.done[0] != c.want {
			t.Errorf("%s: %d to %q, asked %q\n%s", name, status, to, s.done, text)
		}
	}
}

func TestAFormThatMakesNoPlanIsShownAgain(t *testing.T) {
	good := func(field, value string) url.Values {
		v := url.Values{"nodes": {"x1000c0s1b0n0"}, "operation": {"reboot"}, "template": {"/compute"}}
		v.Set(field, value)
		return v
	}
	for want, c := range map[string]struct {
		fields  url.Values
		refuses error
		status  int
	}{
		"HSM does not know x1000c0s77b0n0":         {good("nodes", "x1000c0s77b0n0"), nil, 400},
		"nodes: expected names":                    {good("nodes", "  "), nil, 400},
		"nodes: expected up to 100000 names":       {good("nodes", "x[0-100000]"), nil, 400},
		"up to 100 wildcards":                      {good("nodes", strings.Repeat("x1*?,", 51)), nil, 400},
		"nodes: ":                                  {good("nodes", "x1000c0s[b0n0"), nil, 400},
		"template: expected one of the list":       {good("template", "compute"), nil, 400},
		"or an image without one":                  {good("template", ""), nil, 400},
		"operation: expected one of":               {good("operation", "explode"), fault.New(fault.Invalid, "operation: expected one of"), 400},
		"configuration &#39;a&#39; does not exist": {good("template", "/compute"), fault.New(fault.Invalid, "configuration 'a' does not exist"), 400},
	} {
		s := deedSite()
		s.refuses = c.refuses
		status, text, to := send(t, s, "/plans", c.fields)
		if status != c.status || to != "" || !strings.Contains(text, want) || !strings.Contains(text, `role="alert"`) || !strings.Contains(text, `action="/plans"`) {
			t.Errorf("%s: %d to %q\n%s", want, status, to, text)
		}
		if c.refuses == nil && len(s.done) > 0 {
			t.Errorf("%s: asked for %q", want, s.done)
		}
	}
	if status, text, _ := send(t, deedSite(), "/plans", url.Values{"nodes": {strings.Repeat("x", maxForm)}}); status != 413 {
		t.Errorf("of a form that is too long: %d\n%s", status, text)
	}
}

func TestAPlanIsShownWithAllThatItSays(t *testing.T) {
	s := deedSite()
	text := wants(t, s, "/plans/p1", "<h1>Reboot 3 nodes?</h1>", `<a href="/nodes/x1000c0s1b0n0">x1000c0s1b0n0</a>`, "on, stable, image old, configuration site configured", "image new&lt;b&gt;, configuration site",
		"<ins>+debug</ins>", "<del>-quiet</del>", "base site.yml: 1111111111 -&gt; 2222222222", `<div class="muted">net: stays at 3333333333</div>`, "shutdown, power on, configure", "PCS cannot tell",
		"it is locked", ">x1000c0s4b0n0<", "and 3 more", "a boot of new takes 2m10s", "loses 1 node", "drover apply p1",
		`<form action="/plans/p1/apply" method="post"><button class="deed go">Reboot 3 nodes</button></form>`, `href="/sessions/bos/b1?tenant=a%26b"`, `href="/sessions/bos/b1"`)
	if strings.Contains(text, "data-events") || strings.Contains(text, "data-every") {
		t.Error("a plan that changes while somebody reads it")
	}
	s.at["/apis/drover/v1/plans/p1"] = strings.Replace(aPlan, `"nodes": 3`, `"session": "s9", "nodes": 3`, 1)
	if text := wants(t, s, "/plans/p1", `href="/sessions/bos/s9"`); strings.Contains(text, "/apply") {
		t.Error("a plan that was applied can be applied")
	}
	s.at["/apis/drover/v1/plans/p1"] = strings.Replace(aPlan, `"nodes": 3`, `"image": "compute-9", "configuration": "other", "nodes": 3`, 1)
	wants(t, s, "/plans/p1", "compute-9, in place of the template", "other, in place of the template", `name="image" value="compute-9"`, `name="configuration" value="other"`,
		`href="/plans/new?configuration=other&amp;image=compute-9&amp;nodes=x1000c0s%5B0-2%5Db0n0&amp;operation=reboot&amp;template=%2Fcompute"`)
	s.at["/apis/drover/v1/plans/p1"] = `{"id": "p1", "operation": "boot", "template_name": "compute", "nodes": 0, "groups": []}`
	if text := wants(t, s, "/plans/p1", "There is nothing to do."); strings.Contains(text, "/apply") {
		t.Error("a plan of no nodes can be applied")
	}
}

func TestAPlanIsAppliedByWhoReadIt(t *testing.T) {
	s := deedSite()
	status, text, to := send(t, s, "/plans/p1/apply?tenant=a%26b", nil)
	if want := (asked{"a&b", "POST /apis/drover/v1/plans/p1/apply", "null"}); status != 303 || to != "/sessions/bos/night%2F1?tenant=a%26b" || len(s.done) != 1 || s.done[0] != want {
		t.Errorf("%d to %q, %q\n%s", status, to, s.done, text)
	}
	s.refuses = fault.New(fault.Conflict, "what plan 'p1' says does not hold any more (x1: power was on, is off): make a new one")
	status, text, to = send(t, s, "/plans/p1/apply", nil)
	if status != 409 || to != "" || !strings.Contains(text, "Nothing was done: what plan &#39;p1&#39; says does not hold any more (x1: power was on, is off)") ||
		!strings.Contains(text, "Make the plan anew") || strings.Contains(text, `/apply"`) || !strings.Contains(text, `name="nodes" value="x1000c0s[0-2]b0n0"`) || !strings.Contains(text, `name="template" value="/compute"`) {
		t.Errorf("%d to %q\n%s", status, to, text)
	}
	// A second click, while the first one was answered.
	s.at["/apis/drover/v1/plans/p1"] = strings.Replace(aPlan, `"nodes": 3`, `"session": "s9", "nodes": 3`, 1)
	if status, text, to = send(t, s, "/plans/p1/apply", nil); status != 303 || to != "/sessions/bos/s9" {
		t.Errorf("%d to %q\n%s", status, to, text)
	}
	delete(s.at, "/apis/drover/v1/plans/p1")
	if status, text, _ = send(t, s, "/plans/p1/apply", nil); status != 409 {
		t.Errorf("%d\n%s", status, text)
	}
}

func TestASessionIsCancelledAfterAQuestion(t *testing.T) {
	s := deedSite()
	wants(t, s, "/sessions/bos/b1", `href="/sessions/bos/b1/cancel"`)
	wants(t, s, "/sessions/bos/b1?tenant=a%26b", `href="/sessions/bos/b1/cancel?tenant=a%26b"`)
	wants(t, s, "/sessions/bos/b1/cancel", "Cancel b1?", "3 nodes, 1 succeeded, 1 failed, 1 under way", `<form action="/sessions/bos/b1/cancel" method="post">`)
	wants(t, s, "/sessions/bos/b1/cancel?tenant=a%26b", `<form action="/sessions/bos/b1/cancel?tenant=a%26b" method="post">`)
	if len(s.done) > 0 {
		t.Errorf("reading did %q", s.done)
	}
	status, text, to := send(t, s, "/sessions/bos/b1/cancel?tenant=a%26b", nil)
	if want := (asked{"a&b", "POST /apis/drover/v1/sessions/b1/cancel", "null"}); status != 303 || to != "/sessions/bos/b1?tenant=a%26b" || len(s.done) != 1 || s.done[0] != want {
		t.Errorf("%d to %q, %q\n%s", status, to, s.done, text)
	}
	s.at["/apis/bos/v2/sessions/b1"] = strings.Replace(s.at["/apis/bos/v2/sessions/b1"], "running", "complete", 1)
	if text := wants(t, s, "/sessions/bos/b1/cancel", "there is nothing to cancel"); strings.Contains(text, "<form") {
		t.Error("what is over can be cancelled")
	}
	wants(t, s, "/sessions/bos/b1", `href="/plans/new?nodes=x1000c0s0b0n0&amp;operation=reboot&amp;template=%2Fcompute"`)
	s.at["/apis/bos/v2/components"] = `[]` // others have the nodes by now
	s.at["/apis/bos/v2/sessions/b1/status"] = `{"managed_components_count": 3, "percent_failed": 100, "error_summary": {"no power": {"count": 3, "list": "x1000c0s0b0n0..."}}}`
	if text := wants(t, s, "/sessions/bos/b1", "3 failed"); strings.Contains(text, "/plans/new") {
		t.Error("some of those that failed are offered as if they were all")
	}
}

// Who may only read sees no button, and is told why what they send is refused.
func TestWhoMayNotHaveAnythingDoneIsTold(t *testing.T) {
	s := deedSite()
	s.may = false
	for _, path := range everyPage {
		_, text, _ := get(t, s, path)
		if strings.Contains(text, "/plans") || strings.Contains(text, "/cancel") || strings.Contains(text, `method="post"`) {
			t.Errorf("%s offers deeds", path)
		}
	}
	for _, path := range []string{"/plans/new", "/plans/p1", "/sessions/bos/b1/cancel"} {
		if text := wants(t, s, path, "You may read, and not have anything done"); strings.Contains(text, "<form") {
			t.Errorf("%s has a form", path)
		}
	}
	s.refuses = fault.New(fault.Forbidden, "ada is in the role auditor")
	for _, path := range []string{"/plans", "/plans/p1/apply", "/sessions/bos/b1/cancel"} {
		status, text, to := send(t, s, path, url.Values{"nodes": {"x1000c0s1b0n0"}, "operation": {string(bos.OperationBoot)}, "template": {"/compute"}})
		if status != 403 || to != "" || !strings.Contains(text, "<h1>Forbidden</h1>") || !strings.Contains(text, "ada is in the role auditor") {
			t.Errorf("%s: %d to %q\n%s", path, status, to, text)
		}
	}
}

// Whatever is only read does nothing.
func TestNothingIsDoneByGet(t *testing.T) {
	s := deedSite()
	for _, path := range append([]string{"/plans", "/plans/p1", "/plans/p1/apply", "/plans/new?nodes=x1000c0s1b0n0", "/sessions/bos/b1/cancel"}, everyPage...) {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			mux := http.NewServeMux()
			Register(mux, sources(s))
			mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
			if len(s.done) > 0 {
				t.Fatalf("%s %s did %q", method, path, s.done)
			}
		}
	}
}
