//go:build browser

package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/web/browsertest"
)

// stage serves the pages of a site whose nodes the test changes, and tells browsers of it.
type stage struct {
	*httptest.Server
	mu    sync.Mutex
	nodes []roster.Node
	tell  map[chan struct{}]bool
	down  bool
	busy  atomic.Int64  // so many logs are refused
	logs  atomic.Int64  // that are followed
	turns chan struct{} // one begins or ends to be followed
}

func newStage(t *testing.T, nodes int) *stage {
	s := &stage{tell: map[chan struct{}]bool{}, turns: make(chan struct{}, 1)}
	for i := range nodes {
		s.nodes = append(s.nodes, roster.Node{Xname: fmt.Sprintf("x%dc%ds%db0n0", 1000+i/64, i/8%8, i%8), Power: "on", State: "Ready", Status: "stable", Configuration: "site", ConfigStatus: "configured"})
	}
	of := deedSite()
	src := sources(of)
	src.Look = func(context.Context) (*roster.Answer, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return &roster.Answer{Time: time.Now(), Nodes: append([]roster.Node(nil), s.nodes...)}, nil
	}
	mux := http.NewServeMux()
	Register(mux, src)
	mux.HandleFunc("GET "+src.Events, s.events)
	mux.HandleFunc("GET /apis/drover/v1/sessions/b1/events", s.events)
	mux.HandleFunc("GET /apis/cfs/v3/sessions/s1/log", s.log)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.isDown() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return s
}

func (s *stage) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

// events is a stream that ends with the test's connection.
func (s *stage) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	c := make(chan struct{}, 1)
	s.mu.Lock()
	s.tell[c] = true
	s.mu.Unlock()
	for {
		fmt.Fprint(w, "data: {}\n\n")
		http.NewResponseController(w).Flush() //nolint:errcheck // the browser is gone
		select {
		case <-r.Context().Done():
			return
		case <-c:
		}
	}
}

