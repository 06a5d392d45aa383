package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Pair is a certificate and its key, in two files of PEM, which are read again when
// they have changed: whoever renews certificates need not restart anything.
type Pair struct {
	certificate, key string
	now              func() time.Time

	mu      sync.Mutex
	is      *tls.Certificate
	of      [2]time.Time // when the files were written that is is made of
	bad     [2]time.Time // when those were written that make no pair
	looked  time.Time
	clients *x509.CertPool // nil: clients are not asked for certificates
}

// lookAgain is how long a pair is taken for unchanged.
const lookAgain = time.Second

// LoadPair reads the certificate, with those that lead to its authority, and the
// key.
func LoadPair(certificate, key string, now func() time.Time) (*Pair, error) {
	p := &Pair{certificate: certificate, key: key, now: now}
	of, err := p.written()
	if err != nil {
		return nil, err
	}
	is, err := p.read()
	if err != nil {
		return nil, err
	}
	p.is, p.of, p.looked = is, of, now()
	return p, nil
}

// AskClients has the server take certificates of these authorities for what clients
// are. It is called before Config.
func (p *Pair) AskClients(of *x509.CertPool) { p.clients = of }

// Config is that of a listener which shows the certificate as it is at each
// connection. It speaks HTTP/1.1 alone.
func (p *Pair) Config() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.current(), nil }}
	if p.clients != nil {
		c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, p.clients
	}
	return c
}

// Shown is the certificate that is shown now, as DER.
func (p *Pair) Shown() []byte { return p.current().Certificate[0] }

// current is the certificate of the files, or that of before if they hold none now:
// somebody may be writing them.
func (p *Pair) current() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.Sub(p.looked) < lookAgain {
		return p.is
	}
	p.looked = now
	of, err := p.written()
	if err != nil || of == p.of || of == p.bad {
		return p.is
	}
	is, err := p.read()
	if err != nil {
		p.bad = of
		slog.Error("changed certificate is not taken, the one of before stays", "certificate", p.certificate, "error", err)
		return p.is
	}
	p.is, p.of = is, of
	slog.Info("changed certificate is taken", "certificate", p.certificate, "until", is.Leaf.NotAfter)
	return is
}

func (p *Pair) written() (times [2]time.Time, err error) {
	for i, file := range []string{p.certificate, p.key} {
		info, err := os.Stat(file)
		if err != nil {
			return times, err
		}
		times[i] = info.ModTime()
	}
	return times, nil
}

func (p *Pair) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(p.certificate, p.key)
	if err != nil {
		return nil, fmt.Errorf("%s with %s: %w", p.certificate, p.key, err)
	}
	return &pair, nil
}
