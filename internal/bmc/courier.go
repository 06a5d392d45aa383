package bmc

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// couriers is how many events are under way at once.
	couriers = 16
	// mostWaiting bounds the events that wait for one courier; further ones are lost.
	mostWaiting = 10_000
	// deliveries is how often an event is sent to who does not take it, with pauses
	// between them, as the event service says.
	deliveries    = 4
	deliveryPause = time.Second
	deliveryTime  = 5 * time.Second
)

// courier takes events to their destinations, those of one controller in order.
type courier struct {
	client http.Client
	ctx    context.Context
	cancel context.CancelFunc
	events atomic.Int64 // so far
	lanes  [couriers]lane
}

// lane is what waits for one of the goroutines, which ends when nothing does.
type lane struct {
	mu      sync.Mutex
	waiting []parcel
	moving  bool
}

type parcel struct {
	to   string
	text []byte
}

func newCourier() *courier {
	c := &courier{client: http.Client{Timeout: deliveryTime, Transport: &http.Transport{
		MaxIdleConnsPerHost: couriers,
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as most controllers do by default
	}}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

func (c *courier) close() {
	c.cancel()
	c.client.CloseIdleConnections()
}

func (c *courier) send(controller int, to string, text []byte) {
	l := &c.lanes[controller%couriers]
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= mostWaiting || c.ctx.Err() != nil {
		return
	}
	l.waiting = append(l.waiting, parcel{to, text})
	if !l.moving {
		l.moving = true
		go c.move(l)
	}
}

// move delivers what waits, and ends.
func (c *courier) move(l *lane) {
	for {
		l.mu.Lock()
		if len(l.waiting) == 0 || c.ctx.Err() != nil {
			l.waiting, l.moving = nil, false
			l.mu.Unlock()
			return
		}
		p := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.mu.Unlock()
		c.deliver(p)
	}
}

// deliver sends it until it is taken, a few times.
func (c *courier) deliver(p parcel) {
	for try := range deliveries {
		if try > 0 {
			select {
			case <-c.ctx.Done():
				return
			case <-time.After(deliveryPause):
			}
		}
		r, err := http.NewRequestWithContext(c.ctx, http.MethodPost, p.to, bytes.NewReader(p.text))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("OData-Version", "4.0")
		resp, err := c.client.Do(r)
		if err != nil {
			continue
		}
		io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)) //nolint:errcheck // it is not used
		resp.Body.Close()
		if resp.StatusCode < http.StatusMultipleChoices {
			return
		}
	}
}
