package cfs_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/job"
)

// records are what the test says that an executor keeps of the one job.
type records struct {
	mu      sync.Mutex
	steps   []cfs.JobStep
	results []cfs.TaskResult
	text    string
	changed chan struct{}
	open    int // logs that nobody closed
}

func (r *records) Results(_ context.Context, _ string, f cfs.ResultFilter, after int64, limit int) (p cfs.ResultPage, _ error) {
	for i := range r.results {
		if one := &r.results[i]; one.ID > after && f.Match(one) {
			if p.More = len(p.Results) == limit; p.More {
				break
			}
			p.Results = append(p.Results, *one)
		}
	}
	return p, nil
}

func (r *records) HostResults(context.Context, string) ([]cfs.HostResults, error) {
	return []cfs.HostResults{{Host: "x1", OK: 2, Failed: 1}}, nil
}

func (r *records) Begun(context.Context, string) (*cfs.Begun, error) {
	return &cfs.Begun{Layer: 1, Play: "compute", Name: "mount scratch"}, nil
}

func (r *records) Held(context.Context, string) (*cfs.Held, error) { return nil, nil }

func (r *records) Steps(context.Context, string) ([]cfs.JobStep, error) { return r.steps, nil }

func (r *records) Log(context.Context, string, string) (cfs.Log, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
	return &recordedLog{records: r}, nil
}

func (r *records) write(text string) {
	r.mu.Lock()
	r.text += text
	r.mu.Unlock()
	r.changed <- struct{}{}
}

type recordedLog struct {
	*records
	read int
}

func (l *recordedLog) Next() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text[l.read:]
	l.read = len(l.text)
	return []byte(text), nil
}

func (l *recordedLog) Changed() <-chan struct{} { return l.changed }

func (l *recordedLog) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

// recording is a fixture with a session "s1" whose executor has the records.
func recording(t *testing.T) (*fixture, *records) {
	f := newFixture(t)
	r := &records{changed: make(chan struct{}, 100)}
	f.service = cfs.NewService(cfs.Config{DB: f.db, Journal: f.journal, Hub: f.hub, Resolver: f.git, Tenants: fakeTenants{}, Records: r})
	f.mux = http.NewServeMux()
	cfs.Register(httpapi.New(f.mux, "/apis/cfs", "CFS", "1"), f.service)
	f.configuration("c", "site")
	f.want(201, "POST", "/v3/sessions", `{"name":"s1","configuration_name":"c"}`)
	return f, r
}

// moves sets the state of the session's job.
func (f *fixture) moves(name string, state cfs.JobState) {
	f.t.Helper()
	run, err := f.service.Run(f.t.Context(), name)
	if err != nil {
		f.t.Fatal(err)
	}
	run.State = state
	if err := f.service.SaveRuns(f.t.Context(), []cfs.Run{run}); err != nil {
		f.t.Fatal(err)
	}
}

func TestSessionLogTellsHowTheJobGoes(t *testing.T) {
	f, r := recording(t)
	if log := f.want(200, "GET", "/v3/sessions/s1/log", "").object(t); log["phase"] != "waiting" || log["name"] != "s1" || fmt.Sprint(log["task"]) != "map[layer:1 name:mount scratch play:compute]" || !strings.HasPrefix(log["job"].(string), "cfs-") {
		t.Errorf("%v", log)
	}
	r.steps = []cfs.JobStep{{Name: "clone", Exit: 0}, {Name: "inventory", Exit: 1}}
	f.moves("s1", cfs.JobState{Phase: job.Failed, Step: "inventory", Message: "no HSM", Started: time.Unix(1, 0), Ended: time.Unix(2, 0)})
	log := f.want(200, "GET", "/v3/sessions/s1/log", "").object(t)
	if log["phase"] != "failed" || log["step"] != "inventory" || log["message"] != "no HSM" || len(log["steps"].([]any)) != 2 ||
		log["layers"].([]any)[0].(map[string]any)["playbook"] != "site.yml" || log["task"] != nil {
		t.Errorf("%v", log)
	}
	f.want(404, "GET", "/v3/sessions/none/log", "")
	f.want(404, "GET", "/v3/sessions/none/log?follow=true", "")
	f.want(400, "GET", "/v3/sessions/s1/log?follow=perhaps", "")
}

