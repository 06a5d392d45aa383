package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// Counters are what a fleet did since it was opened.
type Counters struct {
	// Requests is what nodes asked of services and object stores; Refused of them
	// were answered with 400 or more, Failed not at all.
	Requests int64 `json:"requests"`
	Refused  int64 `json:"refused"`
	Failed   int64 `json:"failed"`
	// LastFailure is what was wrong with the last that failed, and when it was.
	LastFailure string `json:"last_failure,omitempty"`
	// Reported is how many nodes run that have told HSM, BOS and CFS.
	Reported int `json:"reported"`
	// BMCRequests and BMCConnections are what the BMCs were asked.
	BMCRequests    int64 `json:"bmc_requests"`
	BMCConnections int64 `json:"bmc_connections"`
}

// Counters counts on while they are read.
func (f *Fleet) Counters() Counters {
	c := Counters{Requests: f.calls.requests.Load(), Refused: f.calls.refused.Load(), Failed: f.calls.failed.Load()}
	if words := f.calls.lastFailure.Load(); words != nil {
		c.LastFailure = *words
	}
	for i := range f.nodes {
		if f.nodes[i].reported() {
			c.Reported++
		}
	}
	c.BMCConnections, c.BMCRequests = f.bmcs.Counts()
	return c
}

// calls counts what nodes ask.
type calls struct {
	next                      http.RoundTripper
	requests, refused, failed atomic.Int64
	lastFailure               atomic.Pointer[string]
}

// counted has client's calls counted.
func (c *calls) counted(client *http.Client) *http.Client {
	c.next = client.Transport
	if c.next == nil {
		c.next = http.DefaultTransport
	}
	with := *client
	with.Transport = c
	return &with
}

func (c *calls) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	resp, err := c.next.RoundTrip(r)
	switch {
	case errors.Is(err, context.Canceled): // the node gave up, as it was turned off
	case err != nil:
		c.failed.Add(1)
		words := fmt.Sprintf("%s at %s: %v", r.URL, time.Now().UTC().Format(time.RFC3339), err)
		c.lastFailure.Store(&words)
	case resp.StatusCode >= http.StatusBadRequest:
		c.refused.Add(1)
	}
	return resp, err
}
