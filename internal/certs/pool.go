package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
)

// Pool is the machine's authorities and those of the bundle, a file of PEM; without
// a bundle it is nil, which means the machine's to crypto/tls.
func Pool(bundle string) (*x509.CertPool, error) {
	if bundle == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	return pool, add(pool, bundle)
}

// Authorities are those of the bundle alone.
func Authorities(bundle string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	return pool, add(pool, bundle)
}

func add(pool *x509.CertPool, bundle string) error {
	text, err := os.ReadFile(bundle)
	if err != nil {
		return err
	}
	if !pool.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s: expected certificates in PEM, found none", bundle)
	}
	return nil
}

// Client is the configuration of a client that knows servers by the pool.
func Client(pool *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// Trust has the transport know servers by the pool; with nil it stays as it is.
func Trust(t *http.Transport, pool *x509.CertPool) *http.Transport {
	if pool != nil {
		t.TLSClientConfig = Client(pool)
	}
	return t
}

// Transport is the usual one of net/http, with servers known by the pool.
func Transport(pool *x509.CertPool) http.RoundTripper {
	if pool == nil {
		return http.DefaultTransport
	}
	return Trust(http.DefaultTransport.(*http.Transport).Clone(), pool)
}

// machineFiles are where systems keep all their authorities in one file.
var machineFiles = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}

// Combine writes the machine's authorities and those of the bundle into one file,
// for programs such as git, to which a file is all that they trust.
func Combine(bundle, file string) error {
	all, err := os.ReadFile(bundle)
	if err != nil {
		return err
	}
	for _, machine := range machineFiles {
		if text, err := os.ReadFile(machine); err == nil {
			all = append(append(all, '\n'), text...)
			break
		}
	}
	return os.WriteFile(file, all, 0o644)
}
