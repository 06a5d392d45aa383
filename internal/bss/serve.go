package bss

import (
	"context"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bootline"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/xname"
)

// ScriptQuery says whose boot script is wanted: MAC, else Name, else NID.
type ScriptQuery struct {
	MAC  string
	Name string
	NID  *int
	// Arch is what iPXE's ${buildarch} is; only hosts that HSM does not know
	// are asked for it.
	Arch string
	// Retry counts the scripts that this host was given without booting.
	Retry int
	// Since is how new the data of HSM must be, in seconds since 1970.
	Since int64
}

// check refuses a query that names no host, and one whose words would break
// the script that they are repeated in.
func (q ScriptQuery) check() error {
	if q.MAC == "" && q.Name == "" && q.NID == nil {
		return fault.New(fault.Invalid, "Need a mac=, name=, or nid= parameter")
	}
	for _, p := range []struct{ name, value string }{{"mac", q.MAC}, {"name", q.Name}, {"arch", q.Arch}} {
		if strings.ContainsFunc(p.value, breaksWord) {
			return fault.New(fault.Invalid, "%q has a blank or a control character - 'query.%s'", p.value, p.name)
		}
	}
	if _, ok := macKey(q.MAC); q.MAC != "" && !ok {
		return fault.New(fault.Invalid, "%q is no MAC address - 'query.mac'", q.MAC)
	}
	if q.NID != nil && *q.NID < 0 {
		return fault.New(fault.Invalid, "%d is no node ID: expected a number from 0 - 'query.nid'", *q.NID)
	}
	return nil
}

// agrees refuses a query whose parts are known not to belong together: the host
// is not who it takes itself for.
func (q ScriptQuery) agrees(c Component) error {
	if q.Name != "" && xname.Canonical(q.Name) != c.ID && xname.TypeOf(xname.Canonical(q.Name)) != xname.Invalid {
		return fault.New(fault.Invalid, "mac=%s is of %s, not of name=%s", q.MAC, c.ID, q.Name)
	}
	if q.NID != nil && c.NID != nil && *q.NID != *c.NID {
		return fault.New(fault.Invalid, "%s has the NID %d, not nid=%d", c.ID, *c.NID, *q.NID)
	}
	return nil
}

// NodeAt is the node with the IP address, empty if HSM knows none.
func (s *Service) NodeAt(ctx context.Context, ip string) (string, error) {
	return s.inventory.byIP(ctx, ip)
}

// Booted tells whether the token is that of the boot script that the node is
// given now.
func (s *Service) Booted(ctx context.Context, node, token string) (bool, error) {
	c, err := s.client(ctx, ScriptQuery{Name: node})
	if err != nil {
		return false, err
	}
	h, err := s.entryFor(ctx, c)
	return h.Token != "" && subtle.ConstantTimeCompare([]byte(h.Token), []byte(token)) == 1, err
}

// staleSleep is the pause before a host asks again when HSM does not answer.
const staleSleep = 10 * time.Second

// client is the host that asks.
type client struct {
	component Component // ID is empty if HSM does not know it
	alternate string    // the name by which it asked
	asked     string    // the parameter by which it asked, as in a URL
	mac       string    // one of its MACs, if any is known
}

// known reports whether HSM knows the host.
func (c client) known() bool { return c.component.ID != "" }

// name is the host's best name.
func (c client) name() string {
	if c.known() {
		return c.component.ID
	}
	return c.alternate
}

// BootScript writes the script for the host that the query names. A host that
// there is nothing to boot for is a fault.NotFound.
func (s *Service) BootScript(ctx context.Context, q ScriptQuery) ([]byte, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if since := time.Unix(q.Since, 0); q.Since > 0 && !since.After(s.cfg.Now()) {
		s.inventory.newerThan(since)
	}
	c, err := s.client(ctx, q)
	if fault.Is(err, fault.Invalid) {
		return nil, err
	}
	if err != nil {
		if ctx.Err() == nil { // else the host has given up
			slog.Warn("boot script delayed: HSM does not answer", "error", err)
		}
		return chainScript(staleSleep, s.chain(c, q.Retry)), nil
	}
	text, h, err := s.bootScript(ctx, q, c)
	if !c.known() {
		return text, err // there is no node to tell of in the journal
	}
	entry := journal.Entry{Node: c.component.ID, Source: "bss", Kind: "boot-script"}
	if err != nil {
		entry.Text, entry.Failed = "no boot script: "+err.Error(), true
		s.cfg.Journal.Note(entry)
		return nil, err
	}
	if h.Kernel != "" {
		retry := ""
		if q.Retry > 0 {
			retry = ", retry " + strconv.Itoa(q.Retry)
		}
		entry.Text = "boot script served (kernel " + h.Kernel + ", token " + h.Token + retry + ")"
		s.cfg.Journal.Note(entry)
		s.history.note(c.component.ID, bootscriptEndpoint)
	}
	return text, nil
}

