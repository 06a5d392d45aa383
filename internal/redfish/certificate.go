package redfish

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// Certificates say by what BMCs are known. A login's Fingerprint goes before them.
type Certificates struct {
	// Authorities sign those of BMCs; nil: the machine's.
	Authorities *x509.CertPool
	// Any takes every certificate: whoever answers at a BMC's address gets its
	// password.
	Any bool
}

// Know has BMCs be known by these; else they are by the zero Certificates. It is
// called before the driver is used.
func (d *Driver) Know(by Certificates) { d.known = by }

// ParseFingerprint reads the SHA-256 of a certificate in hexadecimal, with or without
// colons, and returns it in lower case without. Empty text is none.
func ParseFingerprint(text string) (string, error) {
	plain := strings.ToLower(strings.ReplaceAll(text, ":", ""))
	raw, err := hex.DecodeString(plain)
	if text != "" && (err != nil || len(raw) != sha256.Size) {
		return "", fault.New(fault.Invalid, "'%s' is no fingerprint: expected the SHA-256 of a certificate, 64 hexadecimal digits", text)
	}
	return plain, nil
}

// certificateError is a BMC that is not known by its certificate.
type certificateError struct {
	fingerprint, why string
}

func (e *certificateError) Error() string {
	return fmt.Sprintf("its certificate, of SHA-256 %s, is not known here: %s", e.fingerprint, e.why)
}

// secured is the configuration for a connection to the BMC of that name.
func (d *Driver) secured(name, fingerprint string) *tls.Config {
	config := d.tls.Clone()
	config.ServerName = name
	config.VerifyConnection = func(state tls.ConnectionState) error {
		return d.known.verify(state.PeerCertificates, name, fingerprint)
	}
	return config
}

// verify tells what is wrong with the chain that a BMC shows. It is asked for
// resumed connections as well.
func (c *Certificates) verify(chain []*x509.Certificate, name, fingerprint string) error {
	sum := sha256.Sum256(chain[0].Raw)
	shown := hex.EncodeToString(sum[:])
	switch {
	case fingerprint != "" && fingerprint != shown:
		return &certificateError{shown, "its endpoint has CertificateSHA256 " + fingerprint}
	case fingerprint != "" || c.Any:
		return nil
	}
	between := x509.NewCertPool()
	for _, one := range chain[1:] {
		between.AddCert(one)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: c.Authorities, Intermediates: between}); err != nil {
		return &certificateError{shown, fmt.Sprintf("%v; expected one of an authority in ca-bundle, CertificateSHA256 of the endpoint, or bmc-certificates any", err)}
	}
	return nil
}
