package vcs

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// The two services of git's protocol.
const (
	uploadPack  = "git-upload-pack"  // clone and fetch
	receivePack = "git-receive-pack" // push
)

// Handler serves the repositories below Prefix to git, over smart HTTP only.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	repo := Prefix + "{org}/{repo}"
	mux.HandleFunc("GET "+repo+"/info/refs", s.advertise)
	mux.HandleFunc("POST "+repo+"/"+uploadPack, func(w http.ResponseWriter, r *http.Request) { s.exchange(w, r, uploadPack) })
	mux.HandleFunc("POST "+repo+"/"+receivePack, func(w http.ResponseWriter, r *http.Request) { s.exchange(w, r, receivePack) })
	mux.HandleFunc(repo+"/info/lfs/", refuseLFS)
	mux.HandleFunc(Prefix, func(w http.ResponseWriter, r *http.Request) {
		refuse(w, fault.New(fault.NotFound, "%s %s is nothing that is served here: expected git to clone, fetch or push %sORG/NAME.git", r.Method, r.URL.Path, Prefix))
	})
	return mux
}

// advertise answers what references there are.
func (s *Service) advertise(w http.ResponseWriter, r *http.Request) {
	n, err := s.named(r)
	if err != nil {
		refuse(w, err)
		return
	}
	switch service := r.URL.Query().Get("service"); service {
	case uploadPack:
		if _, err := s.settleHead(r.Context(), n); err != nil {
			refuse(w, err)
			return
		}
	case receivePack:
	default:
		refuse(w, fault.New(fault.Forbidden, "service '%s': expected %s or %s; this server speaks git's smart protocol only (git 1.6.6 or newer)", service, uploadPack, receivePack))
		return
	}
	s.backend(w, r, n, "/info/refs")
}

// exchange sends or receives objects.
func (s *Service) exchange(w http.ResponseWriter, r *http.Request, service string) {
	n, err := s.named(r)
	if err == nil && service == receivePack {
		if err = s.beginPush(n); err == nil {
			defer s.endPush(n)
		}
	}
	if err != nil {
		refuse(w, err)
		return
	}
	if service == receivePack && s.mirrored() {
		s.receive(w, r, n)
		return
	}
	s.backend(w, r, n, "/"+service)
}

func (s *Service) named(r *http.Request) (name, error) {
	n, err := parseName(r.PathValue("org"), r.PathValue("repo"))
	if err != nil {
		return n, err
	}
	return n, s.usable(n)
}

// beginPush keeps the repository from being deleted until endPush.
func (s *Service) beginPush(n name) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.exists(n); err != nil {
		return err
	}
	s.pushes[n]++
	return nil
}

func (s *Service) endPush(n name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pushes[n]--; s.pushes[n] == 0 {
		delete(s.pushes, n)
	}
}

// backend has git's own program answer the request, when it is its turn.
func (s *Service) backend(w http.ResponseWriter, r *http.Request, n name, path string) {
	if err := s.turn(r.Context()); err != nil {
		w.Header().Set("Retry-After", "10")
		refuse(w, err)
		return
	}
	defer func() { <-s.turns }()
	out := newPaced(w, r, s.cfg.Silence)
	defer out.finish()
	s.run(out, out, r, n, s.cfg.Dir, "/"+n.path()+path)
}

// run has git's own program answer to the one the request that comes by the other, of
// the repository at the path below the root.
func (s *Service) run(to http.ResponseWriter, by *paced, r *http.Request, n name, root, path string) {
	git, err := exec.LookPath("git")
	if err != nil {
		refuse(to, fault.New(fault.Unavailable, "git is not installed where the server runs: install it (Debian: package git)"))
		return
	}
	in := r.Clone(r.Context())
	in.URL.Path, in.URL.RawPath = path, ""
	// Git sends what is large in chunks. The backend reads to the end.
	in.TransferEncoding = nil
	in.Body = http.MaxBytesReader(by.ResponseWriter, by.body(), s.cfg.MaxPush+maxCommands)
	handler := &cgi.Handler{Path: git, Args: []string{"http-backend"}, Root: "/", Dir: root,
		Env:    append(isolated(s.settings()...), "GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1"),
		Stderr: words{n}, Logger: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}
	handler.ServeHTTP(to, in)
	// A client that is cut off while it sends does not read why.
	io.Copy(io.Discard, in.Body) //nolint:errcheck // at most the bound, within the silence
}

