package trust

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestIssuedCertificateIsWhatNodesAccept(t *testing.T) {
	dir, path := filepath.Join(t.TempDir(), "trust"), filepath.Join(t.TempDir(), "id_ecdsa")
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	ca, err := Open(dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.Issue(path, "session s1"); err != nil {
		t.Fatal(err)
	}
	authority, _, _, _, err := ssh.ParseAuthorizedKey([]byte(ca.PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	cert := readCertificate(t, path)
	at := func(moment time.Time) error {
		checker := ssh.CertChecker{Clock: func() time.Time { return moment },
			IsUserAuthority: func(key ssh.PublicKey) bool { return bytes.Equal(key.Marshal(), authority.Marshal()) }}
		return checker.CheckCert("root", cert)
	}
	if err := at(now); err != nil {
		t.Errorf("new certificate: %v", err)
	}
	if err := at(now.Add(Validity - time.Second)); err != nil {
		t.Errorf("certificate before its end: %v", err)
	}
	if at(now.Add(Validity+time.Second)) == nil {
		t.Error("certificate still holds after its validity")
	}
	if !bytes.Equal(cert.SignatureKey.Marshal(), authority.Marshal()) {
		t.Error("certificate is not signed by the published key")
	}
	private, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil || !bytes.Equal(signer.PublicKey().Marshal(), cert.Key.Marshal()) {
		t.Errorf("private key does not belong to the certificate (%v)", err)
	}
	for _, file := range []string{path, filepath.Join(dir, "ca")} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; expected 0600", file, info.Mode(), err)
		}
	}
}

func TestRenewKeepsTheKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "id_ecdsa")
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	ca, err := Open(t.TempDir(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.Issue(path, "s1"); err != nil {
		t.Fatal(err)
	}
	before := readCertificate(t, path)
	now = now.Add(Renewal)
	if err := ca.Renew(path, "s1"); err != nil {
		t.Fatal(err)
	}
	after := readCertificate(t, path)
	if !bytes.Equal(before.Key.Marshal(), after.Key.Marshal()) {
		t.Error("renewal changed the key")
	}
	if got := after.ValidBefore - before.ValidBefore; got != uint64(Renewal/time.Second) {
		t.Errorf("renewed for %d s more, expected %v", got, Renewal)
	}
}

func TestAuthorityStaysTheSame(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.PublicKey() != second.PublicKey() {
		t.Error("opening the directory again made another key")
	}
}

func readCertificate(t *testing.T, path string) *ssh.Certificate {
	t.Helper()
	text, err := os.ReadFile(path + "-cert.pub")
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ssh.Certificate)
}
