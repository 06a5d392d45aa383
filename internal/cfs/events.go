package cfs

import (
	"context"
	"encoding/json"
	"fmt"
)

// EventsTopic is the topic of session events, in the database or in Kafka.
const EventsTopic = "cfs-session-events"

// EventType is what happened to a session.
type EventType string

// The types.
const (
	EventCreate EventType = "CREATE"
	EventDelete EventType = "DELETE"
)

// Event tells that a session was created or deleted; Data is its v3 record at
// that time.
type Event struct {
	Type EventType `json:"type"`
	Data Session   `json:"data"`
}

// ReadEvent decodes a payload and refuses what nobody can act on.
func ReadEvent(payload []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(payload, &e); err != nil {
		return e, fmt.Errorf("not a session event: %w", err)
	}
	switch {
	case e.Type != EventCreate && e.Type != EventDelete:
		return e, fmt.Errorf("not a session event: expected type %s or %s, got %q", EventCreate, EventDelete, e.Type)
	case e.Data.Name == "":
		return e, fmt.Errorf("not a session event: %s names no session", e.Type)
	}
	return e, nil
}

// EventKey is what keeps events in order that belong together: the session's
// name.
func EventKey(payload []byte) []byte {
	var e struct {
		Data struct {
			Name string `json:"name"`
		} `json:"data"`
	}
	if json.Unmarshal(payload, &e) != nil {
		return nil
	}
	return []byte(e.Data.Name)
}

// Events takes session events. Put joins the transaction in ctx if it can, so
// that event and record commit together; store.Queue does.
type Events interface {
	Put(ctx context.Context, payload []byte) error
}

func (s *Service) publish(ctx context.Context, kind EventType, sessions ...Session) error {
	for _, data := range sessions {
		payload, err := json.Marshal(Event{Type: kind, Data: data})
		if err != nil {
			return err
		}
		if err := s.cfg.Events.Put(ctx, payload); err != nil {
			return err
		}
	}
	return nil
}