// maxCommands is what a push may have beside its objects, in bytes: its
// references.
const maxCommands = 16 << 20

// settings are what the backend is told beside what a repository says.
func (s *Service) settings() []string {
	list := []string{
		"safe.directory", "*",
		"http.receivepack", "true",
		"http.getanyfile", "false",
		"receive.maxInputSize", strconv.FormatInt(s.cfg.MaxPush, 10),
		"gc.autoDetach", "false", // a turn ends with what it started
	}
	if s.mirrored() { // a push comes into a directory of its own
		list = append(list, "receive.autogc", "false", "receive.unpackLimit", "1")
	}
	return list
}

// turn waits until a backend may start; whoever got one gives it back.
func (s *Service) turn(ctx context.Context) error {
	patience := time.NewTimer(s.cfg.Patience)
	defer patience.Stop()
	select {
	case s.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		return fault.New(fault.Unavailable, "all %d git processes of this server have been busy for %s: try again", s.cfg.Backends, s.cfg.Patience)
	}
}

// refuse answers in plain text, which git shows to whoever called it.
func refuse(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), httpapi.AsProblem(err).Status)
}

// refuseLFS tells git-lfs what it would else guess at.
func refuseLFS(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
	w.WriteHeader(http.StatusNotImplemented)
	io.WriteString(w, `{"message":"this server keeps no Git LFS objects: name a server that does with lfs.url in .lfsconfig, or commit the files themselves"}`+"\n") //nolint:errcheck // the client is gone
}

// words has what the backend complains of in the server's log.
type words struct{ name name }

func (l words) Write(p []byte) (int, error) {
	slog.Info("git backend", "repository", l.name.String(), "says", strings.TrimSpace(string(p)))
	return len(p), nil
}

// paced is an answer whose client must keep taking, and the request's body that
// it must keep sending.
type paced struct {
	http.ResponseWriter
	conn    *http.ResponseController
	from    io.ReadCloser
	silence time.Duration
}

func newPaced(w http.ResponseWriter, r *http.Request, silence time.Duration) *paced {
	p := &paced{ResponseWriter: w, conn: http.NewResponseController(w), from: r.Body, silence: silence}
	p.conn.EnableFullDuplex() //nolint:errcheck // where there is no connection there is nothing to read ahead
	return p
}

// The connection's deadlines; where there is no connection there are none.
func (p *paced) readWithin(t time.Time)  { p.conn.SetReadDeadline(t) }  //nolint:errcheck
func (p *paced) writeWithin(t time.Time) { p.conn.SetWriteDeadline(t) } //nolint:errcheck

func (p *paced) Write(b []byte) (int, error) {
	p.writeWithin(time.Now().Add(p.silence))
	return p.ResponseWriter.Write(b)
}

func (p *paced) body() io.ReadCloser { return pacedBody{p} }

// finish leaves the connection as it was, for the next request.
func (p *paced) finish() {
	p.readWithin(time.Time{})
	p.writeWithin(time.Time{})
}

type pacedBody struct{ *paced }

func (b pacedBody) Read(into []byte) (int, error) {
	b.readWithin(time.Now().Add(b.silence))
	n, err := b.from.Read(into)
	if err != nil {
		b.readWithin(time.Time{}) // the server watches the connection from here on
	}
	return n, err
}

func (b pacedBody) Close() error { return b.from.Close() }
