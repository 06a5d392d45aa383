package web

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/cfs"
)

// sessionView is one session: how it goes, what failed, and its hosts.
type sessionView struct {
	frame
	Session cfs.Session
	Log     cfs.SessionLog
	Wrong   cfs.ResultPage // what ended hosts' runs
	Hosts   []cfs.HostResults
	Total   cfs.HostResults // over all hosts
	Count   int             // of hosts
	Failed  int             // of hosts that did not get through
	Page    int             // of the hosts, from 1
	Next    int             // page; 0: this is the last
	Tasks   matrix
}

// Running has the page look again.
func (v *sessionView) Running() bool { return v.Session.Status.Session.Status != cfs.StageComplete }

// Limit is Ansible's, "" for none.
func (v *sessionView) Limit() string {
	if l := v.Session.Ansible.Limit; l != nil {
		return *l
	}
	return ""
}

// State is the session's in a word.
func (v *sessionView) State() string { return State(v.Session) }

// State is a session's in a word, which is a class of the style too.
func State(s cfs.Session) string {
	run := s.Status.Session
	if run.Status != cfs.StageComplete {
		return string(run.Status)
	}
	switch run.Succeeded {
	case cfs.SucceededTrue:
		return "succeeded"
	case cfs.SucceededFalse:
		return "failed"
	}
	return "unknown"
}

func (h handler) session(ctx context.Context, name string, q url.Values) (*sessionView, error) {
	var err error
	v := &sessionView{frame: h.live("sessions")}
	if v.Session, err = h.of.Results.Session(ctx, name); err != nil {
		return v, err
	}
	if v.Log, err = h.of.Results.Log(ctx, name); err != nil {
		return v, err
	}
	if v.Wrong, err = h.of.Results.Results(ctx, name, cfs.ResultFilter{Statuses: cfs.Fatal}, 0, resultRows); err != nil {
		return v, err
	}
	hosts, err := h.of.Results.HostResults(ctx, name)
	if err != nil {
		return v, err
	}
	slices.SortStableFunc(hosts, func(a, b cfs.HostResults) int { return cmp.Compare(wrong(a), wrong(b)) })
	v.Count = len(hosts)
	for i := range hosts {
		v.Total.Add(hosts[i])
		if hosts[i].Wrong() {
			v.Failed++
		}
	}
	v.Page = max(1, number(q.Get("page")))
	first := min((v.Page-1)*hostRows, len(hosts))
	last := min(first+hostRows, len(hosts))
	if v.Hosts = hosts[first:last]; last < len(hosts) {
		v.Next = v.Page + 1
	}
	switch {
	case v.Running():
		v.Every = runEvery
	default:
		v.Events, v.Every = "", 0
	}
	v.Tasks, err = h.tasks(ctx, name, v.Hosts)
	return v, err
}

// runEvery is how many seconds pass between two looks at a session that runs: of results
// nobody tells.
const runEvery = 3

// count is a cell with a number of results.
type count struct {
	N     int
	Class string
}

// counts are those of a host in the order of the columns.
func counts(h cfs.HostResults) []count {
	return []count{{h.OK, "ok"}, {h.Changed, "changed"}, {h.Skipped, "skipped"}, {h.Ignored, "ignored"}, {h.Rescued, "rescued"},
		{h.Failed, "failed"}, {h.Unreachable, "unreachable"}}
}

// wrong puts hosts first that did not get through.
func wrong(h cfs.HostResults) int {
	if h.Wrong() {
		return 0
	}
	return 1
}

// resultsView is a part of a session's results.
type resultsView struct {
	frame
	Session, Host, Status string
	Results               cfs.ResultPage
	After                 int64 // id of the last, where there are more
}

func (h handler) results(ctx context.Context, session string, q url.Values) (*resultsView, error) {
	v := &resultsView{frame: frame{Section: "sessions"}, Session: session, Host: q.Get("host"), Status: q.Get("status")}
	f, err := cfs.ParseFilter(v.Host, v.Status)
	if err != nil {
		return v, err
	}
	v.Results, err = h.of.Results.Results(ctx, session, f, place(q.Get("after")), resultRows)
	if n := len(v.Results.Results); v.Results.More && n > 0 {
		v.After = v.Results.Results[n-1].ID
	}
	return v, err
}

// place is a result's id, 0 for nothing sensible.
func place(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// hostView are the layers that a host has, with the sessions that applied them.
type hostView struct {
	frame
	Component cfs.Component
}

func (h handler) host(ctx context.Context, name string) (*hostView, error) {
	var err error
	v := &hostView{frame: h.live("sessions")}
	v.Component, err = h.of.Results.Component(ctx, strings.TrimSpace(name))
	return v, err
}
