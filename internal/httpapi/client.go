package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
)

// Client calls one service. Connection failures are retried for every method,
// answers 500, 502, 503 and 504 only for idempotent ones, with growing pauses.
type Client struct {
	// Base is the service's URL with its gateway prefix, no slash at the end.
	Base string
	// Service names it in errors, such as "HSM".
	Service string
	// HTTP makes the calls; its Timeout bounds one try.
	HTTP *http.Client
	// Retries is the number of further tries; the n-th pause is
	// Backoff * 2^(n-1).
	Retries int
	Backoff time.Duration
	// Repeats has POST and PATCH, too, tried again when the service or what is
	// before it cannot answer for now: 502, 503, 504. Else only no answer at all
	// makes them be.
	Repeats bool
	// Header is added to each request.
	Header http.Header
}

// NewClient returns a client with the policy of the published services: ten
// retries, back-off factor 0.5 s, 20 s a try.
func NewClient(service, base string, transport http.RoundTripper) *Client {
	return &Client{Base: strings.TrimSuffix(base, "/"), Service: service, Retries: 10, Backoff: 500 * time.Millisecond,
		HTTP: &http.Client{Transport: transport, Timeout: 20 * time.Second}}
}

// StatusError is an answer of 400 or more.
type StatusError struct {
	Service, Method, Path string
	Status                int
	// Title and Detail are the problem's, or the beginning of the body.
	Title, Detail string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s %s answered %d %s: %s", e.Service, e.Method, e.Path, e.Status, e.Title, e.Detail)
}

// IsStatus reports whether err is an answer with the status.
func IsStatus(err error, status int) bool {
	var e *StatusError
	return errors.As(err, &e) && e.Status == status
}

// Do sends in (nil: no body; []byte or json.RawMessage: as it is; else JSON)
// and decodes the answer into out (nil: ignored). A status of 400 or more is a
// *StatusError; no answer at all a fault.Unavailable.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, in, out any) (http.Header, error) {
	body, err := encode(in)
	if err != nil {
		return nil, fmt.Errorf("encode request to %s: %w", c.Service, err)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	pause := c.Backoff
	for try := 0; ; try++ {
		header, err := c.once(ctx, method, path, body, out)
		if err == nil || try >= c.Retries || ctx.Err() != nil || !c.retryable(method, err) {
			return header, err
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil, err
		case <-wait.C:
		}
		pause = min(2*pause, 30*time.Second)
	}
}

func (c *Client) once(ctx context.Context, method, path string, body []byte, out any) (http.Header, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, reader)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", c.Service, err)
	}
	for k, v := range c.Header {
		req.Header[k] = v
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "call %s: %w", c.Service, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		return resp.Header, c.statusError(req, resp)
	}
	answer, here := resp.Body.(*localBody)
	switch {
	case here && (out == nil || answer.into(out)):
		return resp.Header, nil
	case out == nil || resp.StatusCode == http.StatusNoContent:
		_, err := io.Copy(io.Discard, resp.Body)
		return resp.Header, err
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return resp.Header, fmt.Errorf("decode answer of %s %s %s: %w", c.Service, method, path, err)
	}
	return resp.Header, nil
}

func (c *Client) statusError(req *http.Request, resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	e := &StatusError{Service: c.Service, Method: req.Method, Path: req.URL.Path, Status: resp.StatusCode,
		Title: http.StatusText(resp.StatusCode), Detail: strings.TrimSpace(string(text))}
	var p Problem
	if json.Unmarshal(text, &p) == nil && p.Title != "" {
		e.Title, e.Detail = p.Title, p.Detail
	}
	return e
}

func encode(in any) ([]byte, error) {
	switch v := in.(type) {
	case nil:
		return nil, nil
	case []byte:
		return v, nil
	}
	return json.Marshal(in)
}

func (c *Client) retryable(method string, err error) bool {
	var e *StatusError
	if !errors.As(err, &e) {
		return fault.Is(err, fault.Unavailable) // no answer at all
	}
	changes := method == http.MethodPost || method == http.MethodPatch
	switch e.Status {
	case 500:
		return !changes
	case 502, 503, 504:
		return !changes || c.Repeats
	}
	return false
}
