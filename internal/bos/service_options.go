package bos

import (
	"context"
	"encoding/json"

	"github.com/drover-hpc/drover/internal/fault"
)

// settings is the stored form: what was set, over the defaults.
type settings struct {
	Options Options `json:"options"`
}

// OptionsKey is the key under which changes of the options are hinted.
const OptionsKey = "options"

// Options returns the settings. They are read once and again after a change.
func (s *Service) Options(ctx context.Context) (Options, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stale.Ready():
		s.stale.Take()
		s.options = nil
	default:
	}
	if s.options == nil {
		o, err := s.readOptions(ctx)
		if err != nil {
			return Options{}, err
		}
		s.options = &o
	}
	return *s.options, nil
}

func (s *Service) readOptions(ctx context.Context) (Options, error) {
	stored, err := s.settings.Get(ctx, OptionsKey)
	if fault.Is(err, fault.NotFound) {
		return DefaultOptions(), nil
	}
	return stored.Options, err
}

// SetOptions merges a JSON object of options and returns all of them. Names
// that are not known are ignored.
func (s *Service) SetOptions(ctx context.Context, patch []byte) (Options, error) {
	var out Options
	err := s.DB.InTx(ctx, func(ctx context.Context) error {
		now, err := s.readOptions(ctx)
		if err != nil {
			return err
		}
		var names map[string]json.RawMessage
		if err := json.Unmarshal(patch, &names); err != nil || len(names) == 0 {
			return invalid("expected an object with at least one option")
		}
		if err := json.Unmarshal(patch, &now); err != nil {
			return invalid("options: %w", err)
		}
		out = now
		return s.settings.Put(ctx, settings{Options: now})
	})
	return out, err
}
