package kubetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// authority signs the certificates of all parts.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// certify makes the authority and what the API server needs.
func (c *Cluster) certify() {
	key := newKey(c.t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		c.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		c.t.Fatal(err)
	}
	c.ca = &authority{t: c.t, cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	c.write("ca.crt", string(c.ca.pem))
	c.keep("server", "kube-apiserver")
	c.keep("kubelet-client", "apiserver", "system:masters")
	signing := newKey(c.t)
	public, err := x509.MarshalPKIXPublicKey(&signing.PublicKey)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write("accounts.key", string(keyPEM(c.t, signing)))
	c.write("accounts.pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	if err := os.Rename(c.kubeconfig("admin", "system:masters"), c.Kubeconfig()); err != nil {
		c.t.Fatal(err)
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keyPEM(t testing.TB, key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// issue makes a certificate for the name, which is in the groups.
func (a *authority) issue(name string, groups ...string) (cert, key []byte) {
	own := newKey(a.t)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: groups}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)}, DNSNames: []string{"localhost", "kubernetes.default.svc"}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &own.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), keyPEM(a.t, own)
}

// keep issues one into FILE.crt and FILE.key.
func (c *Cluster) keep(file, name string, groups ...string) {
	cert, key := c.ca.issue(name, groups...)
	c.write(file+".crt", string(cert))
	c.write(file+".key", string(key))
}

// kubeconfig is a file for the name, which is in the groups.
func (c *Cluster) kubeconfig(name string, groups ...string) string {
	cert, key := c.ca.issue(name, groups...)
	user := fmt.Sprintf("client-certificate-data: %s\n    client-key-data: %s", encoded(cert), encoded(key))
	return c.write(strings.ReplaceAll(name, ":", "-")+".conf", c.config(user))
}

// TokenConfig is the text of a kubeconfig for the bearer of a token.
func (c *Cluster) TokenConfig(token string) string { return c.config("token: " + token) }

func (c *Cluster) config(user string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
contexts:
- name: test
  context: {cluster: test, user: test}
clusters:
- name: test
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: test
  user:
    %s
`, c.Server(), encoded(c.ca.pem), user)
}

func encoded(text []byte) string { return base64.StdEncoding.EncodeToString(text) }