func TestLogOfASessionIsFollowedToItsEnd(t *testing.T) {
	f, r := recording(t)
	server := httptest.NewServer(f.mux)
	defer server.Close()
	resp, err := http.Get(server.URL + "/apis/cfs/v3/sessions/s1/log?follow=true&offset=2") // before the job begins
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || kind != "text/plain; charset=utf-8" {
		t.Fatal(resp.Status, kind)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("%q, %v, expected %q", lines.Text(), lines.Err(), want)
		}
	}
	for i := range 3 { // each comes before the next is written
		r.write(fmt.Sprintf("- line %d\n", i))
		want := fmt.Sprintf("- line %d", i)
		if i == 0 {
			want = want[2:] // the offset
		}
		next(want)
		f.moves("s1", cfs.JobState{Phase: job.Running, Step: fmt.Sprint(i)})
	}
	r.mu.Lock()
	r.text += "the end\n"
	r.mu.Unlock()
	f.moves("s1", cfs.JobState{Phase: job.Succeeded})
	next("the end")
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("%q, %v after the end", lines.Text(), lines.Err())
	}
	r.mu.Lock()
	if r.open != 0 {
		t.Errorf("%d logs are still open", r.open)
	}
	r.mu.Unlock()
	r.steps = []cfs.JobStep{{Name: "clone"}}
	if text := f.want(200, "GET", "/v3/sessions/s1/log?follow=false&offset=20", "").text; text != "line 2\nthe end\n" {
		t.Errorf("%q", text)
	}
}

func TestSessionWithoutALogSaysWhy(t *testing.T) {
	f, _ := recording(t)
	f.moves("s1", cfs.JobState{Phase: job.Failed, Message: "the job could not be started"})
	if a := f.want(404, "GET", "/v3/sessions/s1/log?follow=true", ""); !strings.Contains(a.text, "the job could not be started") {
		t.Error(a.text)
	}
	none := newFixture(t)
	none.configuration("c", "site")
	none.want(201, "POST", "/v3/sessions", `{"name":"s1","configuration_name":"c"}`)
	none.want(200, "GET", "/v3/sessions/s1/log", "")
	none.want(404, "GET", "/v3/sessions/s1/results", "")
}

func TestResultsOfASession(t *testing.T) {
	f, r := recording(t)
	for i := range 5 {
		r.results = append(r.results, cfs.TaskResult{ID: int64(10 * (i + 1)), Layer: i % 2, Host: fmt.Sprintf("x%d", i), Status: []cfs.Outcome{"ok", "failed"}[i%2]})
	}
	r.results[3].Message = "why"
	client := cfs.NewClient(httpapi.NewClient("CFS", "http://drover/apis/cfs", httpapi.Local(f.mux)))
	one := 1
	for name, c := range map[string]struct {
		filter cfs.ResultFilter
		after  int64
		limit  int
		want   []int64
		more   bool
	}{
		"all":      {cfs.ResultFilter{}, 0, 100, []int64{10, 20, 30, 40, 50}, false},
		"a page":   {cfs.ResultFilter{}, 10, 2, []int64{20, 30}, true},
		"the last": {cfs.ResultFilter{}, 30, 2, []int64{40, 50}, false},
		"hosts":    {cfs.ResultFilter{Hosts: []string{"x1", "x4"}}, 0, 100, []int64{20, 50}, false},
		"failed":   {cfs.ResultFilter{Statuses: cfs.Fatal}, 0, 100, []int64{20, 40}, false},
		"a layer":  {cfs.ResultFilter{Layer: &one, Hosts: []string{"x3"}}, 0, 100, []int64{40}, false},
	} {
		p, err := client.Results(t.Context(), "s1", c.filter, c.after, c.limit)
		var got []int64
		for _, one := range p.Results {
			got = append(got, one.ID)
		}
		if err != nil || p.More != c.more || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, more %v, %v", name, got, p.More, err)
		}
	}
	if hosts, err := client.HostResults(t.Context(), "s1"); err != nil || len(hosts) != 1 || !hosts[0].Wrong() {
		t.Errorf("%+v, %v", hosts, err)
	}
	if a := f.want(200, "GET", "/v3/sessions/s1/results?host=x3", ""); !strings.Contains(a.text, `"message":"why"`) || !strings.Contains(a.text, `"next":null`) {
		t.Error(a.text)
	}
	f.want(400, "GET", "/v3/sessions/s1/results?status=wrong", "")
	if a := f.want(404, "GET", "/v3/sessions/none/results", ""); !strings.Contains(a.text, "Session 'none' does not exist") {
		t.Error(a.text)
	}
}
