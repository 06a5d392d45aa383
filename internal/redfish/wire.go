package redfish

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// target is where a BMC is reached.
type target struct {
	base string // as in URLs
	bare bool   // there is no path in the base
	dial string // host:port
	host string // as the BMC wants to be called
	name string // for TLS
	tls  bool
}

func targetOf(address string) (target, error) {
	base := baseURL(address)
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return target{}, fmt.Errorf("call BMC %s: %w", address, err)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", unsafeValue(u.Host):
		return target{}, fmt.Errorf("call BMC %s: expected host, host:port, or these after http:// or https://", address)
	}
	at := target{base: base, bare: u.Path == "", host: u.Host, name: u.Hostname(), tls: u.Scheme == "https"}
	port := u.Port()
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[at.tls]
	}
	at.dial = net.JoinHostPort(at.name, port)
	return at, nil
}

// wire is what a request is written and its answer read with.
type wire struct {
	out     []byte
	scratch []byte
	in      *bufio.Reader
}

var wires = sync.Pool{New: func() any { return &wire{in: bufio.NewReader(nil)} }}

// compose writes the request as it is sent.
func (w *wire) compose(at target, r *request) error {
	uri, err := requestURI(at, r.path)
	if err != nil {
		return err
	}
	if unsafeValue(r.token) || unsafeValue(r.ifMatch) {
		return fmt.Errorf("call BMC: %s %s%s: a token or an ETag has a line break in it", r.method, at.base, r.path)
	}
	out := append(w.out[:0], r.method...)
	out = append(append(append(out, ' '), uri...), " HTTP/1.1\r\nHost: "...)
	out = append(append(out, at.host...), "\r\nUser-Agent: drover\r\nAccept: application/json\r\nOData-Version: 4.0\r\n"...)
	switch {
	case r.token != "":
		out = append(append(append(out, "X-Auth-Token: "...), r.token...), "\r\n"...)
	case r.basic:
		w.scratch = append(append(append(w.scratch[:0], r.login.Username...), ':'), r.login.Password...)
		out = append(out, "Authorization: Basic "...)
		out = append(base64.StdEncoding.AppendEncode(out, w.scratch), "\r\n"...)
	}
	if r.ifMatch != "" {
		out = append(append(append(out, "If-Match: "...), r.ifMatch...), "\r\n"...)
	}
	if r.body != nil {
		out = append(out, "Content-Type: application/json\r\n"...)
	}
	if r.body != nil || r.method != http.MethodGet {
		out = append(strconv.AppendInt(append(out, "Content-Length: "...), int64(len(r.body)), 10), "\r\n"...)
	}
	w.out = append(append(out, "\r\n"...), r.body...)
	return nil
}

// unsafeValue tells whether the text would end a header early.
func unsafeValue(text string) bool { return strings.ContainsAny(text, "\r\n\x00") }

// requestURI is the path as it is asked for.
func requestURI(at target, path string) (string, error) {
	if at.bare && plain(path) {
		return path, nil
	}
	u, err := url.Parse(at.base + path)
	if err != nil {
		return "", fmt.Errorf("call BMC: %w", err)
	}
	return u.RequestURI(), nil
}

// plain tells whether the path needs no escapes, and has none.
func plain(path string) bool {
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("/-._~$=?&,;:@+()", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// readBody reads the answer's body, up to maxAnswer. whole: all of it.
func readBody(resp *http.Response) (body []byte, whole bool, err error) {
	in := &io.LimitedReader{R: resp.Body, N: maxAnswer}
	if n := resp.ContentLength; n >= 0 && n < maxAnswer {
		body = make([]byte, n)
		if _, err = io.ReadFull(in, body); err != nil {
			return nil, false, err
		}
		whole = true
	} else if body, err = io.ReadAll(in); err != nil {
		return nil, false, err
	} else {
		whole = in.N > 0
	}
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") && len(body) > 0 { // some BMCs do so unasked
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, false, err
		}
		if body, err = io.ReadAll(io.LimitReader(unpacked, maxAnswer)); err != nil {
			return nil, false, err
		}
	}
	return body, whole, nil
}
