package cfs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
	"github.com/drover-hpc/drover/internal/tapms"
	"github.com/drover-hpc/drover/internal/vcs"
)

// commitOf is what the fake repository has for a branch.
func commitOf(branch string) string { return fmt.Sprintf("%040x", len(branch)+1) }

// fakeGit resolves every branch but "nowhere".
type fakeGit struct {
	mu    sync.Mutex
	calls []string // URLs
	heads map[string]string
	user  string
}

func (g *fakeGit) Resolve(_ context.Context, repo cfs.Repository, names []string) (map[string]string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, repo.URL)
	if repo.Secret != nil {
		g.user = repo.Secret.Username
	}
	out := map[string]string{}
	for _, n := range names {
		if n == "nowhere" {
			return nil, fault.New(fault.Invalid, "no branch '%s'", n)
		}
		out[n] = commitOf(n)
		if g.heads[n] != "" {
			out[n] = g.heads[n]
		}
	}
	return out, nil
}

type fakeTenants struct{}

func (fakeTenants) Tenant(_ context.Context, name string) (tapms.Tenant, error) {
	if name == "red" || name == "blue" {
		return tapms.Tenant{}, nil
	}
	return tapms.Tenant{}, fault.New(fault.NotFound, "no tenant '%s'", name)
}

type fixture struct {
	t       *testing.T
	db      *store.DB
	hub     *events.Hub
	journal *journal.Journal
	service *cfs.Service
	client  *cfs.Client
	git     *fakeGit
	mux     *http.ServeMux
	now     time.Time
	files   *vcs.Files // nil: sessions may clone anything
}

// database names an empty database; TestOnPostgres puts another engine in.
var database = func(t *testing.T) string { return filepath.Join(t.TempDir(), "cfs.db") }

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopPostgres()
	os.Exit(code)
}

// The tests that depend on locks and on what a failed statement does to its
// transaction, on the other engine.
func TestOnPostgres(t *testing.T) {
	sqlite := database
	defer func() { database = sqlite }()
	database = func(t *testing.T) string { return storetest.Postgres(t) }
	for name, test := range map[string]func(*testing.T){
		"life": TestComponentLife, "forms": TestComponentPatchForms, "reports": TestReportsAtTheSameTime,
		"same report": TestSameReportAtTheSameTimeCountsOnce,
		"deletes":     TestSessionDeletesAtTheSameTime, "creates": TestSessionCreatesAtTheSameTime,
		"sources": TestSources, "filters": TestSessionFilters, "in use": TestConfigurationInUse,
	} {
		t.Run(name, test)
	}
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, hub: events.NewHub(), git: &fakeGit{heads: map[string]string{}}, mux: http.NewServeMux(),
		now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	db, err := store.Open(t.Context(), database(t), f.hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	now := func() time.Time { return f.now }
	f.db, f.journal = db, journal.New(db, now)
	f.service = cfs.NewService(cfs.Config{DB: db, Journal: f.journal, Hub: f.hub, Resolver: f.git, Tenants: fakeTenants{}, Now: now, MayClone: f.mayClone})
	cfs.Register(httpapi.New(f.mux, "/apis/cfs", "CFS", "1"), f.service)
	f.client = cfs.NewClient(httpapi.NewClient("CFS", "http://drover/apis/cfs", httpapi.Local(f.mux)))
	return f
}

func (f *fixture) mayClone(url string) error {
	if f.files == nil {
		return nil
	}
	return f.files.Check(url)
}

// answer is a response with its body decoded.
type answer struct {
	status int
	text   string
}

func (a answer) object(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(a.text), &out); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.text, err)
	}
	return out
}

// call sends the request; a header may be given as "Name: value".
func (f *fixture) call(method, path, body string, header ...string) answer {
	f.t.Helper()
	r := httptest.NewRequest(method, "/apis/cfs"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	f.mux.ServeHTTP(w, r)
	return answer{w.Code, w.Body.String()}
}

// want is call, with the status that must come of it.
func (f *fixture) want(status int, method, path, body string, header ...string) answer {
	f.t.Helper()
	a := f.call(method, path, body, header...)
	if a.status != status {
		f.t.Fatalf("%s %s %s: got %d %s, want %d", method, path, body, a.status, a.text, status)
	}
	return a
}

// configuration stores one with a layer per playbook, all of branch main.
func (f *fixture) configuration(name string, playbooks ...string) {
	f.t.Helper()
	var layers []string
	for _, p := range playbooks {
		layers = append(layers, fmt.Sprintf(`{"name":"%s","clone_url":"https://git/repo","playbook":"%s.yml","branch":"main"}`, p, p))
	}
	f.want(200, "PUT", "/v3/configurations/"+name, `{"layers":[`+strings.Join(layers, ",")+`]}`)
}

// title is that of a problem.
func (a answer) title() string {
	var p httpapi.Problem
	json.Unmarshal([]byte(a.text), &p) //nolint:errcheck // an empty title fails the comparison
	return p.Title
}

// status checks a component's configuration status, as read and as filtered.
func (f *fixture) status(id, want string) {
	f.t.Helper()
	if got := f.want(200, "GET", "/v3/components/"+id, "").object(f.t)["configuration_status"]; got != want {
		f.t.Fatalf("%s is %v, want %s", id, got, want)
	}
	if got := f.want(200, "GET", "/v3/components?ids="+id+"&status="+want, "").text; !strings.Contains(got, `"id":"`+id+`"`) {
		f.t.Fatalf("%s is not listed as %s: %s", id, want, got)
	}
}

// report is what the Ansible plugin sends for one component.
func (f *fixture) report(id, playbook, status, session string) {
	f.t.Helper()
	f.want(200, "PATCH", "/v3/components?count_errors=true", fmt.Sprintf(
		`[{"id":"%s","state_append":{"clone_url":"https://git/repo","playbook":"%s.yml","commit":"%s","status":"%s","session_name":"%s"}}]`,
		id, playbook, commitOf("main"), status, session))
}

// errors checks a component's error count.
func (f *fixture) errors(id string, want int) {
	f.t.Helper()
	if got := f.want(200, "GET", "/v3/components/"+id, "").object(f.t)["error_count"]; got != float64(want) {
		f.t.Errorf("error_count of %s is %v, want %d", id, got, want)
	}
}
