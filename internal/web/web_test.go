package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/explain"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/tapms"
)

// site has a session "s1" with as many hosts as the test says.
type site struct {
	hosts  int
	nodes  []roster.Node
	silent []roster.Silence
	at     map[string]string // what the gateway answers, by path; of others there is an empty list
	facts  func(node string) *explain.Facts
	stage  cfs.Stage
	passed map[string]any // of the last call
	// tenants are those that TAPMS knows. What a tenant is told is at its name and the path.
	tenants   []tapms.Tenant
	noTenants error
	// done is what was asked in somebody's name, answers what that is answered with unless it
	// is refused; may tells whether buttons are shown.
	done    []asked
	answers map[string]string
	refuses error
	may     bool
}

func (s *site) gateway(tenant string) progress.Gateway {
	g := gatewayOf(s.at)
	if tenant != "" {
		get := g.Get
		g.Get = func(ctx context.Context, path string, out any) error { return get(ctx, tenant+path, out) }
	}
	return g
}

func (s *site) session() cfs.Session {
	limit := "x1,x2"
	return cfs.Session{Name: "s1", Configuration: cfs.SessionConfiguration{Name: "base"}, Ansible: cfs.SessionAnsible{Limit: &limit},
		Status: cfs.SessionStatus{Session: cfs.RunStatus{Status: s.stage, Succeeded: cfs.SucceededFalse, StartTime: "2030-01-02T03:04:05"}}}
}

func (s *site) Sessions(_ context.Context, after string, limit int) ([]cfs.Session, bool, error) {
	s.passed = map[string]any{"after": after}
	return []cfs.Session{s.session()}, true, nil
}

func (s *site) Session(_ context.Context, name string) (cfs.Session, error) {
	if name != "s1" {
		return cfs.Session{}, fault.New(fault.NotFound, "no session '%s'", name)
	}
	return s.session(), nil
}

func (s *site) Component(_ context.Context, id string) (cfs.Component, error) {
	return cfs.Component{ID: id, DesiredConfig: "base", State: []cfs.StateLayer{{Playbook: "site.yml", SessionName: "s1", Status: "failed"}}}, nil
}

func (s *site) Log(context.Context, string) (cfs.SessionLog, error) {
	return cfs.SessionLog{Phase: job.Failed, Message: "task 'mount' failed on x1: <script>alert(1)</script>"}, nil
}

func (s *site) HostResults(context.Context, string) (list []cfs.HostResults, _ error) {
	for i := range s.hosts {
		list = append(list, cfs.HostResults{Host: fmt.Sprintf("h%04d", i), OK: 2})
	}
	if s.hosts > 0 {
		list[s.hosts-1].Failed = 1
	}
	return list, nil
}

func (s *site) Results(_ context.Context, _ string, f cfs.ResultFilter, after int64, _ int) (cfs.ResultPage, error) {
	s.passed = map[string]any{"hosts": strings.Join(f.Hosts, " "), "statuses": len(f.Statuses), "after": after}
	return cfs.ResultPage{More: true, Results: []cfs.TaskResult{{ID: 77, Host: "h0001", Task: "mount <b>", Status: cfs.OutcomeFailed, Message: "<script>alert(1)</script>"}}}, nil
}

// sources are those of a site whose other services are at paths of the gateway.
func sources(s *site) Sources {
	return Sources{Results: s, Gateway: s.gateway, Do: s.do, May: s.allows, Tenants: func(context.Context) ([]tapms.Tenant, error) { return s.tenants, s.noTenants }, Events: "/apis/drover/v1/events", Now: func() time.Time { return noon },
		Look: func(context.Context) (*roster.Answer, error) {
			return &roster.Answer{Time: noon, Nodes: s.nodes, Silent: s.silent}, nil
		},
		Facts: func(_ context.Context, node string) (*explain.Facts, error) { return s.facts(node), nil }}
}

func get(t *testing.T, s *site, path string) (int, string, http.Header) {
	t.Helper()
	mux := http.NewServeMux()
	Register(mux, sources(s))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String(), w.Header()
}

