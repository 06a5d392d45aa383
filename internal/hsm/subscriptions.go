package hsm

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// kept is a notification that a subscriber has not got yet. It is written with
// the change that it tells of.
type kept struct {
	Key          string       `json:"key"` // subscription and order
	Since        time.Time    `json:"since"`
	Notification Notification `json:"notification"`
}

// changed is what became of a component.
type changed struct {
	id   string
	news []news
}

// announce keeps notifications of the changes for those who want to hear of
// them: part of the transaction that made the changes.
func (s *Service) announce(ctx context.Context, all []changed) error {
	if len(all) == 0 {
		return nil
	}
	subscribers, err := s.subscriptions.List(ctx, store.Query{})
	if err != nil || len(subscribers) == 0 {
		return err
	}
	var order []news
	who := map[news][]string{}
	for _, c := range all {
		for _, n := range c.news {
			if who[n] == nil {
				order = append(order, n)
			}
			who[n] = append(who[n], c.id)
		}
	}
	now := s.now().UTC()
	var rows []kept
	for i := range subscribers {
		for _, n := range order {
			if subscribers[i].wants(n) {
				rows = append(rows, kept{s.notifier.key(subscribers[i].ID, now), now, n.notification(who[n], now.Format(time.RFC3339Nano))})
			}
		}
	}
	return s.notifications.Put(ctx, rows...)
}

// updateComponents changes components by alter, which tells whether it did, and
// announces what it changed. It returns the keys of those that there are not.
func (s *Service) updateComponents(ctx context.Context, keys []string, alter func(*Component) bool) (missing []string, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		var all []changed
		_, missing, err = s.components.Update(ctx, keys, func(c *Component) error {
			before := *c
			if !alter(c) {
				return store.ErrUnchanged
			}
			if n := newsOf(&before, c); len(n) > 0 {
				all = append(all, changed{c.ID, n})
			}
			return nil
		})
		if err != nil {
			return err
		}
		return s.announce(ctx, all)
	})
	return missing, err
}

// addComponents writes new components and announces them.
func (s *Service) addComponents(ctx context.Context, added []Component) error {
	if err := s.applyDefaults(ctx, added); err != nil {
		return err
	}
	all := make([]changed, len(added))
	for i := range added {
		all[i] = changed{added[i].ID, newsOf(nil, &added[i])}
	}
	if err := s.components.Put(ctx, added...); err != nil {
		return err
	}
	return s.announce(ctx, all)
}

// Subscriptions returns all subscriptions.
func (s *Service) Subscriptions(ctx context.Context) ([]Subscription, error) {
	all, err := s.subscriptions.List(ctx, store.Query{})
	return append([]Subscription{}, all...), err
}

// Subscription returns one subscription.
func (s *Service) Subscription(ctx context.Context, id string) (Subscription, error) {
	sub, err := s.subscriptions.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "there is no subscription '%s'", id)
	}
	return sub, err
}

// maxSubscriptions bounds how many there are: each is asked at each change.
const maxSubscriptions = 1000

// Subscribe adds a subscription; one of the same subscriber to the same URL is a
// conflict.
func (s *Service) Subscribe(ctx context.Context, sub Subscription) (Subscription, error) {
	if err := sub.settle(&s.words); err != nil {
		return sub, err
	}
	sub.ID = uuid.NewString()
	return sub, s.db.InTx(ctx, func(ctx context.Context) error {
		all, err := s.subscriptions.List(ctx, store.Query{})
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].Subscriber == sub.Subscriber && all[i].URL == sub.URL {
				return fault.New(fault.Conflict, "subscription '%s' is of the same Subscriber and Url: PUT or PATCH that one", all[i].ID)
			}
		}
		if len(all) >= maxSubscriptions {
			return fault.New(fault.Conflict, "there are %d subscriptions, which is the most that there may be", len(all))
		}
		return s.subscriptions.Insert(ctx, sub)
	})
}

// ReplaceSubscription has another subscription take the place of that with the
// ID.
func (s *Service) ReplaceSubscription(ctx context.Context, id string, sub Subscription) error {
	if err := sub.settle(&s.words); err != nil {
		return err
	}
	sub.ID = id
	return s.alterSubscription(ctx, id, func(old *Subscription) error {
		*old = sub
		return nil
	})
}

// PatchSubscription adds wishes, removes or replaces them.
func (s *Service) PatchSubscription(ctx context.Context, id, op string, given SubscriptionWishes) error {
	if err := given.settle(&s.words); err != nil {
		return err
	}
	return s.alterSubscription(ctx, id, func(sub *Subscription) error { return sub.patch(op, given) })
}

func (s *Service) alterSubscription(ctx context.Context, id string, alter func(*Subscription) error) error {
	_, err := s.subscriptions.UpdateOne(ctx, id, alter)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "there is no subscription '%s'", id)
	}
	return err
}

// Unsubscribe removes subscriptions, nil for all, with what was not delivered
// yet. It returns how many there were.
func (s *Service) Unsubscribe(ctx context.Context, ids []string) (n int, err error) {
	return n, s.db.InTx(ctx, func(ctx context.Context) error {
		if n, err = deleteFrom(ctx, s.db, s.subscriptions, ids, func(sub *Subscription) string { return sub.ID }); err != nil {
			return err
		}
		prefixes := []string{""}
		if ids != nil {
			prefixes = nil
			for _, id := range ids {
				prefixes = append(prefixes, id+"/")
			}
		}
		for _, prefix := range prefixes {
			if err := s.forget(ctx, store.Query{Prefix: prefix}); err != nil {
				return err
			}
		}
		return nil
	})
}

// forget removes notifications.
func (s *Service) forget(ctx context.Context, q store.Query) error {
	rows, err := s.notifications.List(ctx, q)
	if err != nil {
		return err
	}
	_, err = s.notifications.Delete(ctx, keysOf(rows)...)
	return err
}

func keysOf(rows []kept) []string {
	keys := make([]string, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	return keys
}

// key orders a subscriber's notifications.
func (n *notifier) key(subscription string, now time.Time) string {
	return fmt.Sprintf("%s/%020d-%010d", subscription, now.UnixNano(), n.count.Add(1))
}
