package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/bench/proc"
)

// clients is how many ask at the same time, on connections that they keep.
const clients = 8

// ask gets the URLs, each client its own ones, count times in all, and returns
// how long that took.
func ask(count int, urls []string) (time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	start := time.Now()
	var g errgroup.Group
	for w := range clients {
		g.Go(func() error {
			for i := range count / clients {
				resp, err := client.Get(urls[(w+i*clients)%len(urls)])
				if err != nil {
					return err
				}
				if err := drain(resp); err != nil || resp.StatusCode != http.StatusOK {
					return fmt.Errorf("%s: %s, %w", resp.Request.URL, resp.Status, err)
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return time.Since(start), err
}

// asked is what requests cost who answered them.
type asked struct {
	cpu, took time.Duration
	count     int
}

func (a asked) micros() float64 { return a.cpu.Seconds() * 1e6 / float64(a.count) }
func (a asked) rate() float64   { return float64(a.count) / a.took.Seconds() }

// measureAsked counts the CPU of who answers, which used tells. A tenth of the
// requests fills caches first.
func measureAsked(count int, urls []string, used func() (time.Duration, error)) (a asked, err error) {
	if _, err := ask(count/10, urls); err != nil {
		return a, err
	}
	before, err := used()
	if err != nil {
		return a, err
	}
	a.count = count / clients * clients
	if a.took, err = ask(count, urls); err != nil {
		return a, err
	}
	after, err := used()
	a.cpu = after - before
	return a, err
}

// usedBy is for measureAsked.
func usedBy(p *proc.Process) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		u, err := p.Usage()
		return u.CPU, err
	}
}

// bootScripts measures what boot scripts of distinct MACs cost, against a bare
// handler that answers the same bytes.
func bootScripts(ctx context.Context, b *bench) error {
	const nodes, count = 1000, 40_000
	return b.onEach(ctx, nodes, setup{}, func(l *lab) (row, error) { return l.bootScripts(ctx, count) })
}

func (l *lab) bootScripts(ctx context.Context, count int) (row, error) {
	r := row{name: "bootscripts", build: l.build.name, goal: ">= 40,000 per second, or own over bare <= 2"}
	if err := l.prepare(ctx); err != nil {
		return r, err
	}
	if _, err := l.session(ctx, "boot"); err != nil {
		return r, err
	}
	urls, err := l.scriptURLs()
	if err != nil {
		return r, err
	}
	stop, err := l.profile(r.name)
	if err != nil {
		return r, err
	}
	own, err := measureAsked(count, urls, usedBy(l.server))
	if err != nil {
		return r, err
	}
	if err := stop(); err != nil {
		return r, err
	}
	bare, err := bareAnswers(ctx, urls[0], count)
	if err != nil {
		return r, err
	}
	r.add("own_over_bare", own.micros()/bare.micros())
	r.add("own_cpu_us_per_request", own.micros())
	r.add("bare_cpu_us_per_request", bare.micros())
	r.add("per_second", own.rate())
	r.add("bare_per_second", bare.rate())
	return r, nil
}

// kernelOf is where the boot script at the URL says that the kernel is.
func kernelOf(script string) (string, error) {
	text, err := textAt(script)
	if err != nil {
		return "", err
	}
	const before = "kernel --name kernel "
	_, rest, found := strings.Cut(text, before)
	if !found {
		return "", fmt.Errorf("%s: no line of it begins with %q: %.200s", script, before, text)
	}
	link, _, _ := strings.Cut(rest, " ")
	return link, nil
}

// textAt is what is answered at the URL.
func textAt(at string) (string, error) {
	resp, err := http.Get(at)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// scriptURLs are where the nodes get their boot scripts.
func (l *lab) scriptURLs() ([]string, error) {
	macs, err := l.fleet.macs()
	urls := make([]string, len(macs))
	for i, mac := range macs {
		urls[i] = l.api.Base + "/apis/bss/boot/v1/bootscript?mac=" + url.QueryEscape(mac)
	}
	return urls, err
}

// bareAnswers measures a bare handler that says what is answered at the URL.
func bareAnswers(ctx context.Context, at string, count int) (asked, error) {
	text, err := textAt(at)
	if err != nil {
		return asked{}, err
	}
	var base string
	p, err := startRole(ctx, "bare", struct{}{}, &base)
	if err != nil {
		return asked{}, err
	}
	defer p.Stop()
	if err := p.Ask("say", text, nil); err != nil {
		return asked{}, err
	}
	return measureAsked(count, []string{base + "/said?mac=1"}, usedBy(p))
}

// smallObjects measures GETs of an object of 6 kB by the links of 1,000 nodes'
// boot scripts against nginx, which serves the same bytes of a file to whoever
// asks.
func smallObjects(ctx context.Context, b *bench) error {
	const nodes, count = 1000, 20_000
	object := strings.Repeat("kernel", 1000)
	nginx, err := measureNginx(ctx, object, 5*count)
	if err != nil {
		return err
	}
	return b.onEach(ctx, nodes, setup{}, func(l *lab) (row, error) {
		r := row{name: "s3-small", build: l.build.name, goal: "over nginx <= 2.5"}
		own, err := l.smallObjects(ctx, object, count)
		if err != nil {
			return r, err
		}
		r.add("over_nginx", own.micros()/nginx.micros())
		r.add("own_cpu_us_per_request", own.micros())
		r.add("nginx_cpu_us_per_request", nginx.micros())
		r.add("per_second", own.rate())
		return r, nil
	})
}

// smallObjects asks for the object, as the kernel of nodes, by their links.
func (l *lab) smallObjects(ctx context.Context, object string, count int) (asked, error) {
	if err := l.prepare(ctx); err != nil {
		return asked{}, err
	}
	if _, err := l.session(ctx, "boot"); err != nil {
		return asked{}, err
	}
	objects, err := l.objects(ctx)
	if err != nil {
		return asked{}, err
	}
	if _, err := objects.Put(ctx, imageBase+"/kernel", strings.NewReader(object), int64(len(object)), ""); err != nil {
		return asked{}, err
	}
	scripts, err := l.scriptURLs()
	if err != nil {
		return asked{}, err
	}
	urls := make([]string, len(scripts))
	for i, at := range scripts {
		if urls[i], err = kernelOf(at); err != nil {
			return asked{}, err
		}
	}
	stop, err := l.profile("s3-small")
	if err != nil {
		return asked{}, err
	}
	a, err := measureAsked(count, urls, usedBy(l.server))
	if err != nil {
		return a, err
	}
	return a, stop()
}

const nginxConfig = `daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log; user %[3]s;
events { worker_connections 256; }
http { access_log off; sendfile on; keepalive_requests 1000000; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  server { listen %[2]s; root %[1]s/root; } }
`

func measureNginx(ctx context.Context, object string, count int) (a asked, err error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return a, fmt.Errorf("nginx is not installed; scripts/need.sh nginx: %w", err)
		}
	}
	dir, err := os.MkdirTemp("", "drover-bench-")
	if err != nil {
		return a, err
	}
	defer os.RemoveAll(dir)
	address, err := freeAddress()
	if err != nil {
		return a, err
	}
	user := "root"
	for name, text := range map[string]string{"nginx.conf": fmt.Sprintf(nginxConfig, dir, address, user), "root/kernel": object} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return a, err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return a, err
		}
	}
	cmd := exec.CommandContext(ctx, program, "-e", filepath.Join(dir, "error.log"), "-c", filepath.Join(dir, "nginx.conf"))
	var failure strings.Builder
	cmd.Stderr = &failure
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		return a, err
	}
	defer func() {
		cmd.Process.Signal(os.Interrupt) //nolint:errcheck // it may have ended
		cmd.Wait()                       //nolint:errcheck // the same
	}()
	at := "http://" + address + "/kernel"
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get(at); err == nil {
			resp.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			return a, fmt.Errorf("nginx does not answer: %s", failure.String())
		}
	}
	return measureAsked(count, []string{at}, func() (time.Duration, error) { return familyCPU(cmd.Process.Pid) })
}
