package hsm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// notifier delivers kept notifications: for each subscription that has some one
// courier, so that a sick subscriber delays no other. A courier tells in order,
// joins what can be told as one, and keeps trying as long as keepFor and
// keepCount allow.
//
//	commit ─► wake ─► dispatch ─► courier of each subscription ─► POST ─► kept is deleted
//	                     ▲            └── no answer: pause, again
//	                     └── resync
type notifier struct {
	service *Service
	client  *http.Client
	// firstPause is the wait after a refusal; it doubles up to lastPause.
	firstPause, lastPause time.Duration
	keepFor               time.Duration
	keepCount             int

	count   atomic.Uint64 // of the notifications that this process kept
	wanted  chan struct{}
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	couriers map[string]bool // by subscription: true if there is more to look at
}

const (
	// notifyTimeout bounds one delivery.
	notifyTimeout = 10 * time.Second
	// notifyResync is how often is looked for what no wake told of.
	notifyResync = 30 * time.Second
	// atOnce is how many kept notifications a courier takes at once.
	atOnce = 500
)

func newNotifier(s *Service) *notifier {
	return &notifier{service: s, client: &http.Client{Timeout: notifyTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		firstPause: time.Second, lastPause: time.Minute, keepFor: time.Hour, keepCount: 10_000,
		wanted: make(chan struct{}, 1), couriers: map[string]bool{}}
}

func (n *notifier) start(ctx context.Context) {
	ctx, n.cancel = context.WithCancel(ctx)
	n.wake()
	n.running.Go(func() { n.dispatch(ctx) })
}

func (n *notifier) stop() {
	if n.cancel != nil {
		n.cancel()
		n.running.Wait()
		n.client.CloseIdleConnections()
	}
}

// wake has what was kept delivered; it is called after the commit.
func (n *notifier) wake() {
	select {
	case n.wanted <- struct{}{}:
	default:
	}
}

func (n *notifier) dispatch(ctx context.Context) {
	tick := time.NewTicker(notifyResync)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.wanted:
		case <-tick.C:
		}
		all, err := n.service.subscriptions.List(ctx, store.Query{})
		if err != nil && ctx.Err() == nil {
			slog.Error("subscriptions not read; will be repeated", "after", notifyResync, "error", err)
		}
		for i := range all {
			n.send(ctx, all[i].ID)
		}
	}
}

// send has a courier look after the subscription.
func (n *notifier) send(ctx context.Context, id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, under := n.couriers[id]; under {
		n.couriers[id] = true
		return
	}
	n.couriers[id] = false
	n.running.Go(func() {
		for {
			n.deliver(ctx, id)
			n.mu.Lock()
			if !n.couriers[id] || ctx.Err() != nil {
				delete(n.couriers, id)
				n.mu.Unlock()
				return
			}
			n.couriers[id] = false
			n.mu.Unlock()
		}
	})
}

// deliver tells the subscriber all that is kept for it.
func (n *notifier) deliver(ctx context.Context, id string) {
	pause := n.firstPause
	for ctx.Err() == nil {
		rows, err := n.service.notifications.List(ctx, store.Query{Prefix: id + "/", Limit: atOnce})
		if err == nil && len(rows) == 0 {
			return
		}
		var sub Subscription
		if err == nil {
			sub, err = n.service.Subscription(ctx, id)
		}
		if fault.Is(err, fault.NotFound) {
			return // and what was kept for it went with it
		}
		if err == nil {
			err = n.tell(ctx, sub.URL, rows)
		}
		if err == nil {
			pause = n.firstPause
			continue
		}
		if ctx.Err() != nil {
			return
		}
		slog.Warn("state change notifications not delivered; will be repeated", "subscriber", sub.Subscriber, "url", sub.URL, "after", pause, "error", err)
		if n.drop(ctx, &sub); !rest(ctx, pause) {
			return
		}
		pause = min(2*pause, n.lastPause)
	}
}

// rest waits; it returns false if the context ends before.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// tell delivers the notifications in order, and forgets those that arrived.
func (n *notifier) tell(ctx context.Context, url string, rows []kept) error {
	for len(rows) > 0 {
		one, joined := rows[0].Notification, 1
		for joined < len(rows) && one.joins(&rows[joined].Notification) {
			joined++
		}
		if err := n.post(ctx, url, &one); err != nil {
			return err
		}
		if _, err := n.service.notifications.Delete(ctx, keysOf(rows[:joined])...); err != nil {
			return err
		}
		rows = rows[joined:]
	}
	return nil
}

func (n *notifier) post(ctx context.Context, url string, one *Notification) error {
	body, err := json.Marshal(one)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := n.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // the connection is used again; the words are for the log
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("subscriber answered %s: %s", resp.Status, text)
	}
	return nil
}

// drop forgets what has been kept for too long or is too much, oldest first.
func (n *notifier) drop(ctx context.Context, sub *Subscription) {
	s := n.service
	q := store.Query{Prefix: sub.ID + "/"}
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		count, err := s.notifications.Count(ctx, q)
		if err != nil {
			return err
		}
		q.Limit = max(atOnce, count-n.keepCount)
		rows, err := s.notifications.List(ctx, q)
		if err != nil {
			return err
		}
		old := 0
		for old < len(rows) && (old < count-n.keepCount || s.now().Sub(rows[old].Since) >= n.keepFor) {
			old++
		}
		if old == 0 {
			return nil
		}
		slog.Error("state change notifications dropped", "subscriber", sub.Subscriber, "url", sub.URL, "count", old,
			"kept_for", n.keepFor, "kept_at_most", n.keepCount)
		_, err = s.notifications.Delete(ctx, keysOf(rows[:old])...)
		return err
	})
	if err != nil && ctx.Err() == nil {
		slog.Error("old state change notifications not dropped; will be repeated", "subscriber", sub.Subscriber, "error", err)
	}
}
