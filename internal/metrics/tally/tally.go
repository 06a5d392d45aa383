// Package tally is what the owners of figures count with, where a number alone does
// not do. It knows nothing of who asks for them: package metrics shows them.
package tally

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Quick are bounds for answers and writes, Slow for what takes minutes.
var (
	Quick = []time.Duration{time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, 2500 * time.Millisecond, 10 * time.Second}
	Slow  = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
)

// Durations counts how long things took. Counting allocates nothing and waits for
// nobody.
type Durations struct {
	bounds []time.Duration
	within []atomic.Int64 // one for each bound, and one for what was longer
	sum    atomic.Int64
}

// NewDurations counts what took no longer than each of the bounds, which grow.
func NewDurations(bounds []time.Duration) *Durations {
	return &Durations{bounds: bounds, within: make([]atomic.Int64, len(bounds)+1)}
}

// Took counts one that took so long.
func (d *Durations) Took(so time.Duration) {
	i := 0
	for i < len(d.bounds) && so > d.bounds[i] {
		i++
	}
	d.within[i].Add(1)
	d.sum.Add(int64(so))
}

// Read returns how many took no longer than each bound, how many there were, and
// how long all of them took.
func (d *Durations) Read() (within map[time.Duration]int64, count int64, sum time.Duration) {
	within = make(map[time.Duration]int64, len(d.bounds))
	for i, bound := range d.bounds {
		count += d.within[i].Load()
		within[bound] = count
	}
	count += d.within[len(d.bounds)].Load()
	return within, count, time.Duration(d.sum.Load())
}

// Classes are the classes of HTTP's status codes, as they are written.
var Classes = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

// Answers counts answers of HTTP by class.
type Answers [len(Classes)]atomic.Int64

// Add counts an answer. One without status, whose client was gone, is none.
func (a *Answers) Add(status int) {
	if class := status/100 - 1; class >= 0 && class < len(a) {
		a[class].Add(1)
	}
}

// Of tells how many answers there were of a class.
func (a *Answers) Of(class int) int64 { return a[class].Load() }

// Methods are those of HTTP by which requests are counted; all others are one.
var Methods = [...]string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, "other"}

// MethodOf is the method's place among Methods.
func MethodOf(method string) int {
	for i, m := range Methods[:len(Methods)-1] {
		if m == method {
			return i
		}
	}
	return len(Methods) - 1
}

// Work counts what somebody does who works in passes.
type Work struct{ passes, failures, items, busy atomic.Int64 }

// Worked is what was done so far: in how many passes, how many failures there were,
// how many items were dealt with, for how long. Waiting are the items that wait.
type Worked struct {
	Passes, Failures, Items int64
	Busy                    time.Duration
	Waiting                 int
}

// Done counts a pass.
func (w *Work) Done(items int, took time.Duration) {
	w.passes.Add(1)
	w.items.Add(int64(items))
	w.busy.Add(int64(took))
}

// Failed counts failures.
func (w *Work) Failed(n int) { w.failures.Add(int64(n)) }

// Read returns what was done, of which nothing waits that is known here.
func (w *Work) Read() Worked {
	return Worked{Passes: w.passes.Load(), Failures: w.failures.Load(), Items: w.items.Load(), Busy: time.Duration(w.busy.Load())}
}

// Plus is what both did.
func (w Worked) Plus(o Worked) Worked {
	return Worked{w.Passes + o.Passes, w.Failures + o.Failures, w.Items + o.Items, w.Busy + o.Busy, w.Waiting + o.Waiting}
}
