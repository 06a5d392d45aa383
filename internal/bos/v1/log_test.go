package v1

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"
)

// records are those of agents that run here, and of those that ran elsewhere.
type records struct {
	here, elsewhere string // directories
	grown           chan struct{}
}

func (r *records) State(id string) job.State {
	d := job.Dir(filepath.Join(r.here, id))
	if result, err := d.Result(); err == nil {
		return result.State()
	}
	if _, err := d.Steps(); err == nil {
		return job.State{Phase: job.Running}
	}
	return job.State{Phase: job.Lost, Message: "no trace of the job"}
}

func (r *records) Left(_ context.Context, id string) (job.Dir, error) {
	if _, err := os.Stat(filepath.Join(r.elsewhere, id)); err == nil {
		return job.Dir(filepath.Join(r.elsewhere, id)), nil
	}
	return job.Dir(filepath.Join(r.here, id)), nil
}

func (r *records) Follow(string) (<-chan struct{}, func()) { return r.grown, func() {} }

// agent makes the directory of one that wrote the text; ends gives it a result.
func (s *site) agent(in, session, text string) job.Dir {
	s.t.Helper()
	d := job.Dir(filepath.Join(in, "boa-"+session))
	if err := job.Create(string(d), job.Spec{ID: "boa-" + session}, nil); err != nil {
		s.t.Fatal(err)
	}
	if err := d.Write("steps.json", []job.Step{{Name: "operate", Started: time.Now()}}); err != nil {
		s.t.Fatal(err)
	}
	s.append(d, text)
	return d
}

func (s *site) append(d job.Dir, text string) {
	s.t.Helper()
	f, err := os.OpenFile(d.Log("operate"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) ends(d job.Dir, phase job.Phase) {
	s.t.Helper()
	if err := d.SetResult(job.Result{Phase: phase}); err != nil {
		s.t.Fatal(err)
	}
}

func withRecords(t *testing.T) (*site, *records) {
	s := newSite(t)
	r := &records{here: t.TempDir(), elsewhere: t.TempDir(), grown: make(chan struct{}, 1)}
	s.service.cfg.Records, s.service.cfg.Hub = r, s.hub
	return s, r
}

func TestLogOfAnAgentIsReadWhereverItRan(t *testing.T) {
	s, r := withRecords(t)
	for _, in := range []string{r.here, r.elsewhere} {
		id := s.session("boot")
		path := "/v1/session/" + id + "/log"
		if got := s.call(200, "GET", path, ""); !strings.Contains(got, `"phase":"waiting"`) {
			t.Errorf("before it was started: %s", got)
		}
		if err := s.service.Launch(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		s.ends(s.agent(in, id, "begins\nends\n"), job.Succeeded)
		s.call(200, "PATCH", "/v1/session/"+id+"/status", `{"stop_time":"2"}`)
		if got := s.call(200, "GET", path, ""); !strings.Contains(got, `"phase":"succeeded"`) || !strings.Contains(got, `"job":"boa-`+id) {
			t.Errorf("how it goes: %s", got)
		}
		if got := s.call(200, "GET", path+"?follow=true", ""); got != "==> operate <==\nbegins\nends" {
			t.Errorf("it wrote %q", got)
		}
		if got := s.call(200, "GET", path+"?follow=false&offset=23", ""); got != "ends" {
			t.Errorf("its end is %q", got)
		}
	}
}

func TestLogThatIsNotThereIsToldOf(t *testing.T) {
	s, _ := withRecords(t)
	id := s.session("boot")
	s.call(404, "GET", "/v1/session/none/log", "")
	s.call(400, "GET", "/v1/session/"+id+"/log?follow=perhaps", "")
	if err := s.service.Launch(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := s.call(404, "GET", "/v1/session/"+id+"/log?follow=true", ""); !strings.Contains(got, "no trace of the job") {
		t.Errorf("of an agent without a trace: %s", got)
	}
	s.service.cfg.Records = nil
	s.call(404, "GET", "/v1/session/"+id+"/log", "")
}

func TestLogOfAnAgentIsFollowedToItsEnd(t *testing.T) {
	s, r := withRecords(t)
	id := s.session("boot")
	if err := s.service.Launch(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	d := s.agent(r.here, id, "begins\n")
	server := httptest.NewServer(s.mux)
	defer server.Close()
	resp, err := http.Get(server.URL + "/apis/bos/v1/session/" + id + "/log?follow=true")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	const beginning, rest = "==> operate <==\nbegins\n", "goes on\n"
	read := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("it wrote %q, %v; want %q", got, err, want)
		}
	}
	read(beginning)
	s.append(d, rest)
	r.grown <- struct{}{}
	read(rest)
	s.append(d, "ends\n")
	s.ends(d, job.Succeeded)
	r.grown <- struct{}{}
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "ends\n" {
		t.Errorf("at its end: %q, %v", text, err)
	}
}