// log is one that goes on as long as somebody reads it.
func (s *stage) log(w http.ResponseWriter, r *http.Request) {
	if s.busy.Add(-1) >= 0 {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	s.follow(1)
	defer s.follow(-1)
	fmt.Fprintln(w, "PLAY [all]")
	http.NewResponseController(w).Flush() //nolint:errcheck // the browser is gone
	<-r.Context().Done()
}

func (s *stage) follow(more int64) {
	s.logs.Add(more)
	select {
	case s.turns <- struct{}{}:
	default:
	}
}

// followed waits until so many logs are followed.
func (s *stage) followed(t *testing.T, want int64) {
	t.Helper()
	for s.logs.Load() != want {
		select {
		case <-s.turns:
		case <-time.After(time.Minute):
			t.Fatalf("%d logs are followed, not %d", s.logs.Load(), want)
		}
	}
}

// change changes nodes and tells who listens.
func (s *stage) change(do func(nodes []roster.Node)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do(s.nodes)
	for c := range s.tell {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// settle waits until the page has been asked for after the first event.
func settle(b *browsertest.Tab) {
	b.Until(`performance.getEntriesByType("resource").some(e => e.name.includes("names="))`)
}

func TestBrowserPatchesWhatChangedAndKeepsTheFocus(t *testing.T) {
	s := newStage(t, 130)
	b := browsertest.Open(t, s.URL)
	b.Go("/")
	settle(b)
	b.Eval(`window.before = [...document.querySelectorAll(".chassis a")]; before[0].focus(); true`, nil)
	for _, key := range []string{kb.ArrowRight, kb.ArrowDown} {
		b.Press(key)
	}
	const at = "x1000c1s1b0n0"
	if got := b.Text("#pointed"); got != at+" stable" {
		t.Errorf("the arrow keys led to %q", got)
	}
	s.change(func(nodes []roster.Node) {
		nodes[9].Status, nodes[9].Error = "failed", "no power"
		nodes[129].Status = "power_on_called"
	})
	b.Until(`document.getElementById("count-f")?.innerText.trim() === "1 failed" && document.querySelector(".rack .wrong").textContent === "1 failed"`)
	for expression, want := range map[string]string{
		`document.activeElement.getAttribute("aria-label")`:                                                                    at + " failed",
		`document.activeElement.className`:                                                                                     "f",
		`getComputedStyle(document.activeElement, "::before").content`:                                                         `"✕"`,
		`document.querySelector("#troubles td a").getAttribute("href")`:                                                        "/nodes/" + at,
		`String([...document.querySelectorAll(".chassis a")].every((a, i) => a === before[i]))`:                                "true",
		`String(document.querySelectorAll('.chassis a[tabindex="0"]').length)`:                                                 "1",
		`document.querySelector('a[href="/nodes/x1002c0s1b0n0"]').getAttribute("aria-label")`:                                  "x1002c0s1b0n0 moving",
		`String(performance.getEntriesByType("resource").filter(e => e.name.includes("names=")).pop().decodedBodySize < 8000)`: "true",
	} {
		var got string
		if b.Eval(expression, &got); got != want {
			t.Errorf("%s is %q, want %q", expression, got, want)
		}
	}
	b.Press(kb.Enter)
	b.Until(`location.pathname === "/nodes/` + at + `"`)
	b.Clean("/")
}

// What is patched keeps what the reader did to it.
func TestBrowserPatchesByKey(t *testing.T) {
	b := browsertest.Open(t, newStage(t, 1).URL)
	b.Go("/configurations")
	b.Eval(`import("/assets/patch.js").then(m => {
		window.page = html => new DOMParser().parseFromString("<main>" + html + "</main>", "text/html").querySelector("main");
		window.tried = (before, after, act) => {
			const old = page(before), was = new Map([...old.children].map(e => [e.id, e]));
			act?.(old);
			m.patch(old, page(after));
			return [old.innerHTML, [...old.children].filter(e => was.get(e.id) === e).map(e => e.id || e.nodeName).join(" ")];
		};
	}); true`, nil)
	b.Until(`window.tried !== undefined`)
	for _, c := range []struct{ before, after, act, want, kept string }{
		{`<p id="a">1</p><p id="b">2</p>`, `<p id="b">2</p><p id="c">3</p><p id="a">4</p>`, "null", `<p id="b">2</p><p id="c">3</p><p id="a">4</p>`, "b a"},
		{`<p class="x" title="t">1 <b>two</b></p>`, `<p class="y">1 <i>three</i> four</p>`, "null", `<p class="y">1 <i>three</i> four</p>`, "P"},
		{`<details id="d"><summary>s</summary>1</details>`, `<details id="d"><summary>s</summary>2</details>`, `o => o.firstChild.open = true`, `<details id="d" open=""><summary>s</summary>2</details>`, "d"},
		{`<p data-key="k">1</p>`, `<p data-key="k">1</p><p data-key="k">2</p>`, "null", `<p data-key="k">1</p><p data-key="k">2</p>`, "P"},
		{`<p data-key="k">1</p><p data-key="k">2</p>`, `<p data-key="k">3</p>`, "null", `<p data-key="k">3</p>`, "P"},
		{`<pre id="l" data-own data-x="1">log</pre>`, `<pre id="l" data-own data-x="2"></pre>`, "null", `<pre id="l" data-own="" data-x="2">log</pre>`, "l"},
	} {
		var got []string
		b.Eval(fmt.Sprintf("tried(%q, %q, %s)", c.before, c.after, c.act), &got)
		if len(got) != 2 || got[0] != c.want || got[1] != c.kept {
			t.Errorf("%s to %s: %q", c.before, c.after, got)
		}
	}
	b.Clean("patches")
}

func TestBrowserTakesNodesThatComeAndGo(t *testing.T) {
	s := newStage(t, 10)
	b := browsertest.Open(t, s.URL)
	b.Go("/")
	settle(b)
	s.change(func([]roster.Node) { s.nodes = s.nodes[5:] })
	b.Until(`document.querySelectorAll(".chassis a").length === 5 && document.querySelector("#counts").innerText.trim() === "5 stable"`)
	five := s.nodes
	s.change(func([]roster.Node) { s.nodes = nil })
	b.Until(`document.querySelectorAll(".chassis a").length === 0 && document.querySelector("#counts").innerText.trim() === "No nodes."`)
	s.change(func([]roster.Node) { s.nodes = five })
	b.Until(`document.querySelectorAll(".chassis a").length === 5 && document.querySelector("#counts").innerText.trim() === "5 stable"`)
	s.change(func(nodes []roster.Node) { nodes[4].Status = "failed" })
	b.Until(`document.querySelectorAll(".chassis a")[4].className === "f"`)
	b.Clean("/")
}

// A log is not followed while nobody sees the page, and is asked for again after the
// server had no time for it.
func TestBrowserFollowsALogWhileItIsSeen(t *testing.T) {
	s := newStage(t, 1)
	s.busy.Store(1)
	b := browsertest.Open(t, s.URL)
	b.Go("/?label=s1")
	b.Until(`document.getElementById("log").textContent === "PLAY [all]\n"`)
	if n := s.logs.Load(); n != 1 {
		t.Fatalf("%d connections", n)
	}
	hide := func(hidden bool) {
		b.Eval(fmt.Sprintf(`Object.defineProperty(document, "hidden", {value: %t, configurable: true}); document.dispatchEvent(new Event("visibilitychange")); true`, hidden), nil)
	}
	hide(true)
	s.followed(t, 0)
	hide(false)
	s.followed(t, 1)
	b.Until(`document.getElementById("log").textContent === "PLAY [all]\n"`)
	b.Wrong() // that the server was busy
}

// A server that is away is told of, with how old the page is; when it is back the page
// goes on by itself.
func TestBrowserTellsThatTheServerIsAway(t *testing.T) {
	s := newStage(t, 10)
	b := browsertest.Open(t, s.URL)
	b.Go("/")
	settle(b)
	b.Clean("/")
	s.mu.Lock()
	s.down = true
	s.mu.Unlock()
	s.CloseClientConnections()
	b.Until(`/^[1-9][0-9]* s old$/.test(document.getElementById("old").textContent) && document.getElementById("lost").textContent.endsWith(", trying again")`)
	s.mu.Lock()
	s.down = false
	s.nodes[3].Status = "failed"
	s.mu.Unlock()
	b.Until(`document.getElementById("lost").textContent === "" && document.getElementById("count-f") !== null`)
	for _, text := range b.Wrong() { // of the browser, about the time that the server was away
		if !strings.Contains(text, "Failed to load resource") && !strings.Contains(text, "EventSource") {
			t.Error(text)
		}
	}
	s.change(func(nodes []roster.Node) { nodes[4].Status = "failed" })
	b.Until(`document.getElementById("count-f").innerText.trim() === "2 failed"`)
	b.Clean("/ after the server was away")
}

func TestBrowserFindsAllPagesNamed(t *testing.T) {
	s := newStage(t, 10)
	b := browsertest.Open(t, s.URL)
	for _, scheme := range []string{"light", "dark"} {
		b.Scheme(scheme)
		for i, path := range append(slices.Clone(everyPage), "/plans/new?nodes=x1000c0s1b0n0", "/plans/p1", "/sessions/bos/b1/cancel") {
			b.Go(path)
			if n := b.Named(path); n < 5 {
				t.Errorf("%s: %d things to operate", path, n)
			}
			b.Shoot(fmt.Sprintf("%02d-%s", i, scheme))
		}
	}
	b.Clean("all pages")
}

// What a page of 10,000 nodes costs the browser. The figures of docs/performance.md are
// of this test; the bounds are wide, for machines that have much else to do.
func TestBrowserWithTenThousandNodes(t *testing.T) {
	s := newStage(t, 10_000)
	b := browsertest.Open(t, s.URL)
	for range 3 {
		b.Go("/")
		settle(b)
		var paint, parsed, complete float64
		b.Until(`performance.getEntriesByName("first-contentful-paint").length === 1`)
		b.Eval(`performance.getEntriesByName("first-contentful-paint")[0].startTime`, &paint)
		b.Eval(`performance.getEntriesByType("navigation")[0].domInteractive`, &parsed)
		b.Eval(`performance.getEntriesByType("navigation")[0].loadEventEnd`, &complete)
		t.Logf("10,000 nodes: first paint %.0f ms, all read %.0f ms, all loaded %.0f ms after it was asked for", paint, parsed, complete)
		if paint > 10_000 {
			t.Errorf("the first paint takes %.0f ms", paint)
		}
	}
	const changed = 500
	for i, status := range []string{"failed", "configuring", "stable"} {
		before, script := b.Metric("TaskDuration"), b.Metric("ScriptDuration")
		s.change(func(nodes []roster.Node) {
			for k := range changed {
				nodes[k*20].Status = status
			}
		})
		want := []string{"f", "c", "s"}[i]
		b.Until(fmt.Sprintf(`document.querySelector(".chassis a").className === %q`, want))
		var n int
		if b.Eval(fmt.Sprintf(`document.querySelectorAll(".chassis a.%s").length`, want), &n); n != changed && n != 10_000 {
			t.Errorf("%d nodes changed, want %d", n, changed)
		}
		took := 1000 * (b.Metric("TaskDuration") - before)
		t.Logf("%d nodes become %s: %.0f ms of the browser's processor, %.0f ms of them scripts", changed, status, took, 1000*(b.Metric("ScriptDuration")-script))
		if took > 2000 {
			t.Errorf("an update takes %.0f ms", took)
		}
	}
	b.Clean("/")
}
