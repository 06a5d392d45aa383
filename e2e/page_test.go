//go:build browser

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/drover-hpc/drover/internal/web/browsertest"
)

// A fleet of 1,000 with faults, as an administrator has it in a browser: each page, and a
// session followed to its end without anybody reloading anything.
func TestPagesOfAFleetInABrowser(t *testing.T) {
	if os.Getenv("CHROMIUM") == "" {
		t.Skip("needs a Chromium, named by CHROMIUM: make test-browser installs one and runs this")
	}
	c := newSimulation(t, 1000)
	c.configure("site", "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: greet\n      copy: {content: done, dest: /etc/motd}\n"+
		"    - name: mount scratch\n      command: /bin/false\n      when: inventory_hostname == 'x1000c0s2b0n0'\n")
	c.template("one", "site")
	c.patch("/apis/bos/v2/options", `{"default_retry_policy": 1}`)
	for _, n := range []string{"x1000c0s0b0n0", "x1000c0s1b0n0"} {
		c.patch("/apis/drover/v1/sim/nodes/"+n, fmt.Sprintf(`{"faults": {"refuse_power_on": "rail 12V of %s"}}`, n))
	}

	b := browsertest.Open(t, c.url())
	token, err := c.token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.Login("ann", token)
	b.Until(`document.querySelectorAll(".chassis a").length === 1000 && document.getElementById("count-o").innerText.trim() === "1000 off"`)
	session := c.session("one", "boot", "--limit", strings.Join(c.nodes[:8], ","))
	b.Until(fmt.Sprintf(`document.querySelector('a[href="/sessions/bos/%s"]') !== null`, session))
	b.Until(`document.getElementById("count-f")?.innerText.trim() === "3 failed"`)
	b.Until(`document.querySelector("#troubles").innerText.includes("x1000c0s[0-1]b0n0")`)
	b.Until(`document.querySelector("#troubles").innerText.includes("task 'mount scratch' failed")`)
	b.Clean("/")
	b.Shoot("e2e-home")

	session = c.session("one", "reboot", "--limit", strings.Join(c.nodes[:8], ","))
	b.Go("/sessions/bos/" + session)
	b.Until(`document.querySelector("h1 .state").textContent === "complete"`)
	outcome := b.Text("#outcome")
	if !strings.HasSuffix(outcome, ": 5 of 8 nodes succeeded, 3 failed") {
		t.Errorf("the session ended with %q", outcome)
	}
	var failed string
	b.Eval(`document.querySelector("main").innerText`, &failed)
	for _, want := range []string{"rail 12V", "task 'mount scratch' failed", "drover retry " + session} {
		if !strings.Contains(failed, want) {
			t.Errorf("the page of the session lacks %q:\n%s", want, failed)
		}
	}
	var runs struct{ Sessions []struct{ Name string } }
	if c.get("/apis/cfs/v3/sessions", &runs); len(runs.Sessions) == 0 {
		t.Fatal("nothing was configured")
	}
	name := runs.Sessions[0].Name
	for _, path := range []string{"/", "/nodes", "/nodes?stand=failed", "/nodes/x1000c0s0b0n0", "/nodes/x1000c0s5b0n0", "/nodes/x1000c0s5b0n0/console", "/sessions", "/sessions/bos/" + session,
		"/apis/bos/docs", "/apis/cfs/docs", "/apis/smd/hsm/v2/docs", "/apis/power-control/docs", "/apis/capmc/capmc/v1/docs", "/apis/bss/docs", "/apis/ims/docs", "/apis/tapms/docs", "/apis/drover/docs",
		"/?label=" + name, "/?label=" + name + "&host=x1000c0s5b0n0", "/hosts?name=x1000c0s5b0n0", "/configurations"} {
		b.Go(path)
		if n := b.Named(path); n < 5 {
			t.Errorf("%s has %d things to operate", path, n)
		}
		b.Shoot("e2e-" + path)
		b.Clean(path)
	}
	b.Go("/?label=" + name)
	b.Until(`document.getElementById("log").textContent.includes("PLAY [all]")`)
	b.Clean("the log of " + name)
	bootsByThePages(t, b)
}

// bootsByThePages has nodes restarted with the keyboard alone: a plan, the question, and the
// session to its end.
func bootsByThePages(t *testing.T, b *browsertest.Tab) {
	t.Helper()
	press := func(selector string) {
		t.Helper()
		b.Until(fmt.Sprintf("document.querySelector(%q) !== null", selector))
		b.Eval(fmt.Sprintf("document.querySelector(%q).focus(); document.activeElement.textContent", selector), nil)
		b.Press(kb.Enter)
	}
	b.Go("/nodes?filter=x1000c0s3b0n0")
	press(`a.button[href^="/plans/new"]`)
	b.Until(`document.getElementById("nodes")?.value === "x1000c0s3b0n0" && document.getElementById("template").value === "/one"`)
	b.Eval(`document.getElementById("nodes").value = "x1000c0s[3-6]b0n0"; document.querySelector('input[value="reboot"]').focus(); true`, nil)
	b.Press(" ")
	b.Shoot("e2e-wish")
	press("button.deed")
	b.Until(`document.querySelector("h1").textContent === "Reboot 4 nodes?"`)
	for _, scheme := range []string{"light", "dark"} {
		b.Scheme(scheme)
		b.Shoot("e2e-plan-" + scheme)
	}
	b.Named("a plan")
	text := b.Text("main")
	for _, want := range []string{"shutdown, power on", "configuration site configured", "x1000c0s6b0n0"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page of the plan lacks %q:\n%s", want, text)
		}
	}
	press("button.go")
	b.Until(`location.pathname.startsWith("/sessions/bos/") && document.querySelector("h1 .state").textContent === "complete"`)
	if outcome := b.Text("#outcome"); !strings.HasSuffix(outcome, ": all 4 nodes succeeded") {
		t.Errorf("the session ended with %q", outcome)
	}
	b.Clean("a plan and its session")
}
