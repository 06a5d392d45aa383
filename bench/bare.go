package main

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/bench/proc"
	"github.com/drover-hpc/drover/internal/bmc"
)

// The bare program is the floor: it has the exchanges that a reboot with
// configuration has, with the same fleet, and does nothing else. It is frozen,
// whatever Drover saves: of each node 8 requests in (boot script of 1.1 kB, meta-data, PATCH to
// BOS with an answer of 1.1 kB, PATCH to CFS, 2 PATCHes to HSM, 2 GETs of S3 of
// 6 kB); 6 to its BMC (4 GETs, 2 POSTs) on 2 connections.
const (
	bareScript   = 1100
	bareReport   = 1100
	bareArtifact = 6000
	bareRequests = 8
)

// bare answers nodes and drives BMCs.
type bare struct {
	url      string
	bmcs     []bmc.Account
	client   *http.Client
	answered atomic.Int64
	etag     string
	artifact []byte
	report   []byte
	said     string // what "say" gave; set before anybody asks
}

// bareRole is the process.
func bareRole() {
	quiet()
	child, err := proc.NewChild(&struct{}{})
	if err != nil {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		child.Fail(err)
		os.Exit(1)
	}
	b := newBare("http://" + l.Addr().String())
	go http.Serve(l, b.handler()) //nolint:errcheck,gosec // it serves until the process ends
	child.Answer(b.url, map[string]proc.Operation{
		"bmcs": func(arg json.RawMessage) (any, error) { return nil, json.Unmarshal(arg, &b.bmcs) },
		"say":  func(arg json.RawMessage) (any, error) { return nil, json.Unmarshal(arg, &b.said) },
		"boot": func(json.RawMessage) (any, error) {
			return nil, b.whole(func() error { return b.drive("On") })
		},
		"reboot": func(json.RawMessage) (any, error) {
			return nil, b.whole(func() error { return errors.Join(b.drive("GracefulShutdown"), b.drive("On")) })
		},
	})
}

func newBare(url string) *bare {
	artifact := bytes.Repeat([]byte("k"), bareArtifact)
	sum := md5.Sum(artifact) //nolint:gosec // see above
	return &bare{url: url, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}, artifact: artifact,
		etag: `"` + hex.EncodeToString(sum[:]) + `"`, report: []byte(`{"error":"` + strings.Repeat("r", bareReport-12) + `"}`)}
}

func (b *bare) handler() http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern, kind string, text []byte) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) //nolint:errcheck // a node that breaks off asks again
			w.Header().Set("Content-Type", kind)
			w.Write(text) //nolint:errcheck // the same
			b.answered.Add(1)
		})
	}
	answer("GET /apis/bss/meta-data", "application/json", []byte(`"ssh-ed25519 `+strings.Repeat("A", 68)+`"`))
	answer("PATCH /apis/bos/v2/components/{id}", "application/json", b.report)
	answer("PATCH /apis/cfs/v3/components/{id}", "application/json", b.report[:bareReport/2])
	answer("PATCH /apis/smd/hsm/v2/State/Components/{id}/StateData", "application/json", []byte("{}"))
	answer("PATCH /apis/smd/hsm/v2/Inventory/EthernetInterfaces/{id}", "application/json", []byte("{}"))
	mux.HandleFunc("GET /apis/bss/boot/v1/bootscript", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, b.script(r.URL.Query().Get("mac"))) //nolint:errcheck // the node asks again
		b.answered.Add(1)
	})
	mux.HandleFunc("GET /said", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, b.said) //nolint:errcheck // the client is gone
	})
	mux.HandleFunc("GET /boot-images/{name}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", b.etag)
		w.Header().Set("Content-Length", strconv.Itoa(len(b.artifact)))
		w.Write(b.artifact) //nolint:errcheck // the node asks again
		b.answered.Add(1)
	})
	return mux
}

// script is a boot script as long as they are.
func (b *bare) script(mac string) string {
	const name = "x1000c0s0b0n0" // nobody looks whose reports these are
	text := fmt.Sprintf("#!ipxe\nkernel --name kernel %s/boot-images/kernel xname=%s bss_referral_token=%s quiet || goto boot_retry\n"+
		"initrd --name initrd %s/boot-images/initrd || goto boot_retry\nboot || goto boot_retry\n:boot_retry\nsleep 30\n"+
		"chain %s/apis/bss/boot/v1/bootscript?mac=%s&retry=1\n# ", b.url, name, strings.Repeat("0", 36), b.url, b.url, mac)
	return text + strings.Repeat("x", max(0, bareScript-len(text)))
}

// whole returns when the nodes have asked for all that a boot asks for.
func (b *bare) whole(do func() error) error {
	before := b.answered.Load()
	if err := do(); err != nil {
		return err
	}
	want := before + int64(bareRequests*len(b.bmcs))
	for deadline := time.Now().Add(30 * time.Minute); b.answered.Load() < want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("nodes made %d of %d requests", b.answered.Load()-before, want-before)
		}
	}
	// A node may ask again whose connection broke; a thousandth is no other work.
	if n := b.answered.Load(); n > want+int64(len(b.bmcs))/100 {
		return fmt.Errorf("nodes made %d requests, expected %d", n-before, want-before)
	}
	return nil
}

// drive has every BMC do the reset: a look, the reset, a look, on one
// connection.
func (b *bare) drive(kind string) error {
	var g errgroup.Group
	g.SetLimit(256)
	for _, a := range b.bmcs {
		g.Go(func() error {
			const system = "/redfish/v1/Systems/Node0"
			return errors.Join(b.ask(a, http.MethodGet, system, "", false),
				b.ask(a, http.MethodPost, system+"/Actions/ComputerSystem.Reset", `{"ResetType":"`+kind+`"}`, false),
				b.ask(a, http.MethodGet, system, "", true))
		})
	}
	return g.Wait()
}

func (b *bare) ask(a bmc.Account, method, path, body string, last bool) error {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+a.Address+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(a.Username, a.Password)
	req.Header.Set("Content-Type", "application/json")
	req.Close = last
	resp, err := b.client.Do(req)
	if err != nil {
		return err
	}
	if err := drain(resp); err != nil || resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s, %w", method, path, resp.Status, err)
	}
	return nil
}
