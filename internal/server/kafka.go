package server

import (
	"context"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cfs/operator"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/kafka"
	"github.com/drover-hpc/drover/internal/store"
)

// Kafka is where the events of CFS sessions go, if anywhere.
type Kafka struct {
	Brokers      []string      `mapstructure:"kafka"`
	Topic        string        `mapstructure:"kafka-topic"`
	Group        string        `mapstructure:"kafka-group"`
	Create       bool          `mapstructure:"kafka-create-topic"`
	Wait         time.Duration `mapstructure:"kafka-wait"`
	TLS          bool          `mapstructure:"kafka-tls"`
	CA           string        `mapstructure:"kafka-ca"`
	SASL         string        `mapstructure:"kafka-sasl"`
	User         string        `mapstructure:"kafka-user"`
	PasswordFile string        `mapstructure:"kafka-password-file"`
}

func declareKafka(f *pflag.FlagSet) {
	f.StringSlice("kafka", nil, "`HOST:PORT`s of Kafka brokers, with commas between them: events of CFS sessions go through Kafka (without it: through the database)")
	f.String("kafka-topic", cfs.EventsTopic, "`TOPIC` of the events of CFS sessions")
	f.String("kafka-group", "cfs-operator", "`GROUP` of consumers to which this server belongs")
	f.Bool("kafka-create-topic", true, "create the topic if it is not there, with a retention of 7 days; else its absence ends the start")
	f.Duration("kafka-wait", 30*time.Second, "longest `TIME` that a new CFS session waits for its event; then its record alone has it run")
	f.Bool("kafka-tls", false, "speak TLS to the brokers")
	f.String("kafka-ca", "", "`FILE` with the certificates (PEM) that sign those of the brokers; without it the system's are trusted")
	f.String("kafka-sasl", "", "`MECHANISM` by which this server authenticates to the brokers: "+strings.Join(kafka.Mechanisms, ", "))
	f.String("kafka-user", "", "`USER` for kafka-sasl")
	f.String("kafka-password-file", "", "`FILE` with the password for kafka-sasl; it is read for each connection")
}

// check refuses what cannot work together.
func (k *Kafka) check() error {
	for flag, path := range map[string]*string{"kafka-ca": &k.CA, "kafka-password-file": &k.PasswordFile} {
		var err error
		if *path, err = absolute(*path); err != nil {
			return fault.New(fault.Invalid, "%s: %w", flag, err)
		}
	}
	if len(k.Brokers) == 0 {
		if k.TLS || k.CA != "" || k.SASL != "" || k.User != "" || k.PasswordFile != "" {
			return fault.New(fault.Invalid, "kafka: expected HOST:PORT of a broker with the other options of Kafka")
		}
		return nil
	}
	for _, b := range k.Brokers {
		host, port, err := net.SplitHostPort(b)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || host == "" {
			return fault.New(fault.Invalid, "kafka: expected HOST:PORT such as kafka.example.org:9092, got %q", b)
		}
	}
	switch {
	case k.Topic == "":
		return fault.New(fault.Invalid, "kafka-topic: expected a name")
	case k.Group == "":
		return fault.New(fault.Invalid, "kafka-group: expected a name")
	case k.Wait < time.Second:
		return fault.New(fault.Invalid, "kafka-wait: expected at least 1s, got %s", k.Wait)
	case k.CA != "" && !k.TLS:
		return fault.New(fault.Invalid, "kafka-ca: kafka-tls is needed with it")
	case k.SASL == "" && (k.User != "" || k.PasswordFile != ""):
		return fault.New(fault.Invalid, "kafka-sasl: expected one of %s with kafka-user and kafka-password-file", strings.Join(kafka.Mechanisms, ", "))
	case k.SASL != "" && !slices.Contains(kafka.Mechanisms, k.SASL):
		return fault.New(fault.Invalid, "kafka-sasl: expected one of %s, got %q", strings.Join(kafka.Mechanisms, ", "), k.SASL)
	case k.SASL != "" && (k.User == "" || k.PasswordFile == ""):
		return fault.New(fault.Invalid, "kafka-sasl: kafka-user and kafka-password-file are needed with it")
	}
	for flag, file := range map[string]string{"kafka-ca": k.CA, "kafka-password-file": k.PasswordFile} {
		if file == "" {
			continue
		}
		if _, err := os.ReadFile(file); err != nil {
			return fault.New(fault.Invalid, "%s: %w", flag, err)
		}
	}
	return nil
}

// carrier is what brings the events of sessions from the service to the
// operator.
type carrier struct {
	outbox *store.Queue // where the service puts them: all there is without Kafka
	broker *kafka.Broker
	relay  *kafka.Relay
	queue  operator.Queue // where the operator gets them
}

// openSessionEvents connects to Kafka if the configuration has it.
func (s *Server) openSessionEvents(ctx context.Context) (*carrier, error) {
	e := &carrier{outbox: store.NewQueue(s.db, cfs.EventsTopic, s.now)}
	e.queue = e.outbox
	k := &s.config.Kafka
	if len(k.Brokers) == 0 {
		return e, nil
	}
	if k.SASL == kafka.SASLPlain && !k.TLS {
		slog.Warn("the password for Kafka goes over the network in clear text", "kafka-sasl", k.SASL, "kafka-tls", k.TLS)
	}
	var err error
	e.broker, err = kafka.Open(ctx, kafka.Config{Brokers: k.Brokers, Topic: k.Topic, Group: k.Group, Create: k.Create,
		TLS: k.TLS, CA: k.CA, SASL: k.SASL, User: k.User, PasswordFile: k.PasswordFile})
	if err != nil {
		return nil, err
	}
	s.onStop(e.broker.Close)
	queue, err := e.broker.NewQueue(ctx, func(table string) { s.hub.Changed(table, nil) }, s.now)
	if err != nil {
		return nil, err
	}
	s.onStop(queue.Close)
	e.queue, e.relay = queue, kafka.NewRelay(e.broker, e.outbox, s.hub, cfs.EventKey)
	e.relay.Start(context.WithoutCancel(ctx))
	s.onStop(e.relay.Stop)
	return e, nil
}

// health is cfs.Config.Broker.
func (e *carrier) health() func(context.Context) error {
	if e.broker == nil {
		return nil
	}
	return e.broker.Health
}

// wait is operator.Config.EventWait.
func (e *carrier) wait(k *Kafka) time.Duration {
	if e.broker == nil {
		return 0
	}
	return k.Wait
}

// lag is how many events have not reached the operator.
func (e *carrier) lag(ctx context.Context) (int64, error) {
	n, err := e.outbox.Len(ctx)
	if err != nil || e.broker == nil {
		return n, err
	}
	on, err := e.broker.Lag(ctx)
	return n + on, err
}
