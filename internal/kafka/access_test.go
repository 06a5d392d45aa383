package kafka_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/drover-hpc/drover/internal/kafka"
	"github.com/drover-hpc/drover/internal/kafka/kafkatest"
)

// certificate is one of 127.0.0.1 that signs itself, and the file that holds it.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// goesThrough sends a message and takes it.
func (f *fixture) goesThrough(c kafka.Config) {
	f.t.Helper()
	b := f.open(c)
	f.relay(b, f.outbox)
	f.put(1, "a")
	m := f.join(b)
	defer m.Close()
	m.done(m.due("the message", atLeast(1)))
}

func TestMessagesGoThroughTLSAndSASL(t *testing.T) {
	own, ca := certificate(t)
	for mechanism, name := range map[string]string{kafka.SASLPlain: "PLAIN", kafka.SASLScram256: "SCRAM-SHA-256", kafka.SASLScram512: "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			f := newFixture(t, kafkatest.NewFake(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{own}}),
				kfake.EnableSASL(), kfake.Superuser(name, "drover", "secret")))
			c := f.config()
			c.TLS, c.CA, c.SASL, c.User, c.PasswordFile = true, ca, mechanism, "drover", write(t, "password", "secret\n")
			f.goesThrough(c)
		})
	}
}

// kfake ends the connection of who has a wrong password; a real broker says so.
func TestWrongPasswordEndsTheStart(t *testing.T) {
	brokers := kafkatest.NewReal(t)
	f := newFixture(t, brokers)
	users := []kadm.UpsertSCRAM{{User: kafkatest.User, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: kafkatest.Password},
		{User: kafkatest.User, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: kafkatest.Password}}
	for _, user := range users {
		made, err := f.admin().AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{user})
		if err == nil {
			err = made[kafkatest.User].Err
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, mechanism := range kafka.Mechanisms {
		t.Run(mechanism, func(t *testing.T) {
			f := newFixture(t, brokers)
			c := f.config()
			c.Brokers = []string{brokers.Guarded()}
			c.SASL, c.User, c.PasswordFile = mechanism, kafkatest.User, write(t, "password", "wrong")
			if err := f.refused(c); !strings.Contains(err.Error(), "refuses") || strings.Contains(err.Error(), "wrong") {
				t.Error(err)
			}
			c.PasswordFile = write(t, "password", kafkatest.Password+"\n")
			c.Topic, c.Group = topic+mechanism, group+mechanism
			f.goesThrough(c)
		})
	}
}

func TestBrokerOfAnUnknownAuthorityIsRefused(t *testing.T) {
	own, ca := certificate(t)
	_, other := certificate(t)
	f := newFixture(t, kafkatest.NewFake(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{own}})))
	c := f.config()
	c.TLS, c.CA = true, other
	if err := f.refused(c); !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	c.CA = ca
	f.goesThrough(c)
}

func TestFilesThatCannotServeAreNamed(t *testing.T) {
	f := newFixture(t, kafkatest.NewFake(t))
	for file, change := range map[string]func(c *kafka.Config, file string){
		write(t, "empty", ""):         func(c *kafka.Config, file string) { c.SASL, c.User, c.PasswordFile = kafka.SASLPlain, "u", file },
		write(t, "nothing.pem", "x"):  func(c *kafka.Config, file string) { c.TLS, c.CA = true, file },
		"/nowhere/" + t.Name():        func(c *kafka.Config, file string) { c.TLS, c.CA = true, file },
		"/nowhere/" + t.Name() + "-p": func(c *kafka.Config, file string) { c.SASL, c.User, c.PasswordFile = kafka.SASLPlain, "u", file },
	} {
		c := f.config()
		change(&c, file)
		if b, err := kafka.Open(t.Context(), c); err == nil {
			b.Close()
			t.Errorf("%s: opened", file)
		} else if !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
