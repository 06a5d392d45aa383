package audit

import (
	"testing"

	"github.com/drover-hpc/drover/internal/store"
)

// PlaceOf is where a record is in the chain, and how long that is up to it.
func PlaceOf(t *testing.T, l *Log, number int64) (Head, int64) {
	t.Helper()
	lines, err := l.lines.Lines(t.Context(), store.Span{After: number - 1, Limit: 1})
	if err != nil || len(lines) != 1 {
		t.Fatal(len(lines), err)
	}
	p := placeOf(lines[0])
	return p.Head, p.Total
}

// PlaceAt is PlaceOf's head.
func PlaceAt(t *testing.T, l *Log, number int64) Head {
	t.Helper()
	h, _ := PlaceOf(t, l, number)
	return h
}

// Flush has the refusals counted now.
func (l *Log) Flush() { l.denials.flush(); l.writing.Wait() }
