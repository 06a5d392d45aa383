// Package trust is how nodes come to trust CFS sessions: a certificate
// authority of Drover's own, whose public key nodes find in BSS, and short
// certificates for root that it signs for the key of each session.
//
//	CA (data directory) ─► Publish: BSS Global meta-data cfs_public_key ─► nodes' TrustedUserCAKeys
//	        └─► Issue: key and certificate, 12 h, for a session's SSH client
package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Validity is how long a certificate holds; Renewal is when a session that
// lasts gets the next.
const (
	Validity = 12 * time.Hour
	Renewal  = 6 * time.Hour
)

// principal is the user that certificates are for.
const principal = "root"

// Authority signs the keys of sessions.
type Authority struct {
	signer ssh.Signer
	now    func() time.Time
}

// Open reads the authority's key from dir, or makes one there the first time.
// now is the clock for certificates; nil is time.Now.
func Open(dir string, now func() time.Time) (*Authority, error) {
	if now == nil {
		now = time.Now
	}
	path := filepath.Join(dir, "ca")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(dir, path); err != nil {
			return nil, fmt.Errorf("create the SSH certificate authority: %w", err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the SSH certificate authority: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("read the SSH certificate authority %s: %w", path, err)
	}
	return &Authority{signer: signer, now: now}, nil
}

// create puts a key at path unless somebody else was faster.
func create(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	_, text, err := newKey("Drover CFS certificate authority")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".ca-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(text); err != nil {
		tmp.Close()
		return err
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// PublicKey is the authority's key as a line of TrustedUserCAKeys, without
// line end.
func (a *Authority) PublicKey() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(a.signer.PublicKey())))
}

// Issue makes a key pair and its certificate and writes them for OpenSSH:
// path, path.pub and path-cert.pub. Existing files are replaced one by one; a
// reader finds either the old or the new.
func (a *Authority) Issue(path, keyID string) error {
	public, private, err := newKey(keyID)
	if err != nil {
		return fmt.Errorf("make SSH key: %w", err)
	}
	return errors.Join(
		replace(path, private),
		replace(path+".pub", ssh.MarshalAuthorizedKey(public)),
		a.certify(path, public, keyID))
}

// Renew writes a new certificate for the key that Issue wrote to path.
func (a *Authority) Renew(path, keyID string) error {
	text, err := os.ReadFile(path + ".pub")
	if err != nil {
		return fmt.Errorf("renew SSH certificate: %w", err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return fmt.Errorf("renew SSH certificate: %w", err)
	}
	return a.certify(path, public, keyID)
}

func (a *Authority) certify(path string, public ssh.PublicKey, keyID string) error {
	now := a.now()
	cert := &ssh.Certificate{
		Key: public, KeyId: keyID, CertType: ssh.UserCert, ValidPrincipals: []string{principal},
		ValidAfter:  uint64(now.Add(-5 * time.Minute).Unix()), // nodes' clocks may be behind
		ValidBefore: uint64(now.Add(Validity).Unix()),
		Permissions: ssh.Permissions{Extensions: map[string]string{
			"permit-pty": "", "permit-port-forwarding": "", "permit-agent-forwarding": "", "permit-user-rc": ""}},
	}
	if err := cert.SignCert(rand.Reader, a.signer); err != nil {
		return fmt.Errorf("sign SSH certificate: %w", err)
	}
	return replace(path+"-cert.pub", ssh.MarshalAuthorizedKey(cert))
}

func newKey(comment string) (ssh.PublicKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	public, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return nil, nil, err
	}
	return public, pem.EncodeToMemory(block), nil
}

// replace puts a file that only the owner can read in place with one rename.
func replace(path string, text []byte) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
