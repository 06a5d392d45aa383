package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/fault"
)

// TLS is by what certificates this server shows who it is, and knows others.
type TLS struct {
	Certificate     string   `mapstructure:"tls-cert"`
	Key             string   `mapstructure:"tls-key"`
	NodeCertificate string   `mapstructure:"node-tls-cert"`
	NodeKey         string   `mapstructure:"node-tls-key"`
	ClientCA        string   `mapstructure:"client-ca"`
	ClientRoles     []string `mapstructure:"client-roles"`
	Bundle          string   `mapstructure:"ca-bundle"`
	BMCs            string   `mapstructure:"bmc-certificates"`

	pair, nodePair *certs.Pair // nil: plain HTTP
	trust          *x509.CertPool
	roles          map[string]auth.Role
}

func declareTLS(f *pflag.FlagSet) {
	f.String("tls-cert", "", "`FILE` with the certificate of --listen and --s3-listen, in PEM, read again when it changes (default: plain HTTP)")
	f.String("tls-key", "", "`FILE` with its key")
	f.String("node-tls-cert", "", "`FILE` with the certificate of --node-listen and --node-s3-listen (default: plain HTTP, which older iPXE needs)")
	f.String("node-tls-key", "", "`FILE` with its key")
	f.String("client-ca", "", "`FILE` with the authorities whose certificates clients may show in place of a token (with --tls-cert)")
	f.StringSlice("client-roles", []string{"administrator=administrator", "operator=operator", "auditor=auditor"}, "`ROLE=ORGANIZATION`: which role here has a client whose certificate is of that organization (O)")
	f.String("ca-bundle", "", "`FILE` with authorities that this server trusts beside the machine's: those of external services, of BMCs, of other servers, and of its own certificate")
	f.String("bmc-certificates", bmcVerify, "which BMCs get their password: verify (those of a trusted authority, or of their endpoint's CertificateSHA256), or any")
}

// What --bmc-certificates may be.
const (
	bmcVerify = "verify"
	bmcAny    = "any"
)

func (t *TLS) paths() map[string]*string {
	return map[string]*string{"tls-cert": &t.Certificate, "tls-key": &t.Key, "node-tls-cert": &t.NodeCertificate, "node-tls-key": &t.NodeKey,
		"client-ca": &t.ClientCA, "ca-bundle": &t.Bundle}
}

func (t *TLS) scheme() string     { return scheme(t.pair) }
func (t *TLS) nodeScheme() string { return scheme(t.nodePair) }

func scheme(p *certs.Pair) string {
	if p == nil {
		return "http://"
	}
	return "https://"
}

// checkTLS reads the certificates: what cannot be shown must not come out at the
// first connection.
func (c *Config) checkTLS() (err error) {
	t := &c.TLS
	if t.pair, err = pair("tls", t.Certificate, t.Key); err != nil {
		return err
	}
	if t.nodePair, err = pair("node-tls", t.NodeCertificate, t.NodeKey); err != nil {
		return err
	}
	if t.trust, err = certs.Pool(t.Bundle); err != nil {
		return fault.New(fault.Invalid, "ca-bundle: %w", err)
	}
	if err := t.checkClients(); err != nil {
		return err
	}
	switch {
	case t.BMCs != bmcVerify && t.BMCs != bmcAny:
		return fault.New(fault.Invalid, "bmc-certificates: expected %s or %s, got %q", bmcVerify, bmcAny, t.BMCs)
	case t.nodePair != nil && c.NodeListen == "" && c.NodeS3Listen == "":
		return fault.New(fault.Invalid, "node-tls-cert: nodes have no address of their own: expected node-listen with it")
	case t.pair != nil && c.NodeListen != "" && c.NodeS3Listen == "" && c.S3Endpoint == "" && c.S3Advertise == "":
		return fault.New(fault.Invalid, "node-s3-listen: with tls-cert the object store speaks https alone, and the firmware of many nodes does not: "+
			"expected a HOST:PORT where nodes fetch artifacts, or s3-advertise with the URL that they are to use")
	}
	return nil
}

