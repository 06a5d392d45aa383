package redfish

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/drover-hpc/drover/internal/admission"
	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// Driver speaks Redfish to any number of BMCs. Its methods are safe for
// concurrent use. An address is "host" or "host:port", with a scheme before it
// or without: then loopback addresses are spoken to in plain HTTP, all others in
// HTTPS, known by their certificates.
type Driver struct {
	reach    func(ctx context.Context, network, address string) (net.Conn, error)
	tls      *tls.Config
	known    Certificates
	kept     *keeper
	slots    chan struct{} // one for each connection in use
	sessions sessions
	now      func() time.Time
	pause    func(context.Context, time.Duration) error
	may      func(context.Context) error
	figures  figures
}

const (
	// tryTimeout bounds one request, dialTimeout its connection.
	tryTimeout  = 20 * time.Second
	dialTimeout = 5 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 4 << 20
)

// New returns a driver that has at most connections requests under way. Of the
// files that this process may have open, a half may be connections that are kept
// to BMCs for later.
func New(connections int) *Driver {
	return &Driver{
		reach: dialer.DialContext,
		tls: &tls.Config{InsecureSkipVerify: true, //nolint:gosec // secured looks at certificates
			MinVersion: tls.VersionTLS12, ClientSessionCache: newResumptions(rememberSessions)},
		kept:  newKeeper(admission.OpenFiles() / 2),
		slots: make(chan struct{}, connections), now: time.Now, pause: pause,
		may:     func(context.Context) error { return nil },
		figures: figures{took: tally.NewDurations(tally.Quick)},
	}
}

// Keep bounds the connections that are kept for later, over all BMCs; those of
// the BMCs used longest ago go first.
func (d *Driver) Keep(most int) { d.kept.setMost(most) }

// Guard has may asked immediately before each request; with an error of it, which
// may take its time, nothing is sent. It is called before the driver is used.
func (d *Driver) Guard(may func(context.Context) error) { d.may = may }

// pause waits for so long, or until the context ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the sessions that it opened, as far as the BMCs answer in a
// moment, and closes the connections that are kept.
func (d *Driver) Close() {
	d.logOut()
	d.kept.close()
}

// PowerState returns the PowerState of the resource, as Redfish spells it;
// empty if the resource has none. A refusal is an *Error.
func (d *Driver) PowerState(ctx context.Context, address string, login Login, odataID string) (string, error) {
	var word string
	err := d.read(ctx, address, login, odataID, func(resource []byte) (err error) {
		word, err = powerState(resource)
		return err
	})
	return word, err
}

// powerState finds the one word that is of use in the resource, which is of
// kilobytes and is read all the time.
func powerState(resource []byte) (string, error) {
	if !gjson.ValidBytes(resource) {
		return "", errors.New("not JSON")
	}
	if !bytes.HasPrefix(bytes.TrimLeft(resource, " \t\r\n"), []byte("{")) {
		return "", errors.New("not an object")
	}
	switch word := gjson.GetBytes(resource, "PowerState"); {
	case word.Type == gjson.String || word.Type == gjson.Null:
		return word.String(), nil
	default:
		return "", fmt.Errorf("PowerState is %s, not a string", word.Type)
	}
}

// Reset asks for a reset of the type at the action's target. A refusal is an
// *Error with the BMC's words; any other error means that no answer came, and
// that the BMC may or may not have got the request. A BMC that makes a task of
// it is asked for a moment whether the task failed.
func (d *Driver) Reset(ctx context.Context, address string, login Login, target, resetType string) error {
	body, err := json.Marshal(struct{ ResetType string }{resetType})
	if err != nil {
		return err
	}
	r := request{method: http.MethodPost, path: target, body: body}
	a, err := d.conditional(ctx, address, login, r)
	if err == nil && a.status == http.StatusAccepted {
		err = d.follow(ctx, address, login, r, a)
	}
	return err
}

