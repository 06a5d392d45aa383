package simulate

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/sim"
)

// Way is how the services are reached.
type Way struct {
	// Gateway is the base URL under which they live at /apis/...
	Gateway string
	// HSM, BSS, BOS and CFS are the URLs of those that do not.
	HSM, BSS, BOS, CFS string
	// S3 is where the object store is dialled, HOST:PORT, whatever host the boot
	// scripts name; empty: where they say.
	S3 string
	// Token is a file with the bearer token for the services; it is read again
	// and again, for tokens expire. Empty: none is sent.
	Token string
	// Insecure takes any certificate.
	Insecure bool
	// Without names services that nodes do not report to: bos, cfs.
	Without []string
	// AtOnce is how many nodes do something at the same moment, each on a
	// connection of its own; 0 is sim.AtOnce.
	AtOnce int
}

// The paths by which nodes know the services.
const (
	hsmPath = "/apis/smd/hsm/v2"
	bssPath = "/apis/bss"
	bosPath = "/apis/bos"
	cfsPath = "/apis/cfs"
)

func (w *Way) check() error {
	w.Gateway = strings.TrimRight(w.Gateway, "/")
	for flag, text := range map[string]string{"gateway": w.Gateway, "hsm-url": w.HSM, "bss-url": w.BSS, "bos-url": w.BOS, "cfs-url": w.CFS} {
		u, err := url.Parse(text)
		if (text != "" || flag == "gateway") && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			return fault.New(fault.Invalid, "%s: expected a URL such as http://127.0.0.1:8080, got %q", flag, text)
		}
	}
	if _, _, err := net.SplitHostPort(w.S3); w.S3 != "" && err != nil {
		return fault.New(fault.Invalid, "s3: expected HOST:PORT, got %q", w.S3)
	}
	for _, name := range w.Without {
		if name != "bos" && name != "cfs" {
			return fault.New(fault.Invalid, "without: expected bos or cfs, got %q", name)
		}
	}
	return nil
}

// Client makes calls in this way.
func (w *Way) Client() (*http.Client, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	t, err := w.transport(time.Now)
	return &http.Client{Transport: t}, err
}

// transport makes the nodes' calls.
func (w *Way) transport(now func() time.Time) (http.RoundTripper, error) {
	gateway, err := url.Parse(w.Gateway)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{MaxIdleConnsPerHost: cmp.Or(w.AtOnce, sim.AtOnce)}
	if w.Insecure {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for
	}
	d := &door{next: t, hosts: map[string]bool{gateway.Host: true}, token: token{file: w.Token, now: now}}
	for prefix, text := range map[string]string{hsmPath: w.HSM, bssPath: w.BSS, bosPath: w.BOS, cfsPath: w.CFS} {
		if text == "" {
			continue
		}
		u, err := url.Parse(strings.TrimRight(text, "/"))
		if err != nil {
			return nil, err
		}
		d.moved = append(d.moved, moved{prefix, u})
		d.hosts[u.Host] = true
	}
	if w.S3 != "" {
		t.DialContext = w.dial(d.hosts)
	}
	if w.S3 == "" && w.Token == "" && len(d.moved) == 0 {
		return t, nil
	}
	_, err = d.token.get()
	return d, err
}

// dial finds the object store where it is.
func (w *Way) dial(services map[string]bool) func(context.Context, string, string) (net.Conn, error) {
	own := map[string]bool{}
	for host := range services {
		own[host], own[host+":80"], own[host+":443"] = true, true, true
	}
	var dialer net.Dialer
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if !own[address] {
			address = w.S3
		}
		return dialer.DialContext(ctx, network, address)
	}
}

// door sends what is for a service where it is, with the token.
type door struct {
	next  http.RoundTripper
	hosts map[string]bool
	moved []moved
	token token
}

// moved is a service that is elsewhere.
type moved struct {
	prefix string
	to     *url.URL
}

func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	if !d.hosts[r.URL.Host] {
		return d.next.RoundTrip(r)
	}
	bearer, err := d.token.get()
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	for _, m := range d.moved {
		if rest, is := strings.CutPrefix(r.URL.EscapedPath(), m.prefix+"/"); is {
			to := m.to.JoinPath(rest)
			to.RawQuery = r.URL.RawQuery
			r.URL, r.Host = to, to.Host
			break
		}
	}
	return d.next.RoundTrip(r)
}

// tokenAge is how old a token gets before the file is read again.
const tokenAge = 10 * time.Second

type token struct {
	file string
	now  func() time.Time

	mu   sync.Mutex
	text string
	read time.Time
}

func (t *token) get() (string, error) {
	if t.file == "" {
		return "", nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); now.Sub(t.read) > tokenAge {
		text, err := os.ReadFile(t.file)
		if err != nil && t.text == "" {
			return "", fault.New(fault.Invalid, "token: %w", err)
		}
		t.text, t.read = cmp.Or(strings.TrimSpace(string(text)), t.text), now
	}
	if t.text == "" {
		return "", fmt.Errorf("token: %s is empty", t.file)
	}
	return t.text, nil
}
