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
	"github.com/drover-hpc/drover/internal/httpapi"
)

//go:embed pages/*.html assets/*
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"time": shownTime, "query": query, "state": State, "counts": counts}).ParseFS(files, "pages/*.html"))

// Sessions is what the pages are made of; cfs.Client is one.
type Sessions interface {
	Sessions(ctx context.Context, after string, limit int) ([]cfs.Session, bool, error)
	Session(ctx context.Context, name string) (cfs.Session, error)
	Component(ctx context.Context, id string) (cfs.Component, error)
	Log(ctx context.Context, session string) (cfs.SessionLog, error)
	HostResults(ctx context.Context, session string) ([]cfs.HostResults, error)
	Results(ctx context.Context, session string, f cfs.ResultFilter, after int64, limit int) (cfs.ResultPage, error)
}

// Register adds the pages and what they need to mux.
func Register(mux *http.ServeMux, s Sessions) {
	h := handler{s}
	mux.HandleFunc("GET /{$}", h.sessions)
	mux.HandleFunc("GET /hosts", h.sessions)
	assets, err := fs.Sub(files, "assets")
	if err != nil {
		panic(err) // of the name, which is right
	}
	mux.Handle("GET /assets/", http.StripPrefix("/assets/", http.FileServerFS(assets)))
}

type handler struct{ of Sessions }

// Rows of a page.
const (
	resultRows  = 500
	hostRows    = 500
	sessionRows = 200
)

// sessions answers with one session (label), those that a host was in (name),
// or the list.
func (h handler) sessions(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var page string
	var view any
	var err error
	switch label, name := q.Get("label"), q.Get("name"); {
	case label != "" && (q.Has("host") || q.Has("status")):
		page = "results.html"
		view, err = h.results(r.Context(), label, q)
	case label != "":
		page = "session.html"
		view, err = h.session(r.Context(), label, q)
	case name != "":
		page = "host.html"
		view, err = h.host(r.Context(), name)
	default:
		page = "sessions.html"
		view, err = h.list(r.Context(), q)
	}
	status := http.StatusOK
	if err != nil {
		p := problem(err)
		status, page, view = p.Status, "problem.html", p
	}
	write(w, status, page, view)
}

// problem is what the service answered, in its words, or what else is wrong.
func problem(err error) *httpapi.Problem {
	var answer *httpapi.StatusError
	if errors.As(err, &answer) {
		return &httpapi.Problem{Status: answer.Status, Title: answer.Title, Detail: answer.Detail}
	}
	return httpapi.AsProblem(err)
}

func write(w http.ResponseWriter, status int, page string, view any) {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, page, view); err != nil {
		httpapi.WriteProblem(w, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
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

// query writes names and values, one after another, as a link to this page.
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
