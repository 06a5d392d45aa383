package audit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func open(t *testing.T) (*store.DB, *audit.Log) {
	t.Helper()
	db, err := store.Open(t.Context(), storetest.SQLite(t), nil)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db, audit.New(db, clock)
}

// called has the log serve a request that a handler answers.
func called(l *audit.Log, who *auth.Identity, method, path, body string, handler http.HandlerFunc) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "10.1.2.3:4567"
	r.Header.Set("X-Request-Id", "r1")
	w := httptest.NewRecorder()
	l.Serve(w, r, auth.Boot, who, handler)
	return w
}

func reads(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // in memory
		w.WriteHeader(status)
		io.WriteString(w, "answer")
	}
}

func TestACallBecomesARecord(t *testing.T) {
	job := &auth.Identity{Name: "agent a1", Role: auth.Job, Kind: auth.Agent, ID: "a1"}
	var ids []string
	for s := range 8 {
		for n := range 2 {
			ids = append(ids, fmt.Sprintf(`{"id":"x1000c0s%db0n%d","enabled":true}`, s, n))
		}
	}
	for name, c := range map[string]struct {
		who                *auth.Identity
		method, path, body string
		handler            http.HandlerFunc
		want               audit.Record
	}{
		"nodes of a body, folded": {ada, "PATCH", "/apis/bos/v2/components", "[" + strings.Join(ids, ",") + "]", reads(200),
			audit.Record{Nodes: "x1000c0s[0-7]b0n[0-1]", NodeCount: 16, Status: 200, Outcome: audit.Done}},
		"nodes of path and query": {ada, "DELETE", "/x/X1000c0s0b0n0/y?ids=x1000c0s1b0n0,no,x1000c0s02b0n0", "", reads(204),
			audit.Record{Nodes: "x1000c0s[0-2]b0n0", NodeCount: 3, Status: 204, Outcome: audit.Done}},
		"nodes that are written otherwise": {ada, "PATCH", "/x?ids=%78%31c0s0b0n0", `{"id":"\u00781000c0s0b0n\u0030","other":"\u0058\u0031c0s1b0n0\nx1c0s2b0n0\\","none":"\u0178"}`, reads(200),
			audit.Record{Nodes: "x1c0s[0-2]b0n0,x1000c0s0b0n0", NodeCount: 4, Status: 200, Outcome: audit.Done}},
		"architectures are no cabinets": {ada, "POST", "/x?arch=x86_64", `{"arch":"X86","other":"x86_64","names":["x86"]}`, reads(201),
			audit.Record{Nodes: "x86", NodeCount: 1, Status: 201, Outcome: audit.Done}},
		"nor alone":           {ada, "POST", "/x", `{"arch":"X86","other":"x86_64"}`, reads(201), audit.Record{Status: 201, Outcome: audit.Done}},
		"session of the path": {ada, "DELETE", "/apis/bos/v2/sessions/s1", "", reads(204), audit.Record{Session: "s1", Status: 204, Outcome: audit.Done}},
		"what the service tells": {ada, "POST", "/apis/bos/v2/sessions", "{}", func(w http.ResponseWriter, r *http.Request) {
			audit.Tell(r.Context(), audit.About{What: "boot", Session: "made", Nodes: []string{"x1c0s0b0n0"}})
			reads(201)(w, r)
		}, audit.Record{What: "boot", Session: "made", Nodes: "x1c0s0b0n0", NodeCount: 1, Status: 201, Outcome: audit.Done}},
		"refused":              {ada, "POST", "/a", "{}", reads(409), audit.Record{Status: 409, Outcome: audit.Invalid}},
		"failed":               {job, "POST", "/a", "{}", reads(500), audit.Record{Status: 500, Outcome: audit.Failed}},
		"nothing said":         {nil, "POST", "/a", "{}", func(http.ResponseWriter, *http.Request) {}, audit.Record{Status: 200, Outcome: audit.Done}},
		"written without head": {ada, "POST", "/a", "{}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }, audit.Record{Status: 200, Outcome: audit.Done}},
		"broken off":           {ada, "POST", "/a", "{}", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, audit.Record{Outcome: audit.Failed, Why: "broken off"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, l := open(t)
			func() {
				defer func() { _ = recover() }()
				called(l, c.who, c.method, c.path, c.body, c.handler)
			}()
			got := newest(t, l, audit.Filter{})
			want := c.want
			want.Number, want.Time, want.From, want.Method, want.Path, want.Right, want.Request = 1, clock(), "10.1.2.3", c.method, c.path, auth.Boot, "r1"
			switch c.who {
			case ada:
				want.Who = audit.Who{Name: "ada", Role: auth.Administrator, ID: "t1"}
			case job:
				want.Who = audit.Who{Name: "agent a1", Role: auth.Job, ID: "a1"}
			}
			if len(got) != 1 || got[0] != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// The record is there before the answer is: who is answered can rely on it, and a
// server that ends in between has answered nobody.
func TestTheRecordIsThereBeforeTheAnswer(t *testing.T) {
	_, l := open(t)
	w := &watched{ResponseRecorder: httptest.NewRecorder(), begun: func() {
		if list := newest(t, l, audit.Filter{}); len(list) != 1 || list[0].Status != 202 {
			t.Errorf("when the answer begins there is %+v", list)
		}
	}}
	l.Serve(w, httptest.NewRequest("POST", "/a", nil), auth.Boot, ada, reads(202))
	if w.Code != 202 || w.Body.String() != "answer" {
		t.Errorf("answered %d %q", w.Code, w.Body)
	}
}

type watched struct {
	*httptest.ResponseRecorder
	begun func()
}

func (w *watched) WriteHeader(status int) { w.begun(); w.ResponseRecorder.WriteHeader(status) }

// What cannot be recorded is not said to be done; from then on nothing is begun,
// until the log can be written: then it has what is owed, too.
func TestWritesAreRefusedWhileTheLogCannotBeWritten(t *testing.T) {
	url := storetest.Postgres(t)
	db, err := store.Open(t.Context(), url, nil)
	must(t, err)
	defer db.Close()
	var trouble error
	db.Guard(func(context.Context) error { return trouble })
	l := audit.New(db, clock)
	trouble = errors.New("disk full")
	w := called(l, ada, "POST", "/first", "{}", reads(201))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "disk full") || strings.Contains(w.Body.String(), "answer") {
		t.Errorf("the first: %d %s", w.Code, w.Body)
	}
	w = called(l, ada, "POST", "/second", "{}", func(http.ResponseWriter, *http.Request) { t.Error("the second was begun") })
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("the second: %d %s", w.Code, w.Body)
	}
	trouble = nil
	if w = called(l, ada, "POST", "/third", "{}", reads(201)); w.Code != 201 {
		t.Errorf("the third: %d %s", w.Code, w.Body)
	}
	list := newest(t, l, audit.Filter{})
	if len(list) != 2 || list[0].Path != "/third" || list[1].Path != "/first" || !strings.Contains(list[1].Why, "answered with 503") {
		t.Errorf("records %+v", list)
	}
	wantWhole(t, l, 2)
}

func deny(l *audit.Log, from, path string, who *auth.Identity) {
	r := httptest.NewRequest("PATCH", path, nil)
	r.RemoteAddr = from + ":1"
	l.Denied(r, auth.Boot, who, fault.New(fault.Forbidden, "this takes the right boot"))
}

func TestEqualDenialsAreCountedAsOne(t *testing.T) {
	_, l := open(t)
	l.NodeAt = func(_ context.Context, address string) string {
		return map[string]string{"10.9.0.1": "x1000c0s0b0n0"}[address]
	}
	for range 1000 {
		deny(l, "10.9.0.1", "/apis/bos/v2/components/x1000c0s1b0n0", nil)
	}
	deny(l, "10.9.0.2", "/apis/bos/v2/components/x1000c0s1b0n0", ada)
	l.Flush()
	deny(l, "10.9.0.2", "/apis/bos/v2/components/x1000c0s1b0n0", ada)
	l.Flush()
	list := newest(t, l, audit.Filter{})
	if len(list) != 4 {
		t.Fatalf("%d records: %+v", len(list), list)
	}
	first, rest := list[3], list[1]
	if first.Who.Name != "x1000c0s0b0n0" || first.Who.Role != auth.Node || first.Status != 403 || first.Nodes != "x1000c0s1b0n0" || first.Count != 0 || first.Outcome != audit.Denied {
		t.Errorf("the first: %+v", first)
	}
	if rest.Count != 999 || rest.Until == nil || rest.Who != first.Who || rest.Why != "this takes the right boot" {
		t.Errorf("the others: %+v", rest)
	}
	if got := newest(t, l, audit.Filter{Node: "x1000c0s0b0n0"}); len(got) != 2 {
		t.Errorf("of the node that asked: %+v", got)
	}
}

// Whoever asks for what: a while leaves some hundred records.
func TestAFloodOfDenialsIsBounded(t *testing.T) {
	_, l := open(t)
	for caller := range 300 {
		for path := range 100 {
			deny(l, fmt.Sprintf("10.9.%d.%d", caller/200, caller%200), fmt.Sprintf("/%d", path), nil)
		}
	}
	l.Flush()
	list := newest(t, l, audit.Filter{})
	total := 0
	for _, r := range list {
		total += max(1, r.Count)
	}
	if len(list) > 300 || total != 300*100 {
		t.Errorf("%d records that stand for %d denials", len(list), total)
	}
}

// What is refused last is written when the server ends.
func TestRunWritesTheRestAtItsEnd(t *testing.T) {
	_, l := open(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(ctx) }()
	for range 3 {
		deny(l, "10.9.0.1", "/a", nil)
	}
	stop()
	<-ended
	if list := newest(t, l, audit.Filter{}); len(list) != 2 || list[0].Count != 2 {
		t.Errorf("records %+v", list)
	}
}

func TestRecordsAreBounded(t *testing.T) {
	_, l := open(t)
	var body strings.Builder
	for n := range 60_000 { // in no order that folds
		fmt.Fprintf(&body, `"x%dc%ds%db%dn%d",`, 1+n*7919%9000, n%8, n*31%64, n%3, n*17%4)
	}
	called(l, &auth.Identity{Name: strings.Repeat("é", 500)}, "POST", "/a/"+strings.Repeat("y", 5000), body.String(), reads(200))
	r := newest(t, l, audit.Filter{})[0]
	if len(r.Path) > 310 || len(r.Who.Name) > 310 || len(r.Nodes) > 4000 || r.NodeCount == 0 || r.NodeCount+r.Unnamed < 50_000 {
		t.Errorf("path %d, name %d, nodes %d bytes; %d named, %d not", len(r.Path), len(r.Who.Name), len(r.Nodes), r.NodeCount, r.Unnamed)
	}
	if got := newest(t, l, audit.Filter{Node: "x5c0s0b0n0"}); len(got) != 1 {
		t.Error("a record that may be about a node is not found by it")
	}
}

func BenchmarkAppend(b *testing.B) {
	db, err := store.Open(b.Context(), storetest.SQLite(b), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	l := audit.New(db, time.Now)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := l.Append(b.Context(), audit.Record{Path: "/apis/bos/v2/components", Nodes: "x1000c0s[0-7]b0n[0-1]", Outcome: audit.Done}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
