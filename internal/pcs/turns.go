package pcs

import (
	"context"
	"sync"
)

// turns has those that want the same go one after another, in the order in
// which they took their turns.
type turns struct {
	mu   sync.Mutex
	last map[string]chan struct{}
}

// turn is a place in the queue for a key.
type turn struct {
	all    *turns
	key    string
	before chan struct{} // closed when it may go; nil: at once
	over   chan struct{}
}

func (t *turns) take(key string) turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[string]chan struct{}{}
	}
	mine := turn{t, key, t.last[key], make(chan struct{})}
	t.last[key] = mine.over
	return mine
}

// wait returns when the turn has come, or the context ended.
func (t turn) wait(ctx context.Context) error {
	if t.before != nil {
		select {
		case <-t.before:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// end lets the next one go.
func (t turn) end() {
	close(t.over)
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	if t.all.last[t.key] == t.over {
		delete(t.all.last, t.key)
	}
}
