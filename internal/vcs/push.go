package vcs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/drover-hpc/drover/internal/fault"
)

// A push to a copy comes into a directory of its own, which borrows the copy's objects.
// What it brought is put where all servers find it, then into the copy, and only then is the
// client told. So nobody fetches what may yet be refused, and a server that is
// killed in between leaves the copy behind the index at most.

// stage is the directory of one push.
type stage struct {
	root   string // has the repository and, beside it, the pack that is made of it
	at     bare
	record Record // what the push was made to
}

// stageName is the repository's below the root.
const stageName = "repository"

// openStage makes the directory for a push to the copy. Whoever has it removes its root.
func (s *Service) openStage(n name) (*stage, error) {
	r, err := bare(s.dir(n)).record()
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp(s.cfg.Dir, pushDir)
	if err != nil {
		return nil, err
	}
	t := &stage{root, bare(filepath.Join(root, stageName)), r}
	if err := t.fill(bare(s.dir(n)).path("objects")); err != nil {
		os.RemoveAll(root) //nolint:errcheck // the next start does
		return nil, err
	}
	return t, nil
}

func (t *stage) fill(objects string) error {
	for _, dir := range []string{"objects/info", "objects/pack", "refs"} {
		if err := os.MkdirAll(t.at.path(dir), 0o700); err != nil {
			return err
		}
	}
	for file, text := range map[string]string{"config": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n", "objects/info/alternates": objects + "\n"} {
		if err := renameio.WriteFile(t.at.path(file), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return t.at.writeRefs(t.record)
}

// receive answers a push to a copy.
func (s *Service) receive(w http.ResponseWriter, r *http.Request, n name) {
	if err := s.turn(r.Context()); err != nil {
		w.Header().Set("Retry-After", "10")
		refuse(w, err)
		return
	}
	t, err := s.openStage(n)
	if err != nil {
		<-s.turns
		refuse(w, fmt.Errorf("push to %s: %w", n, err))
		return
	}
	defer os.RemoveAll(t.root)
	by, answer := newPaced(w, r, s.cfg.Silence), &held{header: http.Header{}}
	defer by.finish()
	s.run(answer, by, r, n, t.root, "/"+stageName+"/"+receivePack)
	<-s.turns
	if answer.status == http.StatusOK {
		if err := s.publishPush(r.Context(), n, t); err != nil {
			slog.Warn("a push is refused", "repository", n.String(), "why", err)
			answer.refuse(err)
		}
	}
	answer.give(by)
}

// held is an answer that nobody has been given yet.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *held) Header() http.Header { return h.header }

func (h *held) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *held) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(p)
}

// refuse has it say that the push came to nothing.
func (h *held) refuse(why error) {
	text := strings.Join(strings.Fields(why.Error()), " ")
	body, err := refused(h.body.Bytes(), text[:min(len(text), 1000)])
	if err != nil {
		h.header, h.status, h.body = http.Header{}, 0, bytes.Buffer{}
		refuse(h, why)
		return
	}
	h.body = *bytes.NewBuffer(body)
}

func (h *held) give(w http.ResponseWriter) {
	for key, values := range h.header {
		w.Header()[key] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(h.status)
	w.Write(h.body.Bytes()) //nolint:errcheck // the client is gone
}

// Publishing takes so long at most, and a second more for each so many bytes.
const (
	publishTime  = time.Minute
	publishBytes = 1 << 20
)

// publishPush puts what came into the directory where all servers find it, and into
// the copy. After an error, unless it says otherwise, nothing has changed.
func (s *Service) publishPush(ctx context.Context, n name, t *stage) error {
	refs, err := t.at.refs(ctx)
	if err != nil {
		return err
	}
	list := changes(t.record.Refs, refs)
	if len(list) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // a client that leaves does not leave it half done
	defer s.keep(n)()
	at := bare(s.dir(n))
	now, err := at.record()
	if err != nil || now.ID != t.record.ID {
		return fault.New(fault.Conflict, "repository %s was deleted meanwhile", n)
	}
	pack, err := t.at.pack(ctx, refs, now.Refs, t.root)
	if err != nil {
		return err
	}
	var made []Pack
	if pack != "" {
		one, err := s.store(ctx, now, pack)
		if err != nil {
			return fmt.Errorf("nothing has changed, for it cannot be kept where all servers find it: push again later: %w", err)
		}
		made = append(made, one)
	}
	next, err := now.with(list, made...)
	if err != nil {
		return err
	}
	if err := s.put(ctx, n, next); err != nil {
		return err
	}
	if pack != "" {
		err = at.take(pack)
	}
	if err == nil {
		err = at.become(next)
	}
	if err != nil { // it is kept: what this server has is to become it
		s.fallBehind(n, lag{why: err})
		return fault.New(fault.Unavailable, "it is kept, but this server cannot show it now: fetch later to see it: %w", err)
	}
	s.tending.Now(n.String())
	return nil
}

// store puts the file into the mirror's packs, for the repository of the record.
func (s *Service) store(ctx context.Context, of Record, file string) (p Pack, err error) {
	f, err := os.Open(file)
	if err != nil {
		return p, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return p, err
	}
	p = Pack{Key: of.newKey(), Size: info.Size()}
	ctx, cancel := context.WithTimeout(ctx, publishTime+time.Duration(p.Size/publishBytes)*time.Second)
	defer cancel()
	return p, s.cfg.Mirror.Packs.Store(ctx, p.Key, f, p.Size)
}

// put writes the record. Where it is not known whether it was written, the copy is
// brought up to date with what the index has.
func (s *Service) put(ctx context.Context, n name, r Record) error {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	err := s.cfg.Mirror.Index.Put(ctx, r)
	if err == nil {
		return nil
	}
	s.fallBehind(n, lag{why: err, shown: !fault.Is(err, fault.Conflict)})
	if fault.Is(err, fault.Conflict) {
		return fault.New(fault.Conflict, "repository %s has another state where all servers find it: fetch, then try again: %w", n, err)
	}
	return fmt.Errorf("repository %s is perhaps changed, perhaps not, for the index of repositories does not answer: fetch later to see it: %w", n, err)
}
