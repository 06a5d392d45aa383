package audit

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// denials have refusals of a kind counted: the first of a while is written at once,
// the others as one record when the while is over. Their number in memory, and so
// in the database, is bounded whoever asks for what.
type denials struct {
	put    func(Record)
	now    func() time.Time
	nodeAt func(ctx context.Context, address string) string

	mu      sync.Mutex
	seen    map[denial]*counted
	callers map[caller]int // how many kinds each has
}

// caller is whom a refusal is of, denial what is the same of those that are counted
// together.
type (
	caller struct{ name, id, from string }
	denial struct {
		caller
		method, path, why string
	}
)

type counted struct {
	record Record
	more   int // beyond the first
	last   time.Time
}

const (
	// denialWindow is the while.
	denialWindow = time.Minute
	// maxKinds bounds the kinds of refusals of one caller, maxDenials those of all:
	// what goes beyond is counted without the path, and then without the caller.
	maxKinds   = 16
	maxDenials = 128
)

// Denied implements auth.Recorder. It waits for nothing.
func (l *Log) Denied(r *http.Request, right auth.Right, who *auth.Identity, why error) {
	record := recordOf(r, right, who)
	record.Time, record.Outcome, record.Status, record.Why = l.now(), Denied, httpapi.AsProblem(why).Status, why.Error()
	var n names
	n.scan([]byte(r.URL.Path))
	record.Nodes, record.NodeCount, record.Unnamed = n.folded()
	l.denials.add(r.Context(), record.bounded(), r.URL.Path)
}

func (d *denials) add(ctx context.Context, r Record, path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	who := caller{r.Who.Name, r.Who.ID, r.From}
	kind := denial{who, r.Method, short(path, maxText), r.Why}
	if d.seen[kind] == nil && d.callers[who] >= maxKinds {
		kind = denial{caller: who}
		r = Record{Time: r.Time, Who: r.Who, From: r.From, Path: "further calls", Outcome: Denied, Status: r.Status, Why: r.Why}
	}
	if d.seen[kind] == nil && len(d.seen) >= maxDenials {
		kind = denial{}
		r = Record{Time: r.Time, Path: "calls of further callers", Outcome: Denied, Why: "too many were refused to tell them apart"}
	}
	if c := d.seen[kind]; c != nil {
		c.more, c.last = c.more+1, r.Time
		return
	}
	if d.seen == nil {
		d.seen, d.callers = map[denial]*counted{}, map[caller]int{}
	}
	if r.Who.Name == "" && r.From != "" {
		if node := d.nodeAt(ctx, r.From); node != "" {
			r.Who = Who{Name: node, Role: auth.Node}
		}
	}
	d.seen[kind] = &counted{record: r}
	d.callers[who]++
	d.put(r)
}

// flush writes how many there were, and begins a new while.
func (d *denials) flush() {
	d.mu.Lock()
	seen := d.seen
	d.seen, d.callers = nil, nil
	d.mu.Unlock()
	for _, c := range seen {
		if c.more == 0 {
			continue
		}
		r := c.record
		r.Count, r.Until, r.Request = c.more, &c.last, ""
		d.put(r)
	}
}
