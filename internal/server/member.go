package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/job/local"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/lead"
)

const (
	// jobsOutlast is how long jobs go on after the lease, so that a busy machine
	// that renews it late loses none. They look every second, and have to be ended.
	jobsOutlast = lead.Quiet - 5*time.Second
	// aloneFor is how long jobs go on after the lease of a server that knew of no
	// other one: nobody takes its place within lead.Unknown.
	aloneFor = lead.Unknown - 15*time.Second
	// handOver is how long a server that stops with others around leaves its jobs
	// to end, before another may lead.
	handOver = 2500 * time.Millisecond
)

// jobDirs are the directories of jobs below the data directory.
func (s *Server) jobDirs() []string {
	var dirs []string
	for _, name := range []string{"jobs", "agents", "image-jobs"} {
		dirs = append(dirs, filepath.Join(s.config.Data, name))
	}
	return dirs
}

// join has this server lead, if it is the only one on its database or once no
// other one does; until then it passes requests on.
func (s *Server) join(ctx context.Context) error {
	if !store.IsPostgres(s.config.Database) {
		return s.limitJobs(time.Time{})
	}
	if _, err := s.fitKeys(ctx); err != nil {
		return err
	}
	id, err := memberID(s.config.Data)
	if err != nil {
		return err
	}
	self := lead.Member{ID: id, URL: s.config.peerURL(s.listener.Addr().String()), Schema: store.Schema()}
	if s.lease, err = lead.Join(ctx, s.config.Database, self, s.now); err != nil {
		return err
	}
	s.door.member = s.lease
	s.listen()
	s.onStop(s.leave)
	if err := s.waitForLead(ctx); err != nil {
		return err
	}
	s.leads = s.now()
	if err := s.attend(); err != nil {
		return err
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.keepAttending(stop)
	}()
	s.onStop(func() { close(stop); <-done })
	return nil
}

// waitForLead returns once this server leads.
func (s *Server) waitForLead(ctx context.Context) (err error) {
	if state, _ := s.lease.State(); !state.Leading { // it answers already, by way of another
		if err := s.tellURL(); err != nil {
			return err
		}
	}
	for told, known := "", false; ; {
		state, changed := s.lease.State()
		if state.Leading {
			slog.Info("this server leads", "member", state.Leader.ID)
			return nil
		}
		if state.Leader.ID != "" && s.config.S3Endpoint == "" {
			return fault.New(fault.Invalid, "s3-endpoint: another server, %s, leads on this database and keeps artifacts where this one cannot read them: "+
				"expected an object store that all use, or a database of its own", cmp.Or(state.Leader.URL, state.Leader.ID))
		}
		if text := standing(state); text != told {
			slog.Info("standing by", "state", text)
			told = text
		}
		if !known {
			if known, err = s.standBy(ctx); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// standBy prepares for what this server does while another one leads, and tells
// whether it could: that one may not have got so far.
func (s *Server) standBy(ctx context.Context) (done bool, err error) {
	fits, err := s.fitKeys(ctx)
	switch {
	case err != nil && !fault.Is(err, fault.Unavailable):
		return false, err
	case !fits:
		return false, nil
	}
	if err := s.borrowToken(ctx); err != nil {
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unavailable) {
			return false, nil
		}
		slog.Warn("commands on this machine will not find a token by themselves", "error", err)
	}
	return true, nil
}

func standing(s lead.State) string {
	switch {
	case s.Err != nil:
		return s.Err.Error()
	case s.Leader.ID == "":
		return "nobody leads; the last one's lease has to run out"
	case s.Leader.URL == "":
		return "another server leads, without a --peer-url: requests to this one cannot be passed on"
	}
	return "requests are passed on to " + s.Leader.URL
}

func (s *Server) keepAttending(stop <-chan struct{}) {
	for {
		_, changed := s.lease.State()
		select {
		case <-stop:
			return
		case <-changed: // with each renewal, and when another server has come
		}
		if err := s.attend(); err != nil {
			slog.Error("jobs cannot be told how long they may go on", "error", err)
		}
	}
}

// attend tells the jobs of this machine how long they may go on: as long as
// nobody else starts any.
func (s *Server) attend() error {
	until := s.lease.Until()
	if until.IsZero() {
		return nil
	}
	after := jobsOutlast
	if state, _ := s.lease.State(); state.Alone {
		after = aloneFor
	}
	return s.limitJobs(until.Add(after))
}

// succession is what the executors of jobs have to heed of other servers.
func (s *Server) succession() (after local.Succession) {
	if s.lease == nil {
		return after
	}
	state, _ := s.lease.State()
	after.Late = !state.Again
	if state.Quiet > 0 {
		after.Quiet = s.leads.Add(state.Quiet)
	}
	return after
}

func (s *Server) limitJobs(until time.Time) error {
	var errs []error
	for _, dir := range s.jobDirs() {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("directory of jobs: %w", err)
		}
		errs = append(errs, job.Limit(dir, until))
	}
	return errors.Join(errs...)
}

// leave gives the lead up. With others around the jobs of this machine end
// first.
func (s *Server) leave() {
	rest := time.Duration(0)
	if state, _ := s.lease.State(); state.Leading && !state.Alone {
		rest = handOver
		if err := s.limitJobs(time.Now()); err != nil {
			slog.Error("jobs cannot be told to end", "error", err)
		}
	}
	s.lease.Stop(rest)
}

// Lost closes when another server on the database leads in this one's place:
// whatever this one still does has to end. It never does for a server on a
// database of its own.
func (s *Server) Lost() <-chan struct{} {
	if s.lease == nil {
		return nil
	}
	return s.lease.Lost()
}

// may returns when this server may change anything outside. Whoever waits for
// that while the database is away does not keep the server from stopping.
func (s *Server) may(ctx context.Context) error {
	if s.lease == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.working, cancel)()
	return s.lease.Sure(ctx)
}

// leading makes requests over next that change something only while this server
// leads.
func (s *Server) leading(next http.RoundTripper) http.RoundTripper { return leading{s.may, next} }

type leading struct {
	may  func(context.Context) error
	next http.RoundTripper
}

func (l leading) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if err := l.may(r.Context()); err != nil {
			return nil, err
		}
	}
	return l.next.RoundTrip(r)
}

// memberID is the name of the server in this data directory, made at its first
// start.
func memberID(data string) (string, error) {
	path := filepath.Join(data, "member")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(strings.ToLower(rand.Text()))
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("name of this server among others: %w", err)
	}
	id := strings.TrimSpace(string(text))
	if id == "" {
		return "", fault.New(fault.Invalid, "name of this server among others: %s is empty: expected some word that no other server has, or no file", path)
	}
	return id, nil
}
