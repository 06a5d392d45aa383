package events

import (
	"math/rand/v2"
	"time"
)

const (
	// laterFirst and laterMost are the first and the longest wait of a key that
	// has to be looked at again; it doubles between.
	laterFirst = time.Second
	laterMost  = time.Minute
)

// lateness is how often in a row a key was told to be late.
type lateness struct {
	times int
	now   bool // in the run under way
}

// Later says, from within Run, that nothing could be done for the key now: it
// is looked at again after a wait of its own, of one second at first and of a
// minute at most, or when it is hinted. Other keys are not held up. A run that
// looks at the key and does not say so ends the series.
func (l *Loop) Later(key string, why error) {
	l.mu.Lock()
	l.ensure()
	late := l.late[key]
	if late == nil {
		late = &lateness{}
		l.late[key] = late
	}
	if !late.now {
		late.now = true
		late.times++
	}
	wait := backOff(late.times)
	l.mu.Unlock()
	l.work.Failed(1)
	l.log().Warn("will be looked at again", "loop", l.Name, "key", key, "in", wait.Round(time.Millisecond), "why", why)
	l.At(key, time.Now().Add(wait))
}

// backOff is the wait after so many times, a fifth of it by chance so that
// what failed together does not come back together.
func backOff(times int) time.Duration {
	wait := laterMost
	if times < 7 { // 2^6 s is more than a minute
		wait = min(laterMost, laterFirst<<(times-1))
	}
	return wait - time.Duration(rand.Int64N(int64(wait/5)))
}

// settle ends the series of the keys that the run looked at and that are not
// late any more.
func (l *Loop) settle(w Wake) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.late) == 0 {
		return
	}
	looked := make(map[string]bool, len(w.Keys))
	for _, k := range w.Keys {
		looked[k] = true
	}
	for k, late := range l.late {
		if !late.now && (w.All || looked[k]) {
			delete(l.late, k)
		}
		late.now = false
	}
}
