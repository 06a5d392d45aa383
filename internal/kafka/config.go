package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/drover-hpc/drover/internal/fault"
)

// The SASL mechanisms, as options name them.
const (
	SASLPlain    = "plain"
	SASLScram256 = "scram-sha-256"
	SASLScram512 = "scram-sha-512"
)

// Mechanisms are all of them.
var Mechanisms = []string{SASLPlain, SASLScram256, SASLScram512}

// Config says which topic of which brokers, and how they are reached.
type Config struct {
	Brokers []string // HOST:PORT each
	Topic   string
	Group   string // of consumers
	// Create allows to create the topic if it is not there.
	Create bool

	TLS bool
	CA  string // file with the certificates that sign the brokers'; empty: the system's
	// SASL is one of Mechanisms, or empty.
	SASL         string
	User         string
	PasswordFile string // read anew for each connection
}

// options are those of every client.
func (c *Config) options() ([]kgo.Opt, error) {
	out := []kgo.Opt{kgo.SeedBrokers(c.Brokers...), kgo.ClientID("drover"),
		// A broker that comes back is found soon: the defaults are 5 s and 5 min.
		kgo.MetadataMinAge(250 * time.Millisecond), kgo.MetadataMaxAge(30 * time.Second)}
	if c.TLS {
		settings := &tls.Config{MinVersion: tls.VersionTLS12}
		if c.CA != "" {
			text, err := os.ReadFile(c.CA)
			if err != nil {
				return nil, fault.New(fault.Invalid, "certificates of Kafka's brokers: %w", err)
			}
			settings.RootCAs = x509.NewCertPool()
			if !settings.RootCAs.AppendCertsFromPEM(text) {
				return nil, fault.New(fault.Invalid, "certificates of Kafka's brokers: %s has no certificate in PEM", c.CA)
			}
		}
		out = append(out, kgo.DialTLSConfig(settings))
	}
	if c.SASL != "" {
		mechanism, err := c.mechanism()
		if err != nil {
			return nil, err
		}
		out = append(out, kgo.SASL(mechanism))
	}
	return out, nil
}

func (c *Config) mechanism() (sasl.Mechanism, error) {
	if _, err := c.password(); err != nil {
		return nil, err
	}
	scrams := func(context.Context) (scram.Auth, error) {
		password, err := c.password()
		return scram.Auth{User: c.User, Pass: password}, err
	}
	switch c.SASL {
	case SASLPlain:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			password, err := c.password()
			return plain.Auth{User: c.User, Pass: password}, err
		}), nil
	case SASLScram256:
		return scram.Sha256(scrams), nil
	case SASLScram512:
		return scram.Sha512(scrams), nil
	}
	return nil, fault.New(fault.Invalid, "SASL: expected one of %s, got %q", strings.Join(Mechanisms, ", "), c.SASL)
}

// password is what the file holds, without the line's end.
func (c *Config) password() (string, error) {
	text, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fault.New(fault.Invalid, "password of Kafka: %w", err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return "", fault.New(fault.Invalid, "password of Kafka: %s is empty", c.PasswordFile)
	}
	return password, nil
}

func (c *Config) String() string {
	return fmt.Sprintf("topic %s at %s", c.Topic, strings.Join(slices.Sorted(slices.Values(c.Brokers)), ","))
}
