package store

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Queue is a durable, ordered, at-least-once queue in the database. Put joins
// the caller's transaction: the message and the record that it speaks of
// commit together.
type Queue struct {
	db    *DB
	topic string
	now   func() time.Time
}

// Message is one entry of a Queue.
type Message struct {
	ID       int64
	Payload  []byte
	Attempts int // how often it was given back by Retry
}

// NewQueue returns the queue of the topic. Each Put posts a hint for table
// "queue:<topic>".
func NewQueue(db *DB, topic string, now func() time.Time) *Queue {
	return &Queue{db: db, topic: topic, now: now}
}

// Table is the name under which Put posts hints.
func (q *Queue) Table() string { return "queue:" + q.topic }

// Put appends a message.
func (q *Queue) Put(ctx context.Context, payload []byte) error {
	return q.db.InTx(ctx, func(ctx context.Context) error {
		t := txOf(ctx)
		_, err := t.conn.ExecContext(ctx, "INSERT INTO queue (topic, payload) VALUES ($1, $2)", q.topic, string(payload))
		if err != nil {
			return fmt.Errorf("queue %s: %w", q.topic, err)
		}
		q.db.counts.written.Add(1)
		t.note(q.Table())
		return nil
	})
}

// Due returns up to n messages that may be handled now, oldest first. They
// stay in the queue until Done.
func (q *Queue) Due(ctx context.Context, n int) ([]Message, error) {
	rows, err := q.db.reader(ctx).QueryContext(ctx,
		"SELECT id, payload, attempts FROM queue WHERE topic = $1 AND due <= $2 ORDER BY id LIMIT $3",
		q.topic, q.now().UnixMilli(), n)
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", q.topic, err)
	}
	defer rows.Close()
	var out []Message
	for rows.Next() {
		var m Message
		if err := rows.Scan(&m.ID, &m.Payload, &m.Attempts); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// Done removes handled messages; of one that is not there it does nothing.
func (q *Queue) Done(ctx context.Context, ids ...int64) error {
	if len(ids) == 0 {
		return nil
	}
	places, args := make([]string, len(ids)), make([]any, len(ids))
	for i, id := range ids {
		places[i], args[i] = fmt.Sprintf("$%d", i+1), id
	}
	return q.exec(ctx, len(ids), "DELETE FROM queue WHERE id IN ("+strings.Join(places, ", ")+")", args...)
}

// Len is how many messages there are, whether due or not.
func (q *Queue) Len(ctx context.Context) (n int64, err error) {
	rows, err := q.db.reader(ctx).QueryContext(ctx, "SELECT COUNT(*) FROM queue WHERE topic = $1", q.topic)
	if err != nil {
		return 0, fmt.Errorf("queue %s: %w", q.topic, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// Retry gives a message back, to be handled again after the delay.
func (q *Queue) Retry(ctx context.Context, id int64, delay time.Duration) error {
	return q.exec(ctx, 1, "UPDATE queue SET attempts = attempts + 1, due = $2 WHERE id = $1",
		id, q.now().Add(delay).UnixMilli())
}

func (q *Queue) exec(ctx context.Context, n int, text string, args ...any) error {
	return q.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := txOf(ctx).conn.ExecContext(ctx, text, args...); err != nil {
			return fmt.Errorf("queue %s: %w", q.topic, err)
		}
		q.db.counts.written.Add(int64(n))
		return nil
	})
}