// ResetTypes reads which ResetTypes the resource offers now at the target;
// none if the BMC does not tell.
func (d *Driver) ResetTypes(ctx context.Context, address string, login Login, odataID, target string) ([]string, error) {
	w := walker{ctx: ctx, driver: d, address: address, login: login, strict: true}
	var r resource
	w.read(odataID, &r, required)
	for _, action := range r.Actions {
		if action.Target == target {
			return w.allowed(action), w.err
		}
	}
	return nil, w.err
}

// get decodes the resource at the path into out.
func (d *Driver) get(ctx context.Context, address string, login Login, path string, out any) error {
	return d.read(ctx, address, login, path, func(resource []byte) error { return json.Unmarshal(resource, out) })
}

// read has the resource at the path decoded.
func (d *Driver) read(ctx context.Context, address string, login Login, path string, decode func(resource []byte) error) error {
	a, err := d.authorized(ctx, address, login, request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	if err := decode(a.body); err != nil {
		return fmt.Errorf("decode answer of BMC %s to GET %s: %w", address, path, err)
	}
	return nil
}

// request is one request to a BMC. Without token and basic it is made as by a
// stranger.
type request struct {
	method, path string
	body         []byte
	login        Login  // whose fingerprint the BMC has to show
	basic        bool   // as the login, by Basic authentication
	token        string // of a session, instead
	ifMatch      string
}

// answer is one that is a success.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes the request when a slot is free. An answer that is no success is
// an *Error.
func (d *Driver) send(ctx context.Context, address string, r request) (a answer, err error) {
	if !strings.HasPrefix(r.path, "/") { // it would become part of the host
		return a, fmt.Errorf("call BMC %s: link %q %w", address, r.path, errNoPath)
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return a, ctx.Err()
	}
	began := d.now()
	defer func() { d.note(ctx, address, &r, a.status, err, d.now().Sub(began)) }()
	if a, err = d.attempt(ctx, address, &r); err != nil {
		return a, err
	}
	if a.status >= 300 {
		e := &Error{Method: r.method, Path: r.path, Status: a.status, RetryAfter: retryAfter(a.header, d.now())}
		e.read(a.body)
		return a, e
	}
	return a, nil
}

// attempt makes the request on a kept connection or on a new one. What is not
// answered on a kept one is made again on a new one where the BMC cannot have
// done anything: see repeatable.
func (d *Driver) attempt(ctx context.Context, address string, r *request) (a answer, err error) {
	w := wires.Get().(*wire)
	defer wires.Put(w)
	if err := d.may(ctx); err != nil { // it may wait: a connection taken before could be closed by then
		return a, silence(address, r, unsent, err)
	}
	for c := d.kept.take(address); ; c = nil {
		if c != nil && c.by != r.login.Fingerprint { // it is to be known by another certificate now
			c.Close()
			c = nil
		}
		if c == nil {
			if c, err = d.dial(ctx, address, r.login.Fingerprint); err != nil {
				return a, silence(address, r, unsent, err)
			}
		}
		if err := w.compose(c.at, r); err != nil {
			d.kept.put(c)
			return a, err
		}
		if err := d.may(ctx); err != nil {
			d.kept.put(c)
			return a, silence(address, r, unsent, err)
		}
		a, o, reusable, err := c.exchange(ctx, w)
		again := err != nil && c.kept && repeatable(r.method, o, err)
		if reusable {
			d.kept.put(c)
		} else {
			c.Close()
		}
		switch {
		case err == nil:
			return a, nil
		case !again:
			return a, silence(address, r, o, err)
		}
	}
}

// errNoPath is a link that must not be followed.
var errNoPath = errors.New("is no path")

// Host is the address without its scheme, if it has one.
func Host(address string) string {
	if _, host, found := strings.Cut(address, "://"); found {
		return host
	}
	return address
}

func baseURL(address string) string {
	if Host(address) != address {
		return address
	}
	if OnLoopback(address) {
		return "http://" + address
	}
	return "https://" + address
}

// OnLoopback tells whether a BMC's address, with or without scheme and port, is
// of this machine alone, as those of simulated and virtual BMCs are.
func OnLoopback(address string) bool {
	address = Host(address)
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || host == "localhost"
}
