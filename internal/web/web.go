package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/explain"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/tapms"
	"github.com/drover-hpc/drover/internal/xname"
)

//go:embed pages/*.html assets/*
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"time": shownTime, "clock": shownClock, "query": query, "state": State, "counts": counts, "node": nodeLink, "boot": bootLink, "tenantNodes": tenantNodes,
	"apply": applyLink, "cancel": cancelLink, "many": progress.Nodes, "limit": xname.FoldLimit,
}).ParseFS(files, "pages/*.html"))

// Results is what CFS keeps of its sessions; cfs.Client is one.
type Results interface {
	Sessions(ctx context.Context, after string, limit int) ([]cfs.Session, bool, error)
	Session(ctx context.Context, name string) (cfs.Session, error)
	Component(ctx context.Context, id string) (cfs.Component, error)
	Log(ctx context.Context, session string) (cfs.SessionLog, error)
	HostResults(ctx context.Context, session string) ([]cfs.HostResults, error)
	Results(ctx context.Context, session string, f cfs.ResultFilter, after int64, limit int) (cfs.ResultPage, error)
}

// Sources are what the pages are made of.
type Sources struct {
	Results Results
	// Gateway is where all services are asked, for a tenant; "" is none.
	Gateway func(tenant string) progress.Gateway
	// Tenants are those that TAPMS knows.
	Tenants func(ctx context.Context) ([]tapms.Tenant, error)
	// Look says where all nodes stand.
	Look func(ctx context.Context) (*roster.Answer, error)
	// Do asks a service in the name of who made r: what they may not is refused, and what is
	// done is recorded, as if they had asked themselves.
	Do func(r *http.Request, tenant, method, path string, in, out any) error
	// May tells whether who makes the request of ctx may make another one.
	May func(ctx context.Context, method, path string) bool
	// Facts gathers what is known of a node.
	Facts func(ctx context.Context, node string) (*explain.Facts, error)
	// Events is the path of a stream of events, one whenever what pages show may have changed.
	Events string
	Now    func() time.Time
}

// Register adds the pages and what they need to mux.
func Register(mux *http.ServeMux, s Sources) {
	h := handler{of: s, fleet: newFleet(s.Look, s.Gateway("")), tenancy: &tenancy{list: s.Tenants, now: s.Now}}
	mux.HandleFunc("GET /{$}", h.root)
	mux.HandleFunc("GET /hosts", h.root)
	mux.HandleFunc("GET /nodes", h.page("nodes.html", h.nodes))
	mux.HandleFunc("GET /nodes/{node}", h.page("node.html", h.node))
	mux.HandleFunc("GET /nodes/{node}/console", h.page("console.html", h.console))
	mux.HandleFunc("GET /sessions", h.page("sessions.html", h.sessions))
	mux.HandleFunc("GET /sessions/bos/{name}", h.page("boot.html", h.boot))
	mux.HandleFunc("GET /tenants", h.page("tenants.html", h.tenants))
	mux.HandleFunc("GET /sessions/bos/{name}/cancel", h.page("cancel.html", h.cancelling))
	mux.HandleFunc("POST /sessions/bos/{name}/cancel", h.cancel)
	mux.HandleFunc("GET /plans/new", h.page("wish.html", h.wish))
	mux.HandleFunc("POST /plans", h.makePlan)
	mux.HandleFunc("GET /plans/{id}", h.page("plan.html", h.plan))
	mux.HandleFunc("POST /plans/{id}/apply", h.apply)
	mux.HandleFunc("GET /configurations", h.page("configurations.html", h.configurations))
	assets, err := fs.Sub(files, "assets")
	if err != nil {
		panic(err) // of the name, which is right
	}
	mux.Handle("GET /assets/", http.StripPrefix("/assets/", fresh(http.FileServerFS(assets))))
}

