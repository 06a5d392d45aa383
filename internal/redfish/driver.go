package redfish

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Driver speaks Redfish to any number of BMCs. Its methods are safe for
// concurrent use. An address is "host" or "host:port"; loopback addresses are
// spoken to in plain HTTP, all others in HTTPS, whose certificate is not
// checked, since BMCs sign their own.
type Driver struct {
	http  *http.Client
	slots chan struct{} // one for each connection in use
}

const (
	// tryTimeout bounds one request, dialTimeout its connection.
	tryTimeout  = 20 * time.Second
	dialTimeout = 5 * time.Second
	// idleTimeout is short because there are many more BMCs than connections.
	idleTimeout = 5 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 4 << 20
)

// New returns a driver that has at most connections requests under way and
// keeps at most as many idle connections.
func New(connections int) *Driver {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // BMCs sign their own certificates
		TLSHandshakeTimeout: dialTimeout,
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: 2,
		IdleConnTimeout:     idleTimeout,
	}
	return &Driver{
		slots: make(chan struct{}, connections),
		http: &http.Client{Transport: transport, Timeout: tryTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// Close closes idle connections.
func (d *Driver) Close() { d.http.CloseIdleConnections() }

// PowerState returns the PowerState of the resource, as Redfish spells it;
// empty if the resource has none. A refusal is an *Error.
func (d *Driver) PowerState(ctx context.Context, address string, login Login, odataID string) (string, error) {
	var resource struct{ PowerState string }
	err := d.get(ctx, address, login, odataID, &resource)
	return resource.PowerState, err
}

// Reset asks for a reset of the type at the action's target. A refusal is an
// *Error with the BMC's words; any other error means that no answer came, and
// that the BMC may or may not have got the request.
func (d *Driver) Reset(ctx context.Context, address string, login Login, target, resetType string) error {
	body, err := json.Marshal(struct{ ResetType string }{resetType})
	if err != nil {
		return err
	}
	return d.do(ctx, http.MethodPost, address, login, target, body, nil)
}

// ResetTypes reads which ResetTypes the resource offers now at the target;
// none if the BMC does not tell.
func (d *Driver) ResetTypes(ctx context.Context, address string, login Login, odataID, target string) ([]string, error) {
	w := walker{ctx: ctx, driver: d, address: address, login: login}
	var r resource
	w.get(odataID, &r)
	for _, action := range r.Actions {
		if action.Target == target {
			return w.allowed(action), w.err
		}
	}
	return nil, w.err
}

func (d *Driver) get(ctx context.Context, address string, login Login, path string, out any) error {
	return d.do(ctx, http.MethodGet, address, login, path, nil, out)
}

// do makes one request when a slot is free and decodes the answer into out
// (nil: ignored).
func (d *Driver) do(ctx context.Context, method, address string, login Login, path string, body []byte, out any) error {
	if !strings.HasPrefix(path, "/") { // it would become part of the host
		return fmt.Errorf("call BMC %s: link %q %w", address, path, errNoPath)
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, baseURL(address)+path, reader)
	if err != nil {
		return fmt.Errorf("call BMC %s: %w", address, err)
	}
	req.SetBasicAuth(login.Username, login.Password)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("OData-Version", "4.0")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return fmt.Errorf("call BMC: %w", err) // net/http names the URL
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("read answer of BMC %s to %s %s: %w", address, method, path, err)
	case resp.StatusCode >= 300:
		e := &Error{Method: method, Path: path, Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header, time.Now())}
		e.read(answer)
		return e
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode answer of BMC %s to %s %s: %w", address, method, path, err)
	}
	return nil
}

// errNoPath is a link that must not be followed.
var errNoPath = errors.New("is no path")

func baseURL(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() || host == "localhost" {
		return "http://" + address
	}
	return "https://" + address
}