// bootScript is the script and the entry that it was made from, which is
// empty if the script only has the host ask again.
func (s *Service) bootScript(ctx context.Context, q ScriptQuery, c client) ([]byte, host, error) {
	h, err := s.entryFor(ctx, c)
	if err != nil {
		return nil, host{}, err
	}
	if h.Kernel == "" || c.known() && !c.component.EndpointEnabled {
		if q.Arch == "" {
			if some, err := s.anyUnknown(ctx); some || err != nil {
				return s.askArch(q, c), host{}, err
			}
		} else if u, _, err := s.lookup(ctx, unknownPrefix+q.Arch); err != nil {
			return nil, host{}, err
		} else if u.Kernel != "" {
			h, c.component = u, Component{}
		}
	}
	switch {
	case h.Kernel != "":
	case c.known():
		return nil, host{}, fault.New(fault.NotFound, "%s: this host not configured for booting.", c.name())
	default:
		return nil, host{}, fault.New(fault.NotFound, "%s: no configuration available for unknown hosts", c.name())
	}
	text, err := s.compose(ctx, q, c, h)
	return text, h, err
}

// entryFor is the entry that the client boots by, empty if there is none. One
// that HSM does not know gets an entry only under the very name it gave.
func (s *Service) entryFor(ctx context.Context, c client) (host, error) {
	names := []string{c.alternate}
	if c.known() {
		names = []string{c.component.ID, c.alternate, c.component.Role, DefaultHost}
	}
	for _, read := range []func(context.Context, string) (host, bool, error){s.hostMirror.get, s.hostMirror.fetch} {
		for i, name := range names {
			if name == "" || i > 0 && name == names[i-1] {
				continue
			}
			if h, ok, err := read(ctx, name); err != nil || ok {
				return h, err
			}
		}
	}
	return host{}, nil
}

// lookup is the entry of the name, read from the database if the mirror has
// none.
func (s *Service) lookup(ctx context.Context, name string) (host, bool, error) {
	if h, ok, err := s.hostMirror.get(ctx, name); ok || err != nil {
		return h, ok, err
	}
	return s.hostMirror.fetch(ctx, name)
}

// anyUnknown reports whether there is something to boot for hosts that HSM
// does not know.
func (s *Service) anyUnknown(ctx context.Context) (some bool, err error) {
	err = s.hostMirror.view(ctx, func(map[string]host) { some = len(s.unknowns) > 0 })
	return some, err
}

// noteUnknown follows the host entries to answer anyUnknown.
func (s *Service) noteUnknown(name string, _, now *host) {
	if !strings.HasPrefix(name, unknownPrefix) {
		return
	}
	if now == nil {
		delete(s.unknowns, name)
	} else {
		s.unknowns[name] = true
	}
}

