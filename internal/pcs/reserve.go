package pcs

import "sync"

// reservations say which transition drives a component: one at a time.
type reservations struct {
	mu     sync.Mutex
	holder map[string]string // xname to transition
}

// take reserves the component for the transition and tells whether it has it now.
func (r *reservations) take(xname, transition string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if holder, taken := r.holder[xname]; taken {
		return holder == transition
	}
	if r.holder == nil {
		r.holder = map[string]string{}
	}
	r.holder[xname] = transition
	return true
}

// held tells whether a transition drives the component.
func (r *reservations) held(xname string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, taken := r.holder[xname]
	return taken
}

// holds tells whether the transition drives the component.
func (r *reservations) holds(xname, transition string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.holder[xname] == transition
}

// release gives the component back if the transition has it.
func (r *reservations) release(xname, transition string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holder[xname] == transition {
		delete(r.holder, xname)
	}
}