func TestPageOfASessionNamesWhatFailed(t *testing.T) {
	for _, path := range []string{"/?label=s1", "/hosts?label=s1"} { // as records link, now and in older releases
		status, text, _ := get(t, &site{hosts: 3, stage: cfs.StageComplete}, path)
		for _, want := range []string{"<h1>s1", "base", "x1,x2", "3 hosts", "1 did not get through", "mount &lt;b&gt;", `href="/?host=h0001&amp;label=s1"`, "failed on x1"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", path, want, text)
			}
		}
		if status != 200 || strings.Contains(text, "<script>") || strings.Index(text, ">h0002<") > strings.Index(text, ">h0000<") || strings.Contains(text, "data-every") {
			t.Errorf("%s: %d\n%s", path, status, text)
		}
	}
	if _, text, _ := get(t, &site{hosts: 1, stage: cfs.StageComplete}, "/?label=s1"); !strings.Contains(text, "1 host,") {
		t.Errorf("of a session with one host:\n%s", text)
	}
	if _, text, _ := get(t, &site{stage: cfs.StageRunning}, "/?label=s1"); !strings.Contains(text, `data-every="3"`) || !strings.Contains(text, `data-log="/apis/cfs/v3/sessions/s1/log?follow=true"`) {
		t.Errorf("of a session that runs:\n%s", text)
	}
}

func TestPagesOfManyHostsAndResultsAreParted(t *testing.T) {
	s := &site{hosts: hostRows + 1, stage: cfs.StageComplete}
	_, first, _ := get(t, s, "/?label=s1")
	_, second, _ := get(t, s, "/?label=s1&page=2")
	if strings.Contains(first, ">h0499<") || !strings.Contains(first, "page=2") || !strings.Contains(second, ">h0499<") || strings.Contains(second, "page=3") {
		t.Error("the hosts are not parted")
	}
	_, text, _ := get(t, s, "/?label=s1&host=h0001&status=failed&after=5")
	if !strings.Contains(text, "after=77&amp;host=h0001&amp;label=s1&amp;status=failed") || s.passed["hosts"] != "h0001" || s.passed["statuses"] != 1 || s.passed["after"] != int64(5) {
		t.Errorf("%v\n%s", s.passed, text)
	}
	if _, text, _ := get(t, s, "/sessions?after=a"); s.passed["after"] != "a" || !strings.Contains(text, "after=s1") {
		t.Errorf("%v\n%s", s.passed, text)
	}
	if _, text, _ := get(t, s, "/hosts?name=x1"); !strings.Contains(text, `href="/?host=x1&amp;label=s1"`) {
		t.Error(text)
	}
}

// Whatever a page names is embedded, and it has no script but that.
func TestPagesNeedNothingFromOutside(t *testing.T) {
	s := fleetSite()
	named := regexp.MustCompile(`(?:src|href|action|data-events|data-log)="([^"]*)"`)
	for _, path := range everyPage {
		status, text, header := get(t, s, path)
		if policy := header.Get("Content-Security-Policy"); status != 200 || !strings.Contains(policy, "default-src 'none'; script-src 'self'; connect-src 'self'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %d %v", path, status, header)
		}
		if strings.Contains(text, "<script>") || strings.Contains(text, "style=") || strings.Contains(text, " on") && regexp.MustCompile(` on[a-z]+=`).MatchString(text) {
			t.Errorf("%s has scripts or styles inline\n%s", path, text)
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			link := m[1]
			if link != "#main" && (!strings.HasPrefix(link, "/") || strings.HasPrefix(link, "//")) {
				t.Errorf("%s leads to %s", path, link)
			}
			if strings.HasPrefix(link, "/assets/") {
				if status, _, _ := get(t, s, link); status != 200 {
					t.Errorf("%s: %d", link, status)
				}
			}
		}
	}
	if status, text, _ := get(t, s, "/?label=none"); status != 404 || !strings.Contains(text, "no session &#39;none&#39;") {
		t.Errorf("%d\n%s", status, text)
	}
	for path, want := range map[string]int{"/?label=s1&status=wrong": 400, "/nodes?stand=tall": 400, "/nodes?filter=color%3Dred": 400, "/nodes/x1c0": 404, "/sessions/bos/none": 404, "/nodes/x1c0s0b0n0/console/x": 404} {
		if status, _, _ := get(t, s, path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}
