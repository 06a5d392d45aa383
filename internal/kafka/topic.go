package kafka

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/drover-hpc/drover/internal/fault"
)

const (
	// partitions of a topic that is created here: so many members of the group
	// can share it.
	partitions = 6
	// keep is for how long a topic that is created here keeps messages: a server
	// may be away for a long weekend.
	keep = 7 * 24 * time.Hour
	// leastKeep is the least that a topic made elsewhere has to keep them.
	leastKeep = time.Hour
)

// Refusal is what waiting does not mend: a topic that is missing or unfit,
// credentials that are refused.
type Refusal struct{ err error }

func (r *Refusal) Error() string { return r.err.Error() }
func (r *Refusal) Unwrap() error { return r.err }

func refuse(format string, args ...any) error {
	return &Refusal{fault.New(fault.Invalid, format, args...)}
}

// Prepare looks after the topic, once it has succeeded no more until something
// says that the topic is gone.
func (b *Broker) Prepare(ctx context.Context) error {
	b.prepare.Lock()
	defer b.prepare.Unlock()
	if b.ready {
		return nil
	}
	found, err := b.exists(ctx)
	if err != nil {
		return err
	}
	if found {
		err = b.fit(ctx)
	} else {
		err = b.create(ctx)
	}
	b.ready = err == nil
	return err
}

// gone has Prepare look after the topic again.
func (b *Broker) gone() {
	b.prepare.Lock()
	b.ready = false
	b.prepare.Unlock()
	b.client.PurgeTopicsFromProducing(b.cfg.Topic) // one that is made anew has another ID
}

// topicGone tells whether the error says that there is no topic, or another one
// by its name.
func topicGone(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.InconsistentTopicID)
}

func (b *Broker) exists(ctx context.Context) (bool, error) {
	found, err := b.admin.Metadata(ctx, b.cfg.Topic)
	switch {
	case refusedForGood(err):
		return false, refuse("kafka refuses this server (%s): %w", &b.cfg, err)
	case err != nil:
		return false, fmt.Errorf("kafka does not answer (%s): %w", &b.cfg, err)
	}
	err = found.Topics[b.cfg.Topic].Err
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return false, nil
	case refusedForGood(err):
		return false, refuse("kafka, topic %s: %w", b.cfg.Topic, err)
	}
	return true, err
}

func (b *Broker) create(ctx context.Context) error {
	if !b.cfg.Create {
		return refuse("kafka has no topic %s, and it may not be created: create it with a retention of at least %s, or allow it", b.cfg.Topic, leastKeep)
	}
	retention, policy := strconv.FormatInt(keep.Milliseconds(), 10), "delete"
	made, err := b.admin.CreateTopic(ctx, partitions, -1, map[string]*string{"retention.ms": &retention, "cleanup.policy": &policy}, b.cfg.Topic)
	if err == nil {
		err = made.Err
	}
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists): // another server was faster
		return nil
	case refusedForGood(err):
		return refuse("kafka has no topic %s, and creating it is refused: create it with a retention of at least %s: %w", b.cfg.Topic, leastKeep, err)
	case err != nil:
		return fmt.Errorf("kafka: create topic %s: %w", b.cfg.Topic, err)
	}
	slog.Info("created a topic of Kafka", "topic", b.cfg.Topic, "partitions", partitions, "retention", keep)
	return nil
}

// fit checks for how long a topic that was there keeps messages. Brokers may
// not let everybody ask.
func (b *Broker) fit(ctx context.Context) error {
	all, err := b.admin.DescribeTopicConfigs(ctx, b.cfg.Topic)
	if err != nil {
		return fmt.Errorf("kafka: settings of topic %s: %w", b.cfg.Topic, err)
	}
	settings, err := all.On(b.cfg.Topic, nil)
	if err == nil {
		err = settings.Err
	}
	if err != nil {
		slog.Warn("cannot tell for how long Kafka keeps messages", "topic", b.cfg.Topic, "error", err)
		return nil
	}
	for _, s := range settings.Configs {
		ms, err := strconv.ParseInt(s.MaybeValue(), 10, 64)
		if s.Key == "retention.ms" && err == nil && ms >= 0 && ms < leastKeep.Milliseconds() {
			return refuse("kafka keeps messages of topic %s for %s (retention.ms=%d): expected at least %s, else they are lost while no server reads them",
				b.cfg.Topic, time.Duration(ms)*time.Millisecond, ms, leastKeep)
		}
	}
	return nil
}

// refusedForGood tells whether the error is about who asks, or about whom.
func refusedForGood(err error) bool {
	for _, e := range []error{kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState, kerr.TopicAuthorizationFailed,
		kerr.ClusterAuthorizationFailed, kerr.InvalidTopicException, kerr.PolicyViolation} {
		if errors.Is(err, e) {
			return true
		}
	}
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &authority) || errors.As(err, &name) || errors.As(err, &invalid)
}
