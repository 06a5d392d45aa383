package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/cli/derive"
)

// gateway is where the services' interfaces are.
type gateway struct {
	program, base, tenant string
	token                 *token
	http                  *http.Client
	verbose               int
	out                   io.Writer
}

// callTimeout bounds one call. Some, such as a configuration whose branches
// are resolved, take long.
const callTimeout = 2 * time.Minute

func (a *app) gateway(s *session, g *globals) (*gateway, error) {
	named := cmp.Or(g.server, a.Getenv("DROVER_SERVER"))
	configured := s.config.Text("core", "hostname")
	gw := &gateway{
		program: a.name, base: strings.TrimSuffix(cmp.Or(named, configured, defaultServer), "/"),
		tenant: s.config.Text("core", "tenant"), verbose: g.verbose, out: a.Stdout,
		http: &http.Client{Timeout: callTimeout},
	}
	if !strings.Contains(gw.base, "://") {
		gw.base = "http://" + gw.base
	}
	var err error
	if gw.http.Transport, err = a.transport(gw.base); err != nil {
		return nil, err
	}
	path := cmp.Or(g.token, a.Getenv("CRAY_CREDENTIALS"))
	asked := path != ""
	if user := s.config.Text("auth", "login", "username"); !asked && user != "" {
		path = s.dir.TokenPath(gw.base, user)
	}
	if gw.token, err = a.loadToken(path, asked); err != nil {
		return nil, err
	}
	if gw.token == nil {
		if gw.token, err = foundToken(a.Getenv, gw.base); gw.token != nil {
			a.warnOfReaders(a.Getenv(auth.TokenFileVariable)) // which may be empty
		}
		return gw, err
	}
	a.warnOfReaders(path)
	if gw.token != nil && named == "" && configured != "" && strings.HasPrefix(gw.base, "http:") {
		return nil, usageError("You've configured your cray hostname with http. Please reconfigure for https.")
	}
	if gw.token != nil && gw.verbose > 2 {
		fmt.Fprintf(gw.out, "Loaded token: %s\n", path)
	}
	return gw, nil
}

// Variables of the environment that say by what servers are known.
const (
	bundleVariable = "DROVER_CA_BUNDLE"
	verifyVariable = "DROVER_TLS_VERIFY"
)

// transport is the configured one, or one that knows the gateway by the machine's
// authorities and those of a file: that which the environment names, or which a
// server of this user shows. As cray it takes any certificate unless there is such a
// file: the published program checks none.
func (a *app) transport(base string) (http.RoundTripper, error) {
	if a.Transport != nil {
		return a.Transport, nil
	}
	bundle := cmp.Or(a.Getenv(bundleVariable), auth.AuthoritiesOf(a.Getenv, base))
	t := http.DefaultTransport.(*http.Transport).Clone()
	if bundle == "" && a.name == "cray" || a.Getenv(verifyVariable) == "no" {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for
		return t, nil
	}
	trust, err := certs.Pool(bundle)
	if err != nil {
		return nil, usageError("authorities by which the gateway is known (%s): %v", bundleVariable, err)
	}
	return certs.Trust(t, trust), nil
}

// wantsTLS begins what servers in Go answer in clear to those who do not speak TLS.
const wantsTLS = "Client sent an HTTP request to an HTTPS server"

// do makes a call and returns the body of the answer. An answer of 400 or
// more is a *failure.
func (g *gateway) do(ctx context.Context, prefix string, r *derive.Request) ([]byte, error) {
	resp, err := g.send(ctx, prefix, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, unreachable(g.program, g.base, err)
	}
	if resp.StatusCode >= 400 {
		if g.verbose > 2 {
			fmt.Fprintf(g.out, "ERROR: %s\n", bytes.TrimSpace(body))
		}
		if resp.StatusCode == http.StatusBadRequest && bytes.HasPrefix(body, []byte(wantsTLS)) && g.program != "cray" {
			return nil, &failure{code: 2, usage: true, message: fmt.Sprintf("%s speaks TLS: expected https:// in its URL (--server, DROVER_SERVER or `%s config set core hostname=URL`)", g.base, g.program)}
		}
		return nil, refused(resp.StatusCode, body)
	}
	return body, nil
}

// send makes a call and returns the answer, whatever its status.
func (g *gateway) send(ctx context.Context, prefix string, r *derive.Request) (*http.Response, error) {
	address := g.base + prefix + r.Path
	if len(r.Query) > 0 {
		address += "?" + r.Query.Encode()
	}
	body, err := encodeBody(r.Body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, address, bytes.NewReader(body))
	if err != nil {
		return nil, &failure{code: 2, usage: true, message: "The gateway's address is no URL: " + g.base}
	}
	for k, v := range r.Header {
		req.Header[k] = v
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if g.tenant != "" {
		req.Header.Set("Cray-Tenant-Name", g.tenant)
	}
	if err := g.token.authorize(ctx, g, req); err != nil {
		return nil, err
	}
	if g.verbose > 1 {
		fmt.Fprintf(g.out, "REQUEST: %s to %s\n", r.Method, address)
	}
	if g.verbose > 2 {
		fmt.Fprintf(g.out, "OPTIONS: %s\n", cmp.Or(string(body), "{}"))
	}
	resp, err := g.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, unreachable(g.program, g.base, err)
	}
	return resp, nil
}

// encodeBody is the JSON to send, nil for none.
func encodeBody(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []byte:
		return v, nil
	}
	return json.Marshal(v)
}

// refusal is an answer of 400 or more.
type refusal struct {
	failure
	status int
}

func (r *refusal) Unwrap() error { return &r.failure }

// passing tells whether the server may answer when it is asked again: it gave no answer,
// or a balancer or a server that cannot for now said so.
func passing(err error) bool {
	var answer *refusal
	if !errors.As(err, &answer) {
		return err != nil
	}
	switch answer.status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func refused(status int, body []byte) error {
	var problem struct {
		Title, Detail string
		E             *json.RawMessage
		ErrMsg        string `json:"err_msg"`
	}
	text := fmt.Sprintf("Error received from server: %d %s", status, http.StatusText(status))
	var bare string // as BOS v1 answers
	if json.Unmarshal(body, &bare) == nil && bare != "" {
		text += ": " + bare
	}
	if json.Unmarshal(body, &problem) == nil {
		if problem.Title != "" && problem.Detail != "" {
			text = strings.TrimSuffix(problem.Title, ".") + ": " + problem.Detail
		}
		if problem.E != nil && problem.ErrMsg != "" {
			text += ": " + strings.TrimPrefix(problem.ErrMsg, http.StatusText(status)+": ")
		}
	}
	return &refusal{failure{code: 2, usage: true, message: text}, status}
}