// fresh has browsers ask whether a file is still the same: the next release has others
// at the same paths.
func fresh(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

type handler struct {
	of      Sources
	fleet   *fleet
	tenancy *tenancy
}

// Rows of a page.
const (
	resultRows  = 500
	hostRows    = 500
	sessionRows = 200
)

// frame is what all pages have.
type frame struct {
	At      time.Time // as of which the page is
	Section string    // of the navigation
	Events  string    // path of the events after which the page may be another; empty: it stays
	Every   int       // seconds after which it may be another though nothing was told
	Tenants bool      // there are some
	Deeds   bool      // who reads it may have something done
}

func (f *frame) framed() *frame { return f }

// framed is a view that knows its frame.
type framed interface{ framed() *frame }

// live is the frame of a page that changes.
func (h handler) live(section string) frame {
	return frame{Section: section, Events: h.of.Events, Every: 30}
}

// page answers with the view that make returns.
func (h handler) page(name string, view func(*http.Request) (framed, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := view(r)
		h.answer(w, r, name, v, err)
	}
}

// root answers with one session of CFS (label), what ran on a host (name), or the fleet.
func (h handler) root(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch label, name := q.Get("label"), q.Get("name"); {
	case label != "" && (q.Has("host") || q.Has("status")):
		v, err := h.results(r.Context(), label, q)
		h.answer(w, r, "results.html", v, err)
	case label != "":
		v, err := h.session(r.Context(), label, q)
		h.answer(w, r, "session.html", v, err)
	case name != "":
		v, err := h.host(r.Context(), name)
		h.answer(w, r, "host.html", v, err)
	default:
		v, err := h.home(r)
		h.answer(w, r, "home.html", v, err)
	}
}

// problemView is what came of a question that has no answer.
type problemView struct {
	frame
	*httpapi.Problem
}

// answer writes the view, or what is wrong.
func (h handler) answer(w http.ResponseWriter, r *http.Request, page string, v framed, err error) {
	status := http.StatusOK
	if err != nil {
		p := problemOf(err)
		status, page, v = p.Status, "problem.html", &problemView{Problem: p}
	}
	h.show(w, r, status, page, v)
}

// show writes the view with what all pages have.
func (h handler) show(w http.ResponseWriter, r *http.Request, status int, page string, v framed) {
	f := v.framed()
	if f.At.IsZero() {
		f.At = h.of.Now()
	}
	f.Tenants = h.tenancy.known(r.Context()).any()
	f.Deeds = h.of.May(r.Context(), http.MethodPost, makePath)
	write(w, status, page, v)
}

// problemOf is what the service answered, in its words, or what else is wrong.
func problemOf(err error) *httpapi.Problem {
	var answer *httpapi.StatusError
	if errors.As(err, &answer) {
		return &httpapi.Problem{Status: answer.Status, Title: answer.Title, Detail: answer.Detail}
	}
	return httpapi.AsProblem(err)
}

// policy has a page run and load only what is embedded, and ask only this server.
const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func write(w http.ResponseWriter, status int, page string, view any) {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, page, view); err != nil {
		httpapi.WriteProblem(w, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(out.Bytes()) //nolint:errcheck // the client is gone
}

func shownTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func shownClock(t time.Time) string { return t.UTC().Format(time.TimeOnly) }

// query writes names and values, one after another, as a link to what a CFS session did.
func query(words ...any) string {
	q := url.Values{}
	for i := 0; i+1 < len(words); i += 2 {
		name, _ := words[i].(string)
		switch v := words[i+1].(type) {
		case string:
			q.Set(name, v)
		case int64:
			q.Set(name, strconv.FormatInt(v, 10))
		case int:
			q.Set(name, strconv.Itoa(v))
		}
	}
	return "/?" + q.Encode()
}

func nodeLink(name string) string { return "/nodes/" + url.PathEscape(name) }

// bootLink leads to a boot session of a tenant, or to one that has none.
func bootLink(name, tenant string) string {
	return "/sessions/bos/" + url.PathEscape(name) + ofTenant(tenant)
}

// ofTenant is the query that names a tenant; empty for none.
func ofTenant(tenant string) string {
	if tenant == "" {
		return ""
	}
	return "?" + url.Values{"tenant": {tenant}}.Encode()
}

func tenantNodes(tenant string) string { return "/nodes" + ofTenant(tenant) }