// compose writes the script by which c boots h.
func (s *Service) compose(ctx context.Context, q ScriptQuery, c client, h host) ([]byte, error) {
	parts, err := s.parts(ctx, h.Params, h.Kernel, h.Initrd)
	if err != nil {
		return nil, err
	}
	id := bootline.Identity{XName: c.component.ID, NID: -1, Token: h.Token, CloudInit: s.cfg.CloudInitBase}
	if c.known() && c.component.NID != nil {
		id.NID = *c.component.NID
	}
	out := script{retrySleep: s.cfg.RetrySleep, chain: s.chain(c, q.Retry+1)}
	out.params = bootline.Compose(parts[:], id, h.Initrd != "")
	if out.params, err = s.join(ctx, out.params, c.name()); err != nil {
		return nil, err
	}
	sign := func(name string) (string, error) { return s.sign(ctx, name, c.name()) }
	if out.params, err = signParameters(out.params, sign); err != nil {
		slog.Error("boot script keeps an S3 URL that could not be presigned", "host", c.name(), "error", err)
	}
	if out.kernel, err = sign(h.Kernel); err != nil {
		return nil, err
	}
	// Nobody knows how it boots: what may be cut is not what was meant.
	if words := bootline.Excess(len(out.params)); words != "" {
		return nil, fault.New(fault.Invalid, "%s: %s", c.name(), words)
	}
	if h.Initrd != "" {
		if out.initrd, err = sign(h.Initrd); err != nil {
			return nil, err
		}
	}
	return out.text(), nil
}

func (s *Service) join(ctx context.Context, params, name string) (string, error) {
	if s.cfg.JoinToken == nil || !strings.Contains(params, bootline.JoinToken) {
		return params, nil
	}
	token, err := s.cfg.JoinToken(ctx, name)
	if err != nil {
		return "", fault.New(fault.Unavailable, "request a join token for %s: %w", name, err)
	}
	return strings.ReplaceAll(params, bootline.JoinToken, token), nil
}

// presignFor is how long a host has to fetch kernel and initrd, about.
const presignFor = 24 * time.Hour

// sign makes an S3 URL one that the host can fetch; other URLs stay.
func (s *Service) sign(ctx context.Context, name, host string) (string, error) {
	if !strings.HasPrefix(name, "s3://") {
		return name, nil
	}
	signed, err := s.cfg.Presigner.Presign(ctx, name, host, presignFor)
	if err != nil {
		return "", fmt.Errorf("presign %s: %w", name, err)
	}
	return signed, nil
}

// askArch has the host tell its architecture.
func (s *Service) askArch(q ScriptQuery, c client) []byte {
	return chainScript(0, s.chain(c, q.Retry)+"&arch=${buildarch}&ts="+strconv.FormatInt(s.cfg.Now().Unix(), 10))
}

// chain is the URL at which c asks again: by its MAC if one is known, else by
// its xname.
func (s *Service) chain(c client, retry int) string {
	who := c.asked
	switch {
	case c.mac != "":
		who = "mac=" + c.mac
	case c.known():
		who = "name=" + c.component.ID
	}
	return s.cfg.ChainBase + "/boot/v1/bootscript?" + who + "&retry=" + strconv.Itoa(retry)
}

// client finds out who asks. An error means that HSM does not answer; then
// nothing but what the query says is known.
func (s *Service) client(ctx context.Context, q ScriptQuery) (c client, err error) {
	var id string
	switch {
	case q.MAC != "":
		mac, _ := macKey(q.MAC)
		c = client{alternate: mac, asked: "mac=" + mac, mac: mac}
		id, err = s.inventory.byMAC(ctx, mac)
	case q.Name != "":
		id, _ = hostKey(q.Name)
		c = client{alternate: id, asked: "name=" + id}
	default:
		c = client{alternate: nidName(*q.NID), asked: "nid=" + strconv.Itoa(*q.NID)}
		id, err = s.inventory.byNIDName(ctx, c.alternate)
	}
	if err != nil || id == "" {
		return c, err
	}
	component, err := s.inventory.component(ctx, id)
	if err != nil || component.ID == "" {
		return c, err
	}
	c.component = component
	if err := q.agrees(component); err != nil {
		return c, err
	}
	if c.mac != "" {
		return c, nil
	}
	macs, err := s.inventory.macsOf(ctx, component.ID)
	if len(macs) > 0 {
		c.mac = macs[0]
	}
	return c, err
}

// EndpointHistory tells when the host (empty: each one) last asked for the
// endpoint, bootscript or user-data (empty: both).
func (s *Service) EndpointHistory(ctx context.Context, name, endpoint string) ([]EndpointAccess, error) {
	if name == "" && endpoint != "" {
		return nil, fault.New(fault.Invalid, "endpoint '%s' of which host: expected name too - 'query.name'", endpoint)
	}
	key, _ := hostKey(name)
	return s.history.list(ctx, key, endpoint)
}
