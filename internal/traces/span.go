package traces

import (
	"crypto/sha256"
	"time"
)

// TraceID and SpanID are OpenTelemetry's. They follow from what they are of, so that
// what is sent again is known as the same.
type (
	TraceID [16]byte
	SpanID  [8]byte
)

// Span is something that lasted.
type Span struct {
	Trace  TraceID
	ID     SpanID
	Parent SpanID // zero: it is the trace's root
	Name   string
	Start  time.Time
	End    time.Time
	// Failed and Error are its status. One that did not fail may have had errors on the
	// way: its events tell.
	Failed     bool
	Error      string
	Attributes []Attribute
	Events     []Event
}

// Event is something that happened at a moment.
type Event struct {
	Name       string
	Time       time.Time
	Attributes []Attribute
}

// Attribute says something about a span or an event. Its value is a string, an int or a
// bool.
type Attribute struct {
	Key   string
	Value any
}

// idOf is what stands for the parts, each of which counts as a whole.
func idOf(parts ...string) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, p := range parts {
		part := sha256.Sum256([]byte(p))
		h.Write(part[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func traceID(parts ...string) TraceID {
	sum := idOf(parts...)
	return TraceID(sum[:16])
}

// child is a span of the same trace. The node (empty: none), the name and the start tell
// which.
func (s *Span) child(node, name string, start time.Time) Span {
	sum := idOf(string(s.Trace[:]), node, name, start.UTC().Format(time.RFC3339Nano))
	return Span{Trace: s.Trace, ID: SpanID(sum[:8]), Parent: s.ID, Name: name, Start: start, End: start}
}

func (s *Span) set(key string, value any) {
	s.Attributes = append(s.Attributes, Attribute{key, value})
}

// until has the span last to the time, if it does not last longer.
func (s *Span) until(t time.Time) {
	if t.After(s.End) {
		s.End = t
	}
}

func (s *Span) fail(words string) { s.Failed, s.Error = true, public(words) }
