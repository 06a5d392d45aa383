package bos

import (
	"context"
	"strings"

	"github.com/drover-hpc/drover/internal/journal"
)

// Change alters the components with the keys in one transaction, together
// with a line in the journal for each status that changes. A power cut that
// becomes known stands in the record of its session, too. alter may return
// store.ErrUnchanged. Keys without a component are returned as missing.
func (s *Service) Change(ctx context.Context, keys []string, alter func(c *Component) error) (after []Component, missing []string, err error) {
	return s.ChangeBySteps(ctx, keys, func(c *Component, _ func()) error { return alter(c) })
}

// ChangeBySteps is Change where several steps are taken at once: alter calls
// step after each but the last, so that the journal has a line for each status
// although only the last one is written. After a step it must not return
// store.ErrUnchanged.
func (s *Service) ChangeBySteps(ctx context.Context, keys []string, alter func(c *Component, step func()) error) (after []Component, missing []string, err error) {
	if len(keys) == 0 {
		return nil, nil, nil
	}
	err = s.DB.InTx(ctx, func(ctx context.Context) error {
		told := consequences{}
		var at *Component
		var before Component
		step := func() {
			s.follows(&told, &before, at)
			before = *at
		}
		after, missing, err = s.components.Update(ctx, keys, func(c *Component) error {
			at, before = c, *c
			if err := alter(c, step); err != nil {
				return err
			}
			step()
			return nil
		})
		if err != nil {
			return err
		}
		if err := s.noteForced(ctx, told.forced); err != nil {
			return err
		}
		return s.Journal.Append(ctx, told.lines...)
	})
	return after, missing, err
}

// consequences are what is written elsewhere for changes of components.
type consequences struct {
	lines  []journal.Entry
	forced map[string][]ForcedOff // by session
}

// follows adds what follows from one step.
func (s *Service) follows(to *consequences, before, c *Component) {
	if f := forcedSince(before, c, s.Now()); f.Reason != "" {
		to.lines = append(to.lines, journal.Entry{Node: c.ID, Time: s.Now(), Source: "bos", Kind: "forced-off", Session: before.Session, Failed: true,
			Text: "forced off: " + f.Reason})
		if before.Session != "" {
			if to.forced == nil {
				to.forced = map[string][]ForcedOff{}
			}
			of := key(before.Engine.Tenant, before.Session)
			to.forced[of] = append(to.forced[of], f)
		}
	}
	to.lines = append(to.lines, s.lines(c, before)...)
}

// lines tells what a change of status means to an administrator.
func (s *Service) lines(c, before *Component) []journal.Entry {
	status, trouble := c.Computed(), c.Troubles.Newest()
	moved, erred := status != before.Computed(), trouble != "" && trouble != before.Troubles.Newest()
	if !moved && !erred {
		return nil
	}
	var text []string
	if moved {
		text = append(text, before.Computed()+" -> "+status)
	}
	if trouble != "" && (erred || status == StatusFailed) {
		text = append(text, trouble)
	}
	return []journal.Entry{{Node: c.ID, Time: s.Now(), Source: "bos", Kind: "status", Session: c.Session,
		Failed: erred || status == StatusFailed, Text: strings.Join(text, ": ")}}
}
