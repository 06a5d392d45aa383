package bmc

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"time"
)

// Either takes TLS, with a certificate that it signs itself as BMCs do, and plain
// HTTP on the same port: what a client sends first tells which.
func Either(l net.Listener) (net.Listener, error) {
	certificate, err := selfSigned()
	if err != nil {
		return nil, err
	}
	return &either{l, &tls.Config{Certificates: []tls.Certificate{certificate}}}, nil
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	text := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Simulated BMC"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)} // BMCs whose clock was never set begin in 1970
	der, err := x509.CreateCertificate(rand.Reader, text, text, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

type either struct {
	net.Listener
	config *tls.Config
}

func (e *either) Accept() (net.Conn, error) {
	c, err := e.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &undecided{Conn: c, config: e.config}, nil
}

// undecided is a connection that is what its first byte says, which is read by
// who serves it, so that a client that sends nothing holds up no other.
type undecided struct {
	net.Conn
	config *tls.Config
	is     atomic.Pointer[net.Conn] // nil until then
}

// handshake is the first byte of TLS; no request of HTTP begins so.
const handshake = 0x16

func (u *undecided) Read(b []byte) (int, error) {
	if is := u.is.Load(); is != nil {
		return (*is).Read(b)
	}
	first := make([]byte, 1)
	if n, err := u.Conn.Read(first); n == 0 {
		return 0, err
	}
	var is net.Conn = &begun{Conn: u.Conn, rest: io.MultiReader(bytes.NewReader(first), u.Conn)}
	if first[0] == handshake {
		is = tls.Server(is, u.config)
	}
	u.is.Store(&is)
	return is.Read(b)
}

func (u *undecided) Write(b []byte) (int, error) {
	if is := u.is.Load(); is != nil {
		return (*is).Write(b)
	}
	return u.Conn.Write(b)
}

func (u *undecided) Close() error {
	if is := u.is.Load(); is != nil {
		return (*is).Close()
	}
	return u.Conn.Close()
}

// begun is a connection of which something was read already.
type begun struct {
	net.Conn
	rest io.Reader
}

func (b *begun) Read(p []byte) (int, error) { return b.rest.Read(p) }
