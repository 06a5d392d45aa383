package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/google/renameio/v2"
)

// Authority signs certificates. It is for development and tests: its key lies in a
// file.
type Authority struct {
	certificate *x509.Certificate
	der         []byte
	key         *ecdsa.PrivateKey
}

// How long certificates last. Some clients take none of servers that last longer.
const (
	authorityLasts = 10 * 365 * 24 * time.Hour
	serverLasts    = 397 * 24 * time.Hour
	clocksDiffer   = time.Hour
)

// NewAuthority makes one of that name.
func NewAuthority(name string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	text := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-clocksDiffer), NotAfter: now.Add(authorityLasts),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, text, text, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &Authority{certificate, der, key}, err
}

// ReadAuthority reads one that Write has written.
func ReadAuthority(certificate, key string) (*Authority, error) {
	der, err := block(certificate, certificateBlock)
	if err != nil {
		return nil, err
	}
	a := &Authority{der: der}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("%s: %w", certificate, err)
	}
	if der, err = block(key, keyBlock); err != nil {
		return nil, err
	}
	if a.key, err = x509.ParseECPrivateKey(der); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if !a.key.PublicKey.Equal(a.certificate.PublicKey) {
		return nil, fmt.Errorf("%s is not the key of %s", key, certificate)
	}
	return a, nil
}

// The kinds of PEM blocks.
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "EC PRIVATE KEY"
)

func block(file, kind string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	b, _ := pem.Decode(text)
	if b == nil || b.Type != kind {
		return nil, fmt.Errorf("%s: expected a PEM block %s", file, kind)
	}
	return b.Bytes, nil
}

// Write writes the authority's certificate and key over what the files hold.
func (a *Authority) Write(certificate, key string) error {
	return write(certificate, key, a.der, a.key)
}

// Server issues a certificate for a server of these names and addresses.
func (a *Authority) Server(names []string, certificate, key string, now time.Time) error {
	if len(names) == 0 {
		return errors.New("expected at least one name or address of the server")
	}
	text := &x509.Certificate{Subject: pkix.Name{CommonName: names[0]}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			text.IPAddresses = append(text.IPAddresses, ip)
		} else {
			text.DNSNames = append(text.DNSNames, name)
		}
	}
	return a.issue(text, certificate, key, now)
}

// Client issues a certificate for somebody of that name, whose organization says
// what he may do.
func (a *Authority) Client(name, organization, certificate, key string, now time.Time) error {
	return a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name, Organization: []string{organization}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, certificate, key, now)
}

func (a *Authority) issue(text *x509.Certificate, certificate, key string, now time.Time) error {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	text.SerialNumber, text.KeyUsage = serial(), x509.KeyUsageDigitalSignature
	text.NotBefore, text.NotAfter = now.Add(-clocksDiffer), now.Add(serverLasts)
	der, err := x509.CreateCertificate(rand.Reader, text, a.certificate, own.Public(), a.key)
	if err != nil {
		return err
	}
	return write(certificate, key, der, own)
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return n.Add(n, big.NewInt(1))
}

// write replaces the files, each as a whole: the key first, so that a server that
// looks in between finds no pair and stays with what it has.
func write(certificate, key string, der []byte, own *ecdsa.PrivateKey) error {
	secret, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: secret}), 0o600); err != nil {
		return err
	}
	return renameio.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der}), 0o644)
}
