package virtual

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// monitor speaks QMP, QEMU's monitor protocol, on a connection that QEMU
// inherited. Its methods are safe for concurrent use.
type monitor struct {
	conn  net.Conn
	ready chan struct{} // closed by the greeting
	gone  chan struct{} // closed when QEMU is

	mu      sync.Mutex
	last    int
	waiting map[int]chan error
}

// message is whatever QEMU says: a greeting, an answer, an event.
type message struct {
	QMP    json.RawMessage
	Return json.RawMessage
	Error  *struct{ Desc string }
	ID     int
}

func newMonitor(conn net.Conn) *monitor {
	m := &monitor{conn: conn, ready: make(chan struct{}), gone: make(chan struct{}), waiting: map[int]chan error{}}
	go m.listen()
	return m
}

func (m *monitor) listen() {
	defer close(m.gone)
	in := json.NewDecoder(m.conn)
	for greeted := false; ; {
		var msg message
		if err := in.Decode(&msg); err != nil {
			return
		}
		switch {
		case msg.QMP != nil && !greeted:
			greeted = true
			close(m.ready)
		case msg.Return != nil || msg.Error != nil:
			m.answer(msg)
		}
	}
}

func (m *monitor) answer(msg message) {
	m.mu.Lock()
	answer := m.waiting[msg.ID]
	delete(m.waiting, msg.ID)
	m.mu.Unlock()
	if answer == nil {
		return
	}
	if msg.Error != nil {
		answer <- errors.New(msg.Error.Desc)
		return
	}
	answer <- nil
}

// open waits for the greeting and makes the monitor take commands.
func (m *monitor) open(ctx context.Context) error {
	select {
	case <-m.ready:
		return m.run(ctx, "qmp_capabilities")
	case <-m.gone:
		return io.EOF
	case <-ctx.Done():
		return fmt.Errorf("QEMU's monitor said nothing: %w", ctx.Err())
	}
}

// run has QEMU execute the command and waits for its answer.
func (m *monitor) run(ctx context.Context, command string) error {
	answer := make(chan error, 1)
	m.mu.Lock()
	m.last++
	id := m.last
	m.waiting[id] = answer
	text := fmt.Sprintf("{\"execute\":%q,\"id\":%d}\n", command, id)
	deadline, _ := ctx.Deadline()     // a QEMU that stands still reads nothing
	m.conn.SetWriteDeadline(deadline) //nolint:errcheck // Write reports it
	_, err := io.WriteString(m.conn, text)
	m.mu.Unlock()
	if err == nil {
		select {
		case err = <-answer:
		case <-m.gone:
			err = io.EOF
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err == nil {
		return nil
	}
	m.mu.Lock()
	delete(m.waiting, id)
	m.mu.Unlock()
	return fmt.Errorf("QEMU: %s: %w", command, err)
}
