//go:build browser

// Package browsertest opens pages in a real, headless Chromium, for tests.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds whatever a browser is waited for.
const patience = 2 * time.Minute

// Tab is a page in a browser. What goes wrong in it is noted.
type Tab struct {
	t    *testing.T
	ctx  context.Context
	base string
	host string // of base

	mu      sync.Mutex
	wrong   []string // what its console says of errors
	outside []string // requests to other servers
}

// Open opens a browser, a tab of which shows what base answers. Without CHROMIUM, the
// path of a browser, the test is skipped.
func Open(t *testing.T, base string) *Tab {
	t.Helper()
	program := os.Getenv("CHROMIUM")
	if program == "" {
		t.Skip("needs a Chromium, named by CHROMIUM: make test-browser installs one and runs this")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(program), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("no-proxy-server", true), chromedp.WindowSize(1400, 1000))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocated)
	t.Cleanup(end)
	ctx, cancel := context.WithTimeout(ctx, 10*patience)
	t.Cleanup(cancel)
	at, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	b := &Tab{t: t, ctx: ctx, base: base, host: at.Host}
	chromedp.ListenTarget(ctx, b.note)
	b.do(network.Enable(), runtime.Enable(), log.Enable(), performance.Enable())
	return b
}

// note notes what went wrong.
func (b *Tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			text, _ := json.Marshal(e.Args) //nolint:errcheck // it came as JSON
			b.wrong = append(b.wrong, string(text))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError {
			b.wrong = append(b.wrong, e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "data" && u.Host != b.host {
			b.outside = append(b.outside, e.Request.URL)
		}
	}
}

func (b *Tab) do(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	// The first run starts the browser, which would end with a context of its own.
	if chromedp.FromContext(b.ctx).Target == nil {
		ctx = b.ctx
	}
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// Login opens the first page as somebody who types a name and a password.
func (b *Tab) Login(name, password string) {
	b.t.Helper()
	u, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	u.User = url.UserPassword(name, password)
	b.do(chromedp.Navigate(u.String() + "/"))
}

// Go opens the path.
func (b *Tab) Go(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

// Eval is what the expression is, read into out.
func (b *Tab) Eval(expression string, out any) {
	b.t.Helper()
	b.do(chromedp.Evaluate(expression, out))
}

// Text is the text of the first element of the selector, "" if there is none.
func (b *Tab) Text(selector string) (text string) {
	b.t.Helper()
	b.Eval(fmt.Sprintf(`document.querySelector(%q)?.textContent ?? ""`, selector), &text)
	return text
}

// Until waits until the expression is true.
func (b *Tab) Until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	var err error
	for range pagesMet {
		if err = chromedp.Run(ctx, chromedp.Poll(expression, nil, chromedp.WithPollingTimeout(patience))); err == nil {
			return
		}
	}
	var text string
	b.Eval("document.body.innerText", &text)
	b.t.Fatalf("never %s: %v; the page says\n%s", expression, err, text)
}

// pagesMet is how many pages a wait may meet: who waits on one that another takes the place
// of is told of an error.
const pagesMet = 3

// Press presses a key, as a keyboard does.
func (b *Tab) Press(key string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(key))
}

// Metric is a figure of the browser's own, such as TaskDuration.
func (b *Tab) Metric(name string) (value float64) {
	b.t.Helper()
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		all, err := performance.GetMetrics().Do(ctx)
		for _, m := range all {
			if m.Name == name {
				value = m.Value
			}
		}
		return err
	}))
	return value
}

// Clean wants nothing to have gone wrong so far, and no other server to have been asked.
func (b *Tab) Clean(where string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.wrong) > 0 || len(b.outside) > 0 {
		b.t.Errorf("%s: the console says %q; other servers are asked: %q", where, b.wrong, b.outside)
	}
	b.wrong, b.outside = nil, nil
}

// Wrong is what the console said of errors, which count no more.
func (b *Tab) Wrong() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.wrong
	b.wrong = nil
	return out
}

// operable are the roles of elements that are useless without a name.
var operable = []string{"link", "button", "textbox", "searchbox", "combobox", "checkbox", "radio", "img", "image", "navigation"}

// Named wants a name for each element that can be operated, as assistive technology
// computes it, and says how many there are.
func (b *Tab) Named(where string) (count int) {
	b.t.Helper()
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		tree, err := accessibility.GetFullAXTree().Do(ctx)
		if err != nil {
			return err
		}
		for _, n := range tree {
			role := value(n.Role)
			if n.Ignored || !slices.Contains(operable, role) {
				continue
			}
			count++
			if strings.TrimSpace(value(n.Name)) == "" {
				b.t.Errorf("%s: a %s (%s) has no accessible name", where, role, n.NodeID)
			}
		}
		return nil
	}))
	return count
}

func value(v *accessibility.Value) (text string) {
	if v != nil {
		json.Unmarshal(v.Value, &text) //nolint:errcheck // what is no text has none
	}
	return text
}

// Scheme has the reader prefer light or dark.
func (b *Tab) Scheme(name string) {
	b.t.Helper()
	b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}))
}

// Shoot writes a picture of what is seen to the file, for people; DROVER_SHOTS names
// the folder, without it nothing is written.
func (b *Tab) Shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("DROVER_SHOTS")
	if dir == "" {
		return
	}
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		picture, err := page.CaptureScreenshot().Do(ctx)
		if err != nil {
			return err
		}
		return os.WriteFile(dir+"/"+url.PathEscape(name)+".png", picture, 0o600)
	}))
}