func pair(flag, certificate, key string) (*certs.Pair, error) {
	switch {
	case certificate == "" && key == "":
		return nil, nil
	case key == "":
		return nil, fault.New(fault.Invalid, "%s-key: expected the file with the key of %s-cert", flag, flag)
	case certificate == "":
		return nil, fault.New(fault.Invalid, "%s-cert: expected the file with the certificate of %s-key", flag, flag)
	}
	p, err := certs.LoadPair(certificate, key, time.Now)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s-cert: %w", flag, err)
	}
	return p, nil
}

func (t *TLS) checkClients() error {
	if t.ClientCA == "" {
		return nil
	}
	if t.pair == nil {
		return fault.New(fault.Invalid, "client-ca: clients show certificates over TLS alone: expected tls-cert with it")
	}
	of, err := certs.Authorities(t.ClientCA)
	if err != nil {
		return fault.New(fault.Invalid, "client-ca: %w", err)
	}
	t.roles = map[string]auth.Role{}
	for _, text := range t.ClientRoles {
		role, organization, _ := strings.Cut(text, "=")
		if organization == "" || role == string(auth.TenantAdmin) || !slices.Contains(auth.Given, auth.Role(role)) {
			return fault.New(fault.Invalid, "client-roles: expected ROLE=ORGANIZATION with administrator, operator or auditor, got %q", text)
		}
		t.roles[organization] = auth.Role(role)
	}
	t.pair.AskClients(of)
	return nil
}

// over is the listener with TLS, if there is a certificate for it.
func over(l net.Listener, p *certs.Pair) net.Listener {
	if p == nil {
		return l
	}
	return tls.NewListener(l, p.Config())
}

// listenForJobs opens a listener on loopback where the other speaks TLS: jobs of
// this server are on its machine, and have neither its name nor its authority to
// know. They outlive it, so its port stays.
func (s *Server) listenForJobs() (err error) {
	if s.config.TLS.pair == nil {
		return nil
	}
	if s.localListener, err = keptPort(filepath.Join(s.config.Data, "local-port")); err != nil {
		return fault.New(fault.Unavailable, "listen for this server's own jobs: %w", err)
	}
	s.onStop(func() { s.localListener.Close() })
	return nil
}

// keptPort listens on loopback at the port that the file remembers, if that is free.
func keptPort(file string) (net.Listener, error) {
	last, _ := os.ReadFile(file) //nolint:errcheck // usually it is the first time
	l, err := net.Listen("tcp", "127.0.0.1:"+cmp.Or(strings.TrimSpace(string(last)), "0"))
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := os.WriteFile(file, []byte(port+"\n"), 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// certificateHeader has, between servers and inside one, who showed a certificate:
// the organization, the name and the serial number.
const certificateHeader = "Drover-Client-Certificate"

// certified notes who showed a certificate. What the request says of that itself
// was dropped before, unless another server of the site says it.
type certified struct{ next http.Handler }

func (c certified) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		subject := r.TLS.PeerCertificates[0].Subject
		r.Header.Set(certificateHeader, url.Values{"O": subject.Organization, "CN": {subject.CommonName},
			"serial": {r.TLS.PeerCertificates[0].SerialNumber.Text(16)}}.Encode())
	}
	c.next.ServeHTTP(w, r)
}

// byCertificate is who shows a certificate and no token; nil for nobody.
func (s *Server) byCertificate(r *http.Request) *auth.Identity {
	text := r.Header.Get(certificateHeader)
	subject, err := url.ParseQuery(text)
	if text == "" || err != nil || s.config.TLS.roles == nil || fault.CheckName("CN", subject.Get("CN")) != nil {
		return nil
	}
	who := &auth.Identity{Name: subject.Get("CN") + ", by certificate", Subject: "certificate " + subject.Get("serial")}
	for _, o := range subject["O"] {
		if role, is := s.config.TLS.roles[o]; is {
			who.Role = role
			break
		}
	}
	return who
}

// openAuthorities writes down whom git and playbooks trust, where that is more than
// the machine does.
func (s *Server) openAuthorities(context.Context) error {
	if s.config.TLS.Bundle == "" {
		return nil
	}
	s.authorities = filepath.Join(s.config.Data, "authorities.pem")
	if err := certs.Combine(s.config.TLS.Bundle, s.authorities); err != nil {
		return fmt.Errorf("authorities for jobs: %w", err)
	}
	return nil
}
