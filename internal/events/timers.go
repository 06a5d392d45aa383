package events

import (
	"container/heap"
	"time"
)

// timers are keys with the times at which to look at them. The same key and
// time stand only once: who looks at everything sets them all again. The zero
// timers are ready to use.
type timers struct {
	heap timerHeap
	is   map[timer]bool
}

type timer struct {
	key string
	at  int64 // nanoseconds since 1970
}

// set tells whether the timer is new and the first of all.
func (t *timers) set(key string, at time.Time) (first bool) {
	one := timer{key, at.UnixNano()}
	if t.is[one] {
		return false
	}
	if t.is == nil {
		t.is = map[timer]bool{}
	}
	t.is[one] = true
	heap.Push(&t.heap, one)
	return t.heap[0] == one
}

// first is the time of the first timer, zero without any.
func (t *timers) first() time.Time {
	if len(t.heap) == 0 {
		return time.Time{}
	}
	return time.Unix(0, t.heap[0].at)
}

// due takes away the keys whose time has come.
func (t *timers) due(now time.Time) (keys []string) {
	for len(t.heap) > 0 && t.heap[0].at <= now.UnixNano() {
		one := heap.Pop(&t.heap).(timer)
		delete(t.is, one)
		keys = append(keys, one.key)
	}
	return keys
}

type timerHeap []timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
