package proc

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// request is a line to a child.
type request struct {
	Do  string          `json:"do"`
	Arg json.RawMessage `json:"arg,omitempty"`
}

// line is one from a child: the answer to a request, or an event.
type line struct {
	Event  json.RawMessage `json:"event,omitempty"`
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// Operation answers one kind of request.
type Operation func(arg json.RawMessage) (any, error)

// Child is this process, as one that a bench has started.
type Child struct {
	mu  sync.Mutex
	out *json.Encoder
	in  *json.Decoder
}

// NewChild reads the argument that the bench gave to Start into config. From then
// on standard output belongs to the child: nothing else may write there.
func NewChild(config any) (*Child, error) {
	c := &Child{in: json.NewDecoder(bufio.NewReader(os.Stdin)), out: json.NewEncoder(os.Stdout)}
	return c, c.in.Decode(config)
}

// Tell sends an event.
func (c *Child) Tell(event any) {
	text, err := json.Marshal(event)
	if err != nil {
		panic(fmt.Sprintf("event %T does not encode: %v", event, err))
	}
	c.write(line{Event: text})
}

// Answer says ready, which the bench waits for in Start, and then answers
// requests, one after another, until there are no more. Every child knows
// "usage", "collect" and "profile".
func (c *Child) Answer(ready any, operations map[string]Operation) {
	c.reply(ready, nil)
	profile := &profiler{}
	for {
		var r request
		if c.in.Decode(&r) != nil {
			return // the bench has no more questions, or is gone
		}
		operation := operations[r.Do]
		switch r.Do {
		case "usage":
			operation = func(json.RawMessage) (any, error) { return usage(), nil }
		case "collect":
			operation = func(json.RawMessage) (any, error) { return collected(), nil }
		case "profile":
			operation = profile.set
		}
		if operation == nil {
			c.reply(nil, fmt.Errorf("nothing is called %q", r.Do))
			continue
		}
		c.reply(operation(r.Arg))
	}
}

// Fail tells the bench that the child could not start.
func (c *Child) Fail(err error) { c.reply(nil, err) }

func (c *Child) reply(answer any, err error) {
	l := line{Answer: json.RawMessage("null")}
	if err == nil && answer != nil {
		l.Answer, err = json.Marshal(answer)
	}
	if err != nil {
		l = line{Error: err.Error()}
	}
	c.write(l)
}

func (c *Child) write(l line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Encode(l) //nolint:errcheck // the bench is gone; its end of the input ends this process
}
