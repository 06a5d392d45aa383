package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/certs"
)

// overTLS has each cluster of nodes be reached over TLS, and its nodes by doors of
// their own.
var overTLS = os.Getenv("OVER_TLS") != ""

// locks are the certificates of a server, and the doors that nodes have there.
type locks struct {
	dir, authority string
	nodes, objects string // HOST:PORT
	trust          *x509.CertPool
}

// withLocks has the cluster, which has not begun, be reached over TLS.
func (c *cluster) withLocks() *locks {
	c.t.Helper()
	l := &locks{dir: filepath.Join(c.dir, "certificates"), nodes: freeAddress(c.t), objects: freeAddress(c.t)}
	l.authority = filepath.Join(l.dir, "ca.pem")
	c.locks = l
	c.drover("certificates", "server", l.dir)
	var err error
	if l.trust, err = certs.Pool(l.authority); err != nil {
		c.t.Fatal(err)
	}
	c.flags = append(c.flags, "--tls-cert", filepath.Join(l.dir, "server.pem"), "--tls-key", filepath.Join(l.dir, "server-key.pem"), "--ca-bundle", l.authority,
		"--client-ca", l.authority, "--node-listen", l.nodes, "--node-s3-listen", l.objects)
	return l
}

// transport is that of clients of the administrators' door.
func (c *cluster) transport() http.RoundTripper {
	if c.locks == nil {
		return http.DefaultTransport
	}
	return certs.Transport(c.locks.trust)
}

// nodesURL is where nodes come to.
func (c *cluster) nodesURL() string {
	if c.locks == nil {
		return c.url()
	}
	return "http://" + c.locks.nodes
}

// nodesHTTP makes the nodes' calls; nil: the usual.
func (c *cluster) nodesHTTP() *http.Client {
	if c.locks == nil {
		return nil
	}
	return &http.Client{Transport: certs.Transport(c.locks.trust)}
}

// Administrators, their git and their uploads come over TLS, this server's jobs over
// loopback, and nodes, whose firmware speaks no TLS, by doors where there is nothing
// but what they need.
func TestDoorsWithTLS(t *testing.T) {
	t.Parallel()
	alone(t, "a server with certificates")
	c := prepare(t, nil)
	l := c.withLocks()
	c.withFleet(2)
	c.configure("site", motd("locked"))
	c.template("compute", "site")
	c.succeed(c.session("compute", "boot"))
	if got := c.motdOf(c.nodes[0]); got != "locked" {
		t.Errorf("motd %q", got)
	}
	c.act("the object store shows nodes what links fetch, and nothing else", func() {
		for _, path := range []string{"", "boot-images", "boot-images/x?X-Amz-Signature=0"} {
			status, body := c.plainly(l.objects, path)
			if want := map[bool]int{false: http.StatusNotFound, true: http.StatusBadRequest}[strings.Contains(path, "?")]; status != want {
				c.t.Errorf("/%s: %d %s, want %d", path, status, body, want)
			}
		}
	})
	c.act("plain HTTP is refused, and a client that does not know the authority refuses", func() {
		if status, body := c.plainly(c.listen, "livez"); status != http.StatusBadRequest {
			c.t.Errorf("plain HTTP: %d %s", status, body)
		}
		if _, err := http.Get(c.url() + "/livez"); err == nil || !strings.Contains(err.Error(), "unknown authority") { //nolint:bodyclose // there is none
			c.t.Errorf("a client without the authority: %v", err)
		}
	})
	c.act("a certificate stands for a token", func() { c.checkCertified() })
	c.act("a new certificate is shown without a restart", func() {
		before := c.shown()
		c.drover("certificates", "server", l.dir, "--name", "127.0.0.1,boot.example")
		c.eventually("the new certificate is shown", func() bool {
			now := c.shown()
			return now.SerialNumber.Cmp(before.SerialNumber) != 0 && now.VerifyHostname("boot.example") == nil
		})
		if got := c.drover("auth", "whoami"); !strings.Contains(got, "administrator") {
			c.t.Errorf("%s", got)
		}
	})
}

// plainly is what a GET over plain HTTP is answered.
func (c *cluster) plainly(address, path string) (status int, body string) {
	c.t.Helper()
	resp, err := http.Get("http://" + address + "/" + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (c *cluster) checkCertified() {
	c.t.Helper()
	c.drover("certificates", "client", c.locks.dir, "alice", "--role", "auditor")
	own, err := tls.LoadX509KeyPair(filepath.Join(c.locks.dir, "alice.pem"), filepath.Join(c.locks.dir, "alice-key.pem"))
	if err != nil {
		c.t.Fatal(err)
	}
	config := certs.Client(c.locks.trust)
	config.Certificates = []tls.Certificate{own}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	for path, want := range map[string]int{"/apis/drover/v1/whoami": http.StatusOK, "/apis/bos/v2/sessions": http.StatusOK, "/apis/drover/v1/tokens": http.StatusForbidden} {
		resp, err := client.Get(c.url() + path)
		if err != nil {
			c.t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body) //nolint:errcheck // the status says it
		resp.Body.Close()
		if resp.StatusCode != want || strings.HasSuffix(path, "whoami") && !strings.Contains(string(text), "alice") {
			c.t.Errorf("%s: %s %s", path, resp.Status, text)
		}
	}
	// Whoever says so himself is nobody.
	port, err := os.ReadFile(filepath.Join(c.dir, "data", "local-port"))
	if err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%s/apis/bos/v2/sessions", strings.TrimSpace(string(port))), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Drover-Client-Certificate", "CN=x&O=administrator")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		c.t.Errorf("a certificate in a header: %s", resp.Status)
	}
}

// shown is the certificate that the server shows now.
func (c *cluster) shown() *x509.Certificate {
	c.t.Helper()
	conn, err := tls.Dial("tcp", c.listen, certs.Client(c.locks.trust))
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}
