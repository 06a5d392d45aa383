package certs

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// site is a directory with an authority and a server's certificate of it.
type site struct {
	*testing.T
	dir string
	a   *Authority
	now time.Time
}

func newSite(t *testing.T) *site {
	s := &site{T: t, dir: t.TempDir(), now: time.Now()}
	a, err := NewAuthority("site", s.now)
	s.must(err)
	s.must(a.Write(s.at("ca.pem"), s.at("ca-key.pem")))
	s.a, err = ReadAuthority(s.at("ca.pem"), s.at("ca-key.pem"))
	s.must(err)
	s.must(s.a.Server([]string{"127.0.0.1"}, s.at("server.pem"), s.at("server-key.pem"), s.now))
	return s
}

func (s *site) at(name string) string { return filepath.Join(s.dir, name) }

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) pair() *Pair {
	s.Helper()
	p, err := LoadPair(s.at("server.pem"), s.at("server-key.pem"), func() time.Time { return s.now })
	s.must(err)
	return p
}

// serve answers at an address, with the pair, what the clients' names are.
func (s *site) serve(p *Pair) string {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.VerifiedChains) > 0 {
			io.WriteString(w, r.TLS.PeerCertificates[0].Subject.String()) //nolint:errcheck // the client finds out
		}
	})}
	go server.Serve(tls.NewListener(l, p.Config())) //nolint:errcheck // it ends with Close
	s.Cleanup(func() { server.Close() })
	return "https://" + l.Addr().String()
}

func (s *site) get(url string, config *tls.Config) (string, error) {
	s.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

func TestServersAreKnownByTheBundle(t *testing.T) {
	s := newSite(t)
	url := s.serve(s.pair())
	pool, err := Pool(s.at("ca.pem"))
	s.must(err)
	if _, err := s.get(url, Client(pool)); err != nil {
		t.Errorf("with the authority: %v", err)
	}
	if _, err := s.get(url, Client(nil)); err == nil {
		t.Error("the machine's authorities know it")
	}
	old := Client(pool)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := s.get(url, old); err == nil {
		t.Error("it speaks a version of TLS before 1.2")
	}
}

func TestClientsAreKnownByTheirAuthorityAlone(t *testing.T) {
	s := newSite(t)
	p := s.pair()
	of, err := Authorities(s.at("ca.pem"))
	s.must(err)
	p.AskClients(of)
	url := s.serve(p)
	other := newSite(t)
	for _, c := range []struct {
		by   *site
		want string
		err  bool
	}{{s, "CN=alice,O=auditor", false}, {other, "", true}} {
		c.by.must(c.by.a.Client("alice", "auditor", c.by.at("alice.pem"), c.by.at("alice-key.pem"), s.now))
		own, err := tls.LoadX509KeyPair(c.by.at("alice.pem"), c.by.at("alice-key.pem"))
		s.must(err)
		config := Client(of)
		// A client leaves a certificate out of which the server does not know the
		// authority, unless it is told.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
		if got, err := s.get(url, config); got != c.want || (err != nil) != c.err {
			t.Errorf("by %s: %q, %v", c.by.dir, got, err)
		}
	}
	if got, err := s.get(url, Client(of)); got != "" || err != nil {
		t.Errorf("without one: %q, %v", got, err)
	}
}

// A pair that is being written is not taken, the one of before is shown meanwhile.
func TestPairFollowsItsFiles(t *testing.T) {
	s := newSite(t)
	p := s.pair()
	first := p.current().Leaf.SerialNumber
	look := func() *x509.Certificate {
		s.now = s.now.Add(lookAgain)
		return p.current().Leaf
	}
	s.must(os.WriteFile(s.at("server.pem"), []byte("half"), 0o600))
	if got := look(); got.SerialNumber.Cmp(first) != 0 {
		t.Error("half a file is a certificate")
	}
	s.must(s.a.Server([]string{"boot.example"}, s.at("server.pem"), s.at("server-key.pem"), s.now))
	if got := p.current().Leaf; got.SerialNumber.Cmp(first) != 0 {
		t.Error("it looks at the files at each connection")
	}
	if got := look(); got.VerifyHostname("boot.example") != nil {
		t.Errorf("it shows %v", got.DNSNames)
	}
	s.must(os.Remove(s.at("server.pem")))
	if got := look(); got.VerifyHostname("boot.example") != nil {
		t.Errorf("it shows %v", got.DNSNames)
	}
}

func TestWhatIsNoCertificateIsRefused(t *testing.T) {
	s := newSite(t)
	for name, err := range map[string]error{
		"a bundle without certificates": second(Pool(s.at("ca-key.pem"))),
		"a bundle that is not there":    second(Pool(s.at("none"))),
		"a key of another certificate":  second(LoadPair(s.at("server.pem"), s.at("ca-key.pem"), time.Now)),
		"an authority's other key":      second(ReadAuthority(s.at("ca.pem"), s.at("server-key.pem"))),
		"a server of no name":           s.a.Server(nil, s.at("x.pem"), s.at("x-key.pem"), s.now),
	} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for file, want := range map[string]os.FileMode{"ca-key.pem": 0o600, "server-key.pem": 0o600, "ca.pem": 0o644} {
		info, err := os.Stat(s.at(file))
		s.must(err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", file, info.Mode().Perm(), want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Git and OpenSSL trust a file's authorities and no others.
func TestCombinedBundleHasTheMachinesAsWell(t *testing.T) {
	s := newSite(t)
	machineFiles = []string{s.at("none"), s.at("server.pem")} // any certificate
	s.must(Combine(s.at("ca.pem"), s.at("all.pem")))
	all, err := Authorities(s.at("all.pem"))
	s.must(err)
	site, err := Authorities(s.at("ca.pem"))
	s.must(err)
	if all.Equal(site) {
		t.Error("the machine's are not there")
	}
}
