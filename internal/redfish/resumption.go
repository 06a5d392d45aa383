package redfish

import (
	"container/list"
	"crypto/tls"
	"sync"
)

// rememberSessions is to how many BMCs it is remembered how their TLS session
// goes on: more than there are.
const rememberSessions = 100_000

// resumptions remember how the TLS session with each BMC goes on, so that the
// next connection is no full handshake, which keeps a BMC's processor busy for a
// good part of a second. They are kept as bytes, some two kilobytes each: what
// crypto/tls makes of them, certificates above all, takes several times as much.
// It is a tls.ClientSessionCache; the one used longest ago is forgotten first.
type resumptions struct {
	most int

	mu     sync.Mutex
	order  list.List // of *resumption
	byName map[string]*list.Element
}

type resumption struct {
	name          string
	ticket, state []byte
}

func newResumptions(most int) *resumptions {
	return &resumptions{most: most, byName: map[string]*list.Element{}}
}

func (r *resumptions) Get(name string) (*tls.ClientSessionState, bool) {
	r.mu.Lock()
	e := r.byName[name]
	if e == nil {
		r.mu.Unlock()
		return nil, false
	}
	r.order.MoveToFront(e)
	known := e.Value.(*resumption)
	r.mu.Unlock()
	state, err := tls.ParseSessionState(known.state)
	if err != nil {
		return nil, false
	}
	session, err := tls.NewResumptionState(known.ticket, state)
	return session, err == nil
}

func (r *resumptions) Put(name string, session *tls.ClientSessionState) {
	var fresh *resumption
	if session != nil {
		if ticket, state, err := session.ResumptionState(); err == nil && state != nil {
			if text, err := state.Bytes(); err == nil {
				fresh = &resumption{name, ticket, text}
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.byName[name]
	switch {
	case fresh == nil && e != nil:
		r.order.Remove(e)
		delete(r.byName, name)
	case fresh == nil:
	case e != nil:
		e.Value = fresh
		r.order.MoveToFront(e)
	default:
		r.byName[name] = r.order.PushFront(fresh)
		if r.order.Len() > r.most {
			last := r.order.Back()
			r.order.Remove(last)
			delete(r.byName, last.Value.(*resumption).name)
		}
	}
}
