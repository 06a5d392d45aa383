package cfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

const (
	// maxDeadEvents is how many events that were set aside are kept; the oldest go.
	maxDeadEvents = 1000
	// maxDeadPayload is how much is kept of one, in bytes.
	maxDeadPayload = 64 << 10
)

// DeadEvent is an event that nobody can act on. It was set aside so that those
// behind it go on.
type DeadEvent struct {
	ID      string    `json:"id" doc:"Of its content: the same event has the same id"`
	Session string    `json:"session" doc:"Name of the session that it is about; empty if that cannot be read"`
	Reason  string    `json:"reason"`
	Payload []byte    `json:"payload" doc:"The event as it came, its first 64 KiB, in base64"`
	First   time.Time `json:"first" doc:"When it was first set aside"`
	Last    time.Time `json:"last" doc:"When it was last set aside"`
	Times   int       `json:"times" doc:"How often it came"`
}

func deadEvents(db *store.DB) *store.Table[DeadEvent] {
	return store.NewTable(db, store.Spec[DeadEvent]{Name: "cfs_dead_events", Kind: "Event", Key: func(e *DeadEvent) string { return e.ID },
		Indexes: []store.Index[DeadEvent]{{Column: "session", Of: func(e *DeadEvent) string { return e.Session }}}})
}

// SetAside keeps an event that nobody can act on; session may be empty.
func (s *Service) SetAside(ctx context.Context, payload []byte, session, reason string) error {
	sum := sha256.Sum256(payload)
	now := s.cfg.Now().UTC()
	e := DeadEvent{ID: hex.EncodeToString(sum[:8]), Session: session, First: now}
	return s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		before, err := s.dead.Get(ctx, e.ID)
		if err == nil {
			e = before
		} else if !fault.Is(err, fault.NotFound) {
			return err
		}
		e.Reason, e.Last, e.Payload = reason, now, payload[:min(len(payload), maxDeadPayload)]
		e.Times++
		if err := s.dead.Put(ctx, e); err != nil {
			return err
		}
		return s.pruneDead(ctx)
	})
}

func (s *Service) pruneDead(ctx context.Context) error {
	n, err := s.dead.Count(ctx, store.Query{})
	if err != nil || n <= maxDeadEvents {
		return err
	}
	all, err := s.DeadEvents(ctx)
	if err != nil {
		return err
	}
	ids := []string{}
	for _, e := range all[maxDeadEvents:] {
		ids = append(ids, e.ID)
	}
	_, err = s.dead.Delete(ctx, ids...)
	return err
}

// DeadEvents are the events that were set aside, the last one first.
func (s *Service) DeadEvents(ctx context.Context) ([]DeadEvent, error) {
	all, err := s.dead.List(ctx, store.Query{})
	slices.SortStableFunc(all, func(a, b DeadEvent) int { return b.Last.Compare(a.Last) })
	return all, err
}

// CountDeadEvents is how many there are.
func (s *Service) CountDeadEvents(ctx context.Context) (int, error) {
	return s.dead.Count(ctx, store.Query{})
}

// ForgetDeadEvents removes those about the session, or all, and returns how many
// they were.
func (s *Service) ForgetDeadEvents(ctx context.Context, session string) (int, error) {
	q := store.Query{}
	if session != "" {
		q.Where = []store.Match{store.Is("session", session)}
	}
	n := 0
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		list, err := s.dead.List(ctx, q)
		if err != nil {
			return err
		}
		ids := make([]string, len(list))
		for i := range list {
			ids[i] = list[i].ID
		}
		n = len(ids)
		_, err = s.dead.Delete(ctx, ids...)
		return err
	})
	return n, err
}
